//! What a pass saw, counted; told to the metrics only once the pass is committed.

use std::collections::BTreeMap;

/// Counts by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    pub(crate) fn count(&mut self, finding: &'static str) {
        self.add(finding, 1);
    }

    pub(crate) fn add(&mut self, finding: &'static str, times: u64) {
        if times > 0 {
            *self.0.entry(finding).or_default() += times;
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (finding, times) in other.0 {
            self.add(finding, times);
        }
    }

    /// Adds everything to `turnpike_receipts_findings_total`.
    pub(crate) fn publish(&self) {
        for (finding, times) in &self.0 {
            metrics::counter!("turnpike_receipts_findings_total", "finding" => *finding).increment(*times);
        }
    }
}
