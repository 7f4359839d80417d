//! A restricted account waits: Meta lifts restrictions, and a webhook or an operator reopens the gate.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Facts, Verdict};
use crate::reason::Reason;

/// How often a waiting message looks whether the restriction is gone. The reopening webhook wakes nobody by itself.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(5);

pub(super) fn rule(facts: &Facts, now: DateTime<Utc>) -> Option<Verdict> {
    if facts.account_restricted {
        Verdict::wait(now + LOOK_AGAIN, Reason::AccountRestricted)
    } else {
        None
    }
}
