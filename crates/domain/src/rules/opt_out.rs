//! Who asked not to be written to is not written to.

use super::{Facts, Verdict};
use crate::reason::Reason;

pub(super) fn rule(facts: &Facts) -> Option<Verdict> {
    if facts.opted_out {
        Verdict::drop(Reason::OptedOut)
    } else {
        None
    }
}
