//! Learned slow-down: a number that Meta finds too fast (130429) goes at half its pace, and gets it back little by little.
//!
//! The pace is granted by Meta and kept with room to spare, so this should never happen; it does where something else sends from the
//! same number, or Meta grants less than was declared. To go on at the same pace then would cost a refused attempt every few messages.

use chrono::{DateTime, TimeDelta, Utc};

/// Throttles that come within this time are one: those that were on their way when the first was heard.
const ONE: TimeDelta = TimeDelta::seconds(10);
/// Never slower than that share of the full pace; throttles still hold the number for seconds each.
const SLOWEST: f64 = 1.0 / 16.0;
/// The share of the full pace that comes back in a minute.
const RECOVERY_PER_MINUTE: f64 = 0.1;
/// Beyond that share it is the full pace, and the slow-down is forgotten.
const FULL: f64 = 0.999;

/// A number is slowed down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlowDown {
    /// To that share of its full pace, in (0, 1].
    pub to: f64,
    /// Since then.
    pub at: DateTime<Utc>,
}

impl SlowDown {
    /// What a throttle makes of a number that was slowed down like `before`, or not at all.
    pub fn throttled(before: Option<Self>, now: DateTime<Utc>) -> Self {
        let share = match before {
            Some(before) if now - before.at < ONE => return before,
            Some(before) => before.share(now),
            None => 1.0,
        };
        Self {
            to: (share / 2.0).max(SLOWEST),
            at: now,
        }
    }

    /// The share of its full pace that the number has back by now, in (0, 1].
    pub fn share(self, now: DateTime<Utc>) -> f64 {
        let minutes = (now - self.at).as_seconds_f64().max(0.0) / 60.0;
        (self.to + minutes * RECOVERY_PER_MINUTE).min(1.0)
    }

    /// It is over.
    pub fn is_over(self, now: DateTime<Utc>) -> bool {
        self.share(now) >= FULL
    }

    /// When the number has its full pace again, unless Meta throttles it once more.
    pub fn ends_at(self) -> DateTime<Utc> {
        let seconds = (1.0 - self.to) / RECOVERY_PER_MINUTE * 60.0;
        self.at + TimeDelta::milliseconds((seconds * 1000.0).ceil() as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_750_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_throttle_halves_the_pace_and_a_burst_of_them_halves_it_once() {
        let first = SlowDown::throttled(None, at(0));
        assert_eq!(first.to, 0.5);
        assert_eq!(SlowDown::throttled(Some(first), at(3)), first);
        let second = SlowDown::throttled(Some(first), at(60));
        assert!(
            (second.to - 0.3).abs() < 1e-9,
            "half of the 60 % it had back: {second:?}"
        );
    }

    #[test]
    fn it_is_over_after_five_minutes_without_another() {
        let slow = SlowDown::throttled(None, at(0));
        assert!(!slow.is_over(at(299)));
        assert!(slow.is_over(at(300)));
        assert_eq!(slow.ends_at(), at(300));
    }

    proptest! {
        #[test]
        fn the_share_stays_in_bounds_falls_with_throttles_and_never_falls_by_itself(
            gaps in proptest::collection::vec(0_i64..900, 1..40),
            look in 0_i64..2_000,
        ) {
            let (mut slow, mut now): (Option<SlowDown>, i64) = (None, 0);
            for gap in gaps {
                now += gap;
                let before = slow.map_or(1.0, |slow| slow.share(at(now)));
                let after = SlowDown::throttled(slow, at(now));
                let is_new = slow.is_none_or(|slow| at(now) - slow.at >= ONE);
                let share = after.share(at(now));
                prop_assert!((SLOWEST..=1.0).contains(&share));
                prop_assert!(!is_new || share <= before / 2.0 || share == SLOWEST);
                prop_assert!(share <= before + 1e-9 || before < SLOWEST);
                prop_assert!(after.share(at(now + look)) >= share);
                prop_assert!(after.is_over(after.ends_at()));
                slow = Some(after);
            }
        }
    }
}
