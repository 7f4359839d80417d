//! How far ahead slots are taken.
//!
//! A slot is a moment, and a POST may set out no more than a few milliseconds after it, or the pace would be broken at Meta. On a machine
//! that has time, what lies between the ledger's clock and that moment is a commit. On one that has none it is much more, every slot
//! is past when it is heard of, and a sender would claim, give back and claim again, each time making the machine busier. So it takes
//! its slots further ahead when it misses some, and comes back when it keeps them.
//!
//! **Invariant:** only ever later, never more: how many slots there are is counted in the ledger.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use store::admission::Pacing;

/// The first step, and the last.
const STEP_US: u64 = 10_000;
const MOST_US: u64 = 400_000;
/// Slots that have to be kept to come back by a factor of e. With the doubling for each that is missed, about one in thirty may be.
const PATIENCE: u64 = 50;

/// What is added to the lead of every slot, in microseconds; one for all lanes of a process.
#[derive(Debug, Default)]
pub(crate) struct Lead(AtomicU64);

impl Lead {
    /// A slot was past before its POST could set out.
    pub(crate) fn missed(&self) {
        self.change(|extra| (extra * 2).clamp(STEP_US, MOST_US));
    }

    /// A POST set out at its slot.
    pub(crate) fn kept(&self) {
        self.change(|extra| extra.saturating_sub(extra.div_ceil(PATIENCE)));
    }

    /// Slots as far ahead as they have to be just now.
    pub(crate) fn stretch(&self, pacing: Pacing) -> Pacing {
        let extra = Duration::from_micros(self.0.load(Ordering::Relaxed));
        Pacing {
            horizon: pacing.horizon + extra,
            lead: pacing.lead + extra,
        }
    }

    fn change(&self, next: impl Fn(u64) -> u64) {
        // Another task's change may get lost, which is no harm.
        self.0.store(next(self.0.load(Ordering::Relaxed)), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACING: Pacing = Pacing {
        horizon: Duration::from_millis(100),
        lead: Duration::from_millis(10),
    };

    fn extra(lead: &Lead) -> Duration {
        let stretched = lead.stretch(PACING);
        assert_eq!(stretched.horizon - PACING.horizon, stretched.lead - PACING.lead);
        stretched.lead - PACING.lead
    }

    #[test]
    fn whoever_keeps_every_slot_takes_none_further_ahead() {
        let lead = Lead::default();

        (0..1000).for_each(|_| lead.kept());

        assert_eq!(extra(&lead), Duration::ZERO);
    }

    #[test]
    fn whoever_misses_slots_takes_them_further_ahead_up_to_a_bound_and_comes_back() {
        let lead = Lead::default();

        lead.missed();
        assert_eq!(extra(&lead), Duration::from_millis(10));
        (0..20).for_each(|_| lead.missed());
        assert_eq!(extra(&lead), Duration::from_millis(400));

        (0..1000).for_each(|_| lead.kept());
        assert_eq!(extra(&lead), Duration::ZERO);
    }

    #[test]
    fn a_miss_now_and_then_changes_little() {
        let lead = Lead::default();

        for _ in 0..100 {
            lead.missed();
            (0..99).for_each(|_| lead.kept());
        }

        assert!(extra(&lead) <= Duration::from_millis(5), "{:?}", extra(&lead));
    }
}
