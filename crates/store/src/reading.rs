//! One look at the ledger's clock, and what it says about our own.
//!
//! All limits are counted on the ledger's clock; a program knows its own only as a stopwatch. A look at the ledger's clock is asked
//! for at one reading of the stopwatch and answered at another, and was taken somewhere in between. Whoever must not be early
//! reckons from the answer, whoever must not be late from the question, so neither depends on how long the look took.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// The ledger's clock at some moment between two readings of the stopwatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    at: DateTime<Utc>,
    asked: Instant,
    answered: Instant,
}

impl Reading {
    /// The ledger said `at`, after `asked` and before `answered`.
    pub fn new(at: DateTime<Utc>, asked: Instant, answered: Instant) -> Self {
        Self { at, asked, answered }
    }

    /// What the ledger's clock said.
    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// The first moment at which the ledger's clock surely says `time` or later.
    pub fn surely_reached(&self, time: DateTime<Utc>) -> Instant {
        shift(self.answered, time - self.at)
    }

    /// The last moment at which the ledger's clock surely says no more than `time`.
    pub fn surely_not_passed(&self, time: DateTime<Utc>) -> Instant {
        shift(self.asked, time - self.at)
    }

    /// What the ledger's clock says at `moment`, or a little less: by no more than the look took.
    pub fn time(&self, moment: Instant) -> DateTime<Utc> {
        let passed = match moment.checked_duration_since(self.answered) {
            Some(after) => TimeDelta::from_std(after),
            None => TimeDelta::from_std(self.answered - moment).map(|before| -before),
        };
        self.at + passed.unwrap_or(TimeDelta::MAX / 4)
    }
}

fn shift(from: Instant, by: TimeDelta) -> Instant {
    // Far beyond anything that is waited for, and far from where arithmetic on instants ends.
    const FAR: Duration = Duration::from_secs(86_400 * 365);
    match by.to_std() {
        Ok(later) => from + later.min(FAR),
        // A stopwatch may not reach back that far; then the moment is past in any case.
        Err(_) => from.checked_sub((-by).to_std().unwrap_or(FAR)).unwrap_or(from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever moment between the question and the answer the ledger looked at its clock.
        #[test]
        fn a_bound_holds_wherever_the_look_was_taken(round_trip_ms in 0_u64..500, place in 0.0..=1.0_f64, ahead_ms in -2_000_i64..2_000) {
            let at = DateTime::from_timestamp(1_750_000_000, 0).unwrap();
            let asked = Instant::now() + Duration::from_secs(10);
            let round_trip = Duration::from_millis(round_trip_ms);
            let looked = asked + round_trip.mul_f64(place);
            let reading = Reading::new(at, asked, asked + round_trip);
            let time = at + TimeDelta::milliseconds(ahead_ms);

            let truly = shift(looked, TimeDelta::milliseconds(ahead_ms));

            prop_assert!(reading.surely_reached(time) >= truly);
            prop_assert!(reading.surely_not_passed(time) <= truly);
            prop_assert!(reading.time(truly) <= time);
            prop_assert!(reading.time(truly) >= time - TimeDelta::from_std(round_trip).unwrap());
        }
    }

    #[test]
    fn times_beyond_reason_do_not_panic() {
        let now = Instant::now();
        let reading = Reading::new(DateTime::UNIX_EPOCH, now, now);

        assert!(reading.surely_reached(DateTime::<Utc>::MAX_UTC) > now);
        assert!(reading.surely_not_passed(DateTime::<Utc>::MIN_UTC) <= now);
    }
}
