//! Who asked not to be written to is not written to; who asked for no marketing gets none.

use super::{Facts, Verdict};
use crate::category::Category;
use crate::reason::Reason;

pub(super) fn rule(facts: &Facts) -> Option<Verdict> {
    if facts.opted_out || (facts.opted_out_of_marketing && facts.category == Category::Marketing) {
        Verdict::drop(Reason::OptedOut)
    } else {
        None
    }
}
