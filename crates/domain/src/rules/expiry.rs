//! Late beyond `expires_at` is expired, not sent.

use chrono::{DateTime, Utc};

use super::{Facts, Verdict};
use crate::reason::Reason;

pub(super) fn rule(facts: &Facts, now: DateTime<Utc>) -> Option<Verdict> {
    if facts.expires_at <= now {
        Verdict::drop(Reason::Expired)
    } else {
        None
    }
}
