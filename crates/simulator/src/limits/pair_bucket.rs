//! The pair rate: one message per 6 s from a number to one user, with a burst of 45 borrowed from the future.
//!
//! Source of the figures: Meta's throughput page, "pair rate limits". A bucket that refills one message at a time models it.

/// How large a burst may be and how fast it is paid back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PairRate {
    /// Messages a rested pair may get at once.
    pub(crate) burst: u64,
    /// Nanoseconds until one message is paid back; 0 means no pair rate.
    pub(crate) refill_ns: u64,
}

/// The bucket of one pair, kept as the moment at which it will be full again (so a rested pair needs no upkeep).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PairBucket {
    full_at: u64,
}

impl PairBucket {
    /// True when one more message fits at `now`.
    pub(crate) fn has_room(self, rate: PairRate, now: u64) -> bool {
        let owed = self.full_at.saturating_sub(now);
        owed.saturating_add(rate.refill_ns) <= rate.burst.saturating_mul(rate.refill_ns)
    }

    /// Takes one message; the caller has asked [`PairBucket::has_room`] before.
    pub(crate) fn take(&mut self, rate: PairRate, now: u64) {
        self.full_at = self.full_at.max(now).saturating_add(rate.refill_ns);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const META: PairRate = PairRate {
        burst: 45,
        refill_ns: 6_000_000_000,
    };

    #[test]
    fn a_rested_pair_gets_45_at_once_and_then_one_in_6_s() {
        let mut bucket = PairBucket::default();
        for nth in 1..=45 {
            assert!(bucket.has_room(META, 0), "message {nth} of the burst");
            bucket.take(META, 0);
        }

        assert!(!bucket.has_room(META, 0));
        assert!(!bucket.has_room(META, 5_999_999_999));
        assert!(bucket.has_room(META, 6_000_000_000));
    }

    #[test]
    fn no_refill_time_means_no_pair_rate() {
        let none = PairRate {
            burst: 45,
            refill_ns: 0,
        };
        let mut bucket = PairBucket::default();

        for _ in 0..1_000 {
            assert!(bucket.has_room(none, 7));
            bucket.take(none, 7);
        }
    }

    proptest! {
        #[test]
        fn a_bucket_that_counts_its_level_agrees(
            burst in 1u64..6,
            refill_ns in 1u64..50,
            steps in prop::collection::vec(0u64..80, 0..200),
        ) {
            let rate = PairRate { burst, refill_ns };
            let mut bucket = PairBucket::default();
            // The textbook bucket: a level in units of 1/refill message, topped up as time passes.
            let mut level = burst * refill_ns;
            let mut now = 0;
            for step in steps {
                now += step;
                level = (level + step).min(burst * refill_ns);
                let expected = level >= refill_ns;

                prop_assert_eq!(bucket.has_room(rate, now), expected);
                if expected {
                    level -= refill_ns;
                    bucket.take(rate, now);
                }
            }
        }
    }
}
