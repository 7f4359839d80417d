//! The sender number must be connected, and not paused.

use chrono::{DateTime, Utc};

use super::{Facts, Verdict};
use crate::reason::Reason;

pub(super) fn rule(facts: &Facts, now: DateTime<Utc>) -> Option<Verdict> {
    if !facts.number.connected {
        return Verdict::drop(Reason::SenderNotConnected);
    }
    match facts.number.paused_until {
        Some(until) if until > now => Verdict::wait(until, Reason::SenderPaused),
        _ => None,
    }
}
