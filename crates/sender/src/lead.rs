//! How far ahead slots are taken.
//!
//! A slot is a moment, and a POST may set out no more than a few milliseconds after it, or the pace would be broken at Meta. On a machine
//! that has time, what lies between the ledger's clock and that moment is a commit. On one that has none it is much more, every slot
//! is past when it is heard of, and a sender would claim, give back and claim again, each time making the machine busier. So it takes
//! its slots further ahead when it misses some, and comes back when it keeps them.
//!
//! **Invariant:** only ever later, never more: how many slots there are is counted in the ledger.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use store::admission::Pacing;

/// The first step, and the last.
const STEP: Duration = Duration::from_millis(10);
const MOST: Duration = Duration::from_millis(400);
/// A stall makes a whole batch miss its slots, and is one step, not a hundred.
const MISSED_EVERY: Duration = Duration::from_millis(20);
/// However many slots are kept, coming back takes its time: each miss costs a second claim, and on a machine that is short of time they
/// come a few times a second.
const KEPT_EVERY: Duration = Duration::from_millis(100);
/// Steps to come back by a factor of e: five seconds of a busy sender, or fifty slots of one that has little to send.
const PATIENCE: u32 = 50;

/// What is added to the lead of every slot; one for all lanes of a process.
#[derive(Debug, Default)]
pub(crate) struct Lead(Mutex<Extra>);

#[derive(Debug, Default)]
struct Extra {
    time: Duration,
    missed_at: Option<Instant>,
    kept_at: Option<Instant>,
}

impl Lead {
    /// A slot was past before its POST could set out.
    pub(crate) fn missed(&self, now: Instant) {
        self.with(|extra| {
            if is_over(extra.missed_at, MISSED_EVERY, now) {
                extra.missed_at = Some(now);
                extra.time = (extra.time * 2).clamp(STEP, MOST);
            }
        });
    }

    /// A POST set out at its slot.
    pub(crate) fn kept(&self, now: Instant) {
        self.with(|extra| {
            if is_over(extra.kept_at, KEPT_EVERY, now) {
                extra.kept_at = Some(now);
                extra.time = extra
                    .time
                    .saturating_sub((extra.time / PATIENCE).max(Duration::from_micros(1)));
            }
        });
    }

    /// Slots as far ahead as they have to be just now.
    pub(crate) fn stretch(&self, pacing: Pacing) -> Pacing {
        let extra = self.with(|extra| extra.time);
        Pacing {
            horizon: pacing.horizon + extra,
            lead: pacing.lead + extra,
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Extra) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn is_over(last: Option<Instant>, every: Duration, now: Instant) -> bool {
    last.is_none_or(|last| now >= last + every)
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

    /// Moments that are this far apart.
    fn every(step: Duration) -> impl Iterator<Item = Instant> {
        let start = Instant::now();
        (0..).map(move |n| start + step * n)
    }

    #[test]
    fn whoever_keeps_every_slot_takes_none_further_ahead() {
        let lead = Lead::default();

        every(KEPT_EVERY).take(1000).for_each(|now| lead.kept(now));

        assert_eq!(extra(&lead), Duration::ZERO);
    }

    #[test]
    fn whoever_misses_slots_takes_them_further_ahead_up_to_a_bound_and_comes_back() {
        let lead = Lead::default();
        let mut times = every(KEPT_EVERY);

        lead.missed(times.next().unwrap());
        assert_eq!(extra(&lead), STEP);
        times.by_ref().take(20).for_each(|now| lead.missed(now));
        assert_eq!(extra(&lead), MOST);

        times.take(1000).for_each(|now| lead.kept(now));
        assert_eq!(extra(&lead), Duration::ZERO);
    }

    #[test]
    fn a_miss_now_and_then_changes_little() {
        let lead = Lead::default();
        let mut times = every(KEPT_EVERY);

        for _ in 0..100 {
            lead.missed(times.next().unwrap());
            times.by_ref().take(99).for_each(|now| lead.kept(now));
        }

        assert!(extra(&lead) <= Duration::from_millis(5), "{:?}", extra(&lead));
    }

    #[test]
    fn a_stall_is_one_step_however_many_slots_it_costs() {
        let lead = Lead::default();

        every(Duration::from_micros(100))
            .take(100)
            .for_each(|now| lead.missed(now));

        assert_eq!(extra(&lead), STEP);
    }

    #[test]
    fn a_busy_sender_comes_back_as_slowly_as_one_that_keeps_ten_slots_a_second() {
        let (busy, idle) = (Lead::default(), Lead::default());
        let start = Instant::now();
        for lead in [&busy, &idle] {
            lead.missed(start);
        }

        every(Duration::from_millis(1))
            .take(5_000)
            .for_each(|now| busy.kept(now));
        every(KEPT_EVERY).take(50).for_each(|now| idle.kept(now));

        assert_eq!(extra(&busy), extra(&idle));
        assert!(extra(&busy) > STEP / 3 && extra(&busy) < STEP / 2, "{:?}", extra(&busy));
    }
}
