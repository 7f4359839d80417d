//! When a provably refused attempt may be repeated.

use chrono::{DateTime, TimeDelta, Utc};

const FIRST: TimeDelta = TimeDelta::seconds(2);
const CAP: TimeDelta = TimeDelta::minutes(10);
/// After this many refused attempts the last refusal is final.
pub const MAX_FAILURES: u32 = 10;

/// When to try again after the `failures`-th refusal (from 1), or `None` when that was the last. Doubles from 2 s to 10 min;
/// `jitter` in `[0, 1)` spreads the lower half away, so that refused rows do not come back in step.
pub fn next(failures: u32, jitter: f64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if failures >= MAX_FAILURES {
        return None;
    }
    let doubled = FIRST * (1 << failures.saturating_sub(1).min(16));
    let full = doubled.min(CAP);
    let part = 0.5 + 0.5 * jitter.clamp(0.0, 1.0);
    Some(now + TimeDelta::milliseconds((full.num_milliseconds() as f64 * part) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_retry_is_always_later_and_never_beyond_the_cap(failures in 1_u32..MAX_FAILURES, jitter in 0.0..1.0_f64) {
            let now = DateTime::UNIX_EPOCH;
            let at = next(failures, jitter, now).unwrap();
            prop_assert!(at >= now + FIRST / 2);
            prop_assert!(at <= now + CAP);
        }
    }

    #[test]
    fn the_last_refusal_is_final() {
        assert_eq!(next(MAX_FAILURES, 0.5, DateTime::UNIX_EPOCH), None);
    }
}
