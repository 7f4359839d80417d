//! Campaigns: one plan, any number of recipients, and the rules that decide how many of them may go now.
//!
//! A campaign's recipients are a list until shortly before they go. Then they become messages of a flow (one sender number, one time), as many as [`ramp`], the messaging limit and the pace allow. What never became a message was never sent,
//! which is what makes a cancel exact and a change of the plan cheap.

pub mod allowance;
pub mod calendar;
pub mod judge;
pub mod plan;
pub mod ramp;
pub mod safety;
pub mod split;

use std::fmt;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::category::Category;
use crate::ids::NumberId;
pub use ramp::Ramp;
pub use safety::Safety;

/// Most recipients of one campaign.
pub const MAX_RECIPIENTS: u32 = 1_000_000;
/// A start that was missed by more than this (an outage, a clock) is not made up for by itself: somebody has to say that it still
/// makes sense.
pub const LATEST_START: TimeDelta = TimeDelta::hours(24);
/// The share of a messaging limit, in percent, that marketing leaves to other templates unless the campaign says otherwise.
pub const DEFAULT_RESERVE_PERCENT: u8 = 10;

/// Where a campaign is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Nobody is in it yet.
    Draft,
    /// It has recipients, and more may come.
    Adding,
    /// Its audience is frozen; its time has not come.
    Scheduled,
    /// It goes.
    Running,
    /// Held, by somebody or by itself.
    Paused,
    /// Nothing of it waits any more.
    Done,
    /// Called back.
    Canceled,
}

impl Status {
    /// All of them, in the order of a campaign's life.
    pub const ALL: [Self; 7] = [
        Self::Draft,
        Self::Adding,
        Self::Scheduled,
        Self::Running,
        Self::Paused,
        Self::Done,
        Self::Canceled,
    ];

    /// The word, in the database and for everybody.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Adding => "adding",
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Canceled => "canceled",
        }
    }

    /// The status of a word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether recipients may still come.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Draft | Self::Adding)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a campaign says and how it goes. Frozen when it starts, but for its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// What is said: one template, or several that share the audience. Never empty.
    pub variants: Vec<Variant>,
    /// From which numbers; the audience is shared out evenly. Never empty.
    pub numbers: Vec<NumberId>,
    /// Not before then.
    pub scheduled_at: Option<DateTime<Utc>>,
    /// Not before the clock on the recipient's wall shows this. Instead of `scheduled_at`.
    pub scheduled_local: Option<NaiveDateTime>,
    /// Not after then.
    pub expires_at: Option<DateTime<Utc>>,
    /// Where the caller wants to hear of its messages.
    pub webhook_url: Option<String>,
    /// The caller's own, for recipients that have none of their own.
    pub metadata: Option<Value>,
    /// The share of the messaging limit, in percent, that it leaves to others; by the templates' category when it is not said.
    pub tier_reserve_percent: Option<u8>,
    /// How it warms up.
    pub ramp: Option<Ramp>,
    /// What stops it.
    #[serde(default)]
    pub safety: Safety,
}

/// One of the templates that share a campaign's audience.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// What it is called in counts.
    pub name: String,
    /// The template.
    pub template_name: String,
    /// Its language.
    pub template_language: String,
    /// Parameters for recipients that have none of their own.
    pub template_params: Option<Value>,
    /// Its share, compared with the others'.
    pub weight: u32,
}

impl Options {
    /// The variant of a recipient: the same whenever it is asked.
    pub fn variant_of(&self, recipient: &str) -> usize {
        let weights: Vec<u32> = self.variants.iter().map(|variant| variant.weight).collect();
        split::pick("variant", recipient, &weights)
    }

    /// The place among [`numbers`](Self::numbers) of the number that writes to a recipient: the same whenever it is asked.
    pub fn number_of(&self, recipient: &str) -> usize {
        split::pick("number", recipient, &vec![1; self.numbers.len()])
    }

    /// How many places of a messaging limit of `limit` it leaves to others.
    pub fn reserve(&self, limit: u32, categories: &[Category]) -> u32 {
        let by_category = if categories.contains(&Category::Marketing) {
            DEFAULT_RESERVE_PERCENT
        } else {
            0
        };
        let percent = u64::from(self.tier_reserve_percent.unwrap_or(by_category).min(100));
        u32::try_from(u64::from(limit) * percent / 100).unwrap_or(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_round_trip() {
        assert!(
            Status::ALL
                .iter()
                .all(|status| Status::parse(status.as_str()) == Some(*status))
        );
        assert_eq!(Status::parse("gone"), None);
    }

    #[test]
    fn marketing_leaves_a_share_to_others_unless_it_says_otherwise() {
        let mut options = Options {
            variants: Vec::new(),
            numbers: Vec::new(),
            scheduled_at: None,
            scheduled_local: None,
            expires_at: None,
            webhook_url: None,
            metadata: None,
            tier_reserve_percent: None,
            ramp: None,
            safety: Safety::default(),
        };

        assert_eq!(options.reserve(250, &[Category::Marketing]), 25);
        assert_eq!(options.reserve(250, &[Category::Utility]), 0);
        options.tier_reserve_percent = Some(40);
        assert_eq!(options.reserve(1000, &[Category::Utility]), 400);
    }
}
