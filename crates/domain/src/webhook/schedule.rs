//! When a delivery that failed is tried again: at once, and then ever more patiently for more than a day.

use chrono::{DateTime, TimeDelta, Utc};

/// Seconds from one attempt to the next; the Standard Webhooks specification's own advice. About 27 h 35 min in all.
const WAITS: [i64; 7] = [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600];
/// Attempts of one delivery; the last failure is final, until somebody replays it.
pub const ATTEMPTS: u32 = WAITS.len() as u32 + 1;
/// Longest that a receiver's `Retry-After` puts an attempt off.
const LONGEST_WISH: TimeDelta = TimeDelta::hours(1);

/// When to try again after the `attempts`-th failure (from 1), or `None` when that was the last. `jitter` in `[0, 1)` moves it by up to
/// a tenth either way, so that what failed together does not come back together. `wish` is what the receiver asked for.
pub fn next(attempts: u32, jitter: f64, wish: Option<TimeDelta>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let wait = WAITS.get(usize::try_from(attempts.max(1)).ok()? - 1)?;
    let spread = TimeDelta::milliseconds((*wait as f64 * spread_of(jitter)) as i64);
    let wish = wish.unwrap_or_default().clamp(TimeDelta::zero(), LONGEST_WISH);
    Some(now + spread.max(wish))
}

/// Milliseconds that a second becomes.
fn spread_of(jitter: f64) -> f64 {
    900.0 + 200.0 * jitter.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EPOCH: DateTime<Utc> = DateTime::UNIX_EPOCH;

    #[test]
    fn whatever_the_jitter_it_is_tried_for_more_than_a_day_and_less_than_a_day_and_a_half() {
        for jitter in [0.0, 0.5, 0.999] {
            let mut at = EPOCH;
            let mut attempts = 1;
            while let Some(next) = next(attempts, jitter, None, at) {
                (at, attempts) = (next, attempts + 1);
            }
            let took = at - EPOCH;
            assert_eq!(attempts, ATTEMPTS);
            assert!(took > TimeDelta::hours(24) && took < TimeDelta::hours(36), "{took}");
        }
    }

    #[test]
    fn the_last_failure_is_final() {
        assert_eq!(next(ATTEMPTS, 0.5, Some(TimeDelta::seconds(9)), EPOCH), None);
        assert_eq!(next(u32::MAX, 0.5, None, EPOCH), None);
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_less_nor_for_ever() {
        let asking = |wish| next(1, 0.5, Some(wish), EPOCH).unwrap() - EPOCH;

        assert_eq!(asking(TimeDelta::seconds(60)), TimeDelta::seconds(60));
        assert_eq!(asking(TimeDelta::seconds(1)), TimeDelta::seconds(5));
        assert_eq!(asking(TimeDelta::days(365)), TimeDelta::hours(1));
        assert_eq!(asking(TimeDelta::seconds(-9)), TimeDelta::seconds(5));
    }

    proptest! {
        #[test]
        fn waits_grow_and_jitter_moves_them_by_a_tenth_at_most(attempts in 1..ATTEMPTS, one in 0.0..1.0_f64, other in 0.0..1.0_f64) {
            let wait = |attempts, jitter| next(attempts, jitter, None, EPOCH).map(|at| (at - EPOCH).num_milliseconds());
            let (one, other) = (wait(attempts, one).unwrap(), wait(attempts, other).unwrap());
            prop_assert!(one > 0);
            prop_assert!((one - other).abs() * 9 <= one.max(other) * 2);
            if let Some(later) = wait(attempts + 1, 0.0) {
                prop_assert!(later as f64 >= one as f64 * 0.8);
            }
        }
    }
}
