//! How fast a sender number may go, and how much of its work the broker may hold.

use chrono::{DateTime, TimeDelta, Utc};

/// The most a POST may set out after its slot; one that would be later gives the slot up.
pub const MAX_SEND_DELAY: TimeDelta = TimeDelta::milliseconds(35);
/// How much longer one POST may be on its way than another. Beyond our control, so it is only allowed for. Seen on two cores at a load
/// of eight: a number of 250/s that allowed for 40 ms in all once showed 252 arrivals in a second, which takes 48 ms.
const TRAVEL_JITTER: TimeDelta = TimeDelta::milliseconds(15);

/// Slots per second for a limit of `limit` messages in any one-second window at the receiver.
///
/// Arrivals are slots plus a delay in `[0, J]`, and at most `floor((1 + J) * r) + 1` of them fall into any one second, hence
/// `r = (L - 1) / (1 + J)`: 75.2/s for 80, 951/s for 1,000, with a `J` of 50 ms. A limit of one leaves no room for the `+ 1` of the
/// formula, so it is spaced by the whole second and the delay.
pub fn slots_per_second(limit: u32) -> f64 {
    f64::from(limit.saturating_sub(1)).max(0.9) / (1.0 + spread())
}

/// `J`: how far apart in seconds two POSTs of one slot could arrive.
fn spread() -> f64 {
    (MAX_SEND_DELAY + TRAVEL_JITTER).as_seconds_f64()
}

/// Meta counts what a number receives against the same messages per second as what it sends. A webhook that comes late tells of a
/// second that is over, and takes no slot of this one.
const INBOUND_IS_PAST: TimeDelta = TimeDelta::seconds(5);
/// Inbound messages push the next slot away by no more than that. Replies look a second ahead and still find one; bulk looks a tenth
/// of a second ahead and waits until the number receives less.
pub const INBOUND_TAKES_AT_MOST: TimeDelta = TimeDelta::milliseconds(500);

/// Whether a message that a number received at `at`, by Meta's clock, takes a slot of its pace.
pub fn inbound_takes_a_slot(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now - at <= INBOUND_IS_PAST
}

/// How many rows of a number may be with the broker at once: a second of its pace, as what comes next waits that long in any case, and
/// never so few that replicas would wait for the next release pass.
pub fn depth(throughput: u32) -> u32 {
    throughput.max(8)
}

/// How long after its release a queued row is looked at again, for the `rings`-th time: its job may have been lost. Grows, so
/// that a slow consumer is not buried under doubled jobs.
pub fn ring_again_after(rings: u32) -> TimeDelta {
    TimeDelta::seconds(10 << rings.min(6))
}

/// How long a claim may be silent before the attempt is called uncertain. Longer than everything a live sender can still do:
/// wait for the slot (2 s), connect (3 s), answer (30 s), write back (a few seconds).
pub const LEASE: TimeDelta = TimeDelta::seconds(90);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The claim of the formula, against brute force: slots at the computed pace, each delayed by anything within the bound.
        #[test]
        fn no_second_ever_sees_more_than_the_limit(limit in 1_u32..200, delays in proptest::collection::vec(0.0..=1.0_f64, 400)) {
            let pace = slots_per_second(limit);
            let mut arrivals: Vec<f64> = delays
                .iter()
                .enumerate()
                .map(|(n, delay)| n as f64 / pace + delay * spread())
                .collect();
            arrivals.sort_by(f64::total_cmp);
            for (first, start) in arrivals.iter().enumerate() {
                let within = arrivals[first..].iter().take_while(|at| **at < start + 1.0).count();
                prop_assert!(within <= limit as usize, "{within} arrivals in a second, limit {limit}");
            }
        }
    }

    #[test]
    fn at_least_92_percent_of_a_standard_limit_is_used() {
        assert!(slots_per_second(80) >= 0.92 * 80.0);
        assert!(slots_per_second(1000) >= 0.92 * 1000.0);
    }

    #[test]
    fn what_was_received_just_now_takes_a_slot_and_what_a_late_webhook_tells_does_not() {
        let now = DateTime::from_timestamp(1_750_000_000, 0).unwrap();
        assert!(inbound_takes_a_slot(now - TimeDelta::seconds(5), now));
        assert!(!inbound_takes_a_slot(now - TimeDelta::seconds(6), now));
    }

    #[test]
    fn rings_grow_and_stay_bounded() {
        assert_eq!(ring_again_after(0), TimeDelta::seconds(10));
        assert_eq!(ring_again_after(1), TimeDelta::seconds(20));
        assert_eq!(ring_again_after(60), TimeDelta::seconds(640));
    }
}
