//! What a sender must never do, whatever Meta answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Details of this many violations are kept; all are counted.
const KEPT: usize = 1_000;

/// The rules a violation breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViolationKind {
    /// More POSTs (and inbound messages) in a one-second window than the number's throughput.
    ThroughputExceeded,
    /// A message to a pair whose bucket was empty.
    PairRateExceeded,
    /// A new recipient when the portfolio's messaging limit was used up.
    MessagingLimitExceeded,
    /// A free-form message while the customer service window was closed.
    FreeFormOutsideWindow,
    /// The same opaque string accepted again.
    DuplicateOpaque,
    /// The same message id accepted again.
    DuplicateMessage,
    /// A `to` without `+`, which Meta reads as a national number.
    ToWithoutPlus,
}

/// One breach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The rule.
    pub kind: ViolationKind,
    /// Ledger entry at fault; for a throughput broken by an inbound message, the entry before it.
    pub seq: u64,
    /// When, in nanoseconds since the simulator started.
    pub at_ns: u64,
    /// The sender number.
    pub phone_number_id: String,
    /// The facts, in a sentence.
    pub detail: String,
}

/// All breaches: counted by kind, the first thousand in detail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violations {
    /// Breaches by rule.
    pub counts: BTreeMap<ViolationKind, u64>,
    /// The first of them.
    pub list: Vec<Violation>,
}

impl Violations {
    /// Breaches of one rule.
    pub fn count(&self, kind: ViolationKind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    pub(crate) fn add(&mut self, violation: Violation) {
        *self.counts.entry(violation.kind).or_default() += 1;
        if self.list.len() < KEPT {
            self.list.push(violation);
        }
    }
}
