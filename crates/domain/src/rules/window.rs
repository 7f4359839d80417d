//! The 24-hour service window: free-form messages go only to people who wrote in the last 24 hours.
//!
//! One rule for the pre-flight check (window-status) and for the gate; the gate alone keeps a margin, because a message that
//! is accepted a second before the window closes may reach Meta a second after.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Facts, Verdict};
use crate::category::Category;
use crate::reason::Reason;

/// How long a window stays open after an inbound message (Meta, "customer service window").
pub const LENGTH: TimeDelta = TimeDelta::hours(24);
/// How much earlier the gate closes than the window.
pub const MARGIN: TimeDelta = TimeDelta::seconds(60);
/// Session messages that wait for their number's pace go before all others once their window closes as soon as that, the earliest
/// edge first. Enough to send 135,000 messages at Meta's standard pace, and short enough that others seldom notice. The release pass
/// has it as a literal.
pub const URGENT: TimeDelta = TimeDelta::minutes(30);

/// The service window between a sender number (or any number of an organization) and a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// When the recipient last wrote, by Meta's clock; `None` when never.
    pub last_inbound_at: Option<DateTime<Utc>>,
}

/// The answer of the pre-flight check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// An inbound message was received in the last 24 hours: free-form replies are allowed.
    Within {
        /// When it closes.
        until: DateTime<Utc>,
    },
    /// The last inbound message is older than 24 hours: templates only.
    Expired {
        /// When it closed.
        at: DateTime<Utc>,
    },
    /// No inbound message was ever received from this person.
    NoInboundHistory,
}

impl Standing {
    /// The code of window-status.
    pub fn code(self) -> &'static str {
        match self {
            Self::Within { .. } => "within_window",
            Self::Expired { .. } => "window_expired",
            Self::NoInboundHistory => "no_inbound_history",
        }
    }
}

impl Window {
    /// Until when a session message may set out; `None` when nobody ever wrote.
    pub fn edge(self) -> Option<DateTime<Utc>> {
        self.last_inbound_at.map(|at| at + LENGTH - MARGIN)
    }

    /// Where the window stands. It is closed at exactly 24 hours.
    pub fn standing(self, now: DateTime<Utc>) -> Standing {
        match self.last_inbound_at.map(|at| at + LENGTH) {
            None => Standing::NoInboundHistory,
            Some(until) if until > now => Standing::Within { until },
            Some(at) => Standing::Expired { at },
        }
    }
}

pub(super) fn rule(facts: &Facts, now: DateTime<Utc>) -> Option<Verdict> {
    if facts.category != Category::Service {
        return None;
    }
    let reason = match facts.window.standing(now + MARGIN) {
        Standing::Within { .. } => return None,
        Standing::Expired { .. } => Reason::WindowExpired,
        Standing::NoInboundHistory => Reason::NoInboundHistory,
    };
    if facts.has_fallback {
        return Some(Verdict::FallBack { reason });
    }
    Verdict::drop(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Seconds since the last inbound message: any, and often those around the two edges.
    fn ages() -> impl Strategy<Value = i64> {
        prop_oneof![-200_000_i64..200_000, 86_335_i64..86_345, 86_395_i64..86_405]
    }

    proptest! {
        #[test]
        fn the_window_is_open_for_exactly_24_hours_after_the_last_inbound(seconds in ages()) {
            let last = DateTime::from_timestamp(1_750_000_000, 0).unwrap();
            let now = last + TimeDelta::seconds(seconds);
            let open = matches!(Window { last_inbound_at: Some(last) }.standing(now), Standing::Within { .. });
            prop_assert_eq!(open, seconds < 86_400);
        }

        #[test]
        fn a_message_may_set_out_until_its_edge_and_not_at_it(seconds in ages()) {
            let last = DateTime::from_timestamp(1_750_000_000, 0).unwrap();
            let now = last + TimeDelta::seconds(seconds);
            let window = Window { last_inbound_at: Some(last) };
            let open = matches!(window.standing(now + MARGIN), Standing::Within { .. });
            prop_assert_eq!(open, now < window.edge().unwrap());
        }
    }
}
