//! The two lanes of the road: a reply never queues behind a campaign.

use serde::{Deserialize, Serialize};

/// Which queue a job travels in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Single messages and replies.
    Rt,
    /// Rows of broadcasts and campaigns.
    Bulk,
}

impl Lane {
    /// Both lanes, the urgent one first.
    pub const ALL: [Self; 2] = [Self::Rt, Self::Bulk];

    /// The code in the database.
    pub fn code(self) -> i16 {
        match self {
            Self::Rt => 0,
            Self::Bulk => 1,
        }
    }

    /// The lane of a code in the database.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.code() == code)
    }

    /// The routing key, and the last word of the queue's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rt => "rt",
            Self::Bulk => "bulk",
        }
    }
}
