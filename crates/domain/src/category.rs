//! What a message is in Meta's price list and rules.

use serde::{Deserialize, Serialize};

/// A template's category, or `service` for a free-form (session) message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Category {
    /// Free-form; only inside the service window.
    Service,
    /// Order updates, reminders.
    Utility,
    /// One-time codes.
    Authentication,
    /// Everything that sells. Meta may hold these for up to an hour (template pacing).
    Marketing,
}

impl Category {
    /// All categories.
    pub const ALL: [Self; 4] = [Self::Service, Self::Utility, Self::Authentication, Self::Marketing];

    /// The code in the database.
    pub fn code(self) -> i16 {
        match self {
            Self::Service => 0,
            Self::Utility => 1,
            Self::Authentication => 2,
            Self::Marketing => 3,
        }
    }

    /// The category of a code in the database.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.code() == code)
    }

    /// Meta's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "SERVICE",
            Self::Utility => "UTILITY",
            Self::Authentication => "AUTHENTICATION",
            Self::Marketing => "MARKETING",
        }
    }

    /// The category of Meta's word, whatever its case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|category| category.as_str().eq_ignore_ascii_case(text))
    }

    /// How long an outcome that cannot be known waits for a webhook before it is given up, counted from the attempt.
    /// Marketing waits longer, because Meta may hold a template for an hour (target p99 of template pacing).
    pub fn hold(self) -> chrono::TimeDelta {
        match self {
            Self::Marketing => chrono::TimeDelta::minutes(75),
            Self::Service | Self::Utility | Self::Authentication => chrono::TimeDelta::minutes(15),
        }
    }
}
