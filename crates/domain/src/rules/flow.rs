//! Stop means stop: the rows of a canceled flow never go, those of a paused flow wait for it.

use super::{Facts, FlowStatus, Verdict};
use crate::reason::Reason;

pub(super) fn rule(facts: &Facts) -> Option<Verdict> {
    match facts.flow? {
        FlowStatus::Running => None,
        FlowStatus::Paused => Some(Verdict::Defer {
            until: None,
            reason: Reason::FlowPaused,
        }),
        FlowStatus::Canceled => Verdict::drop(Reason::Canceled),
    }
}
