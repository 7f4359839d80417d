//! Warming up: a number that is new, or was still for long, begins slowly. People who get unexpected messages block and report, and
//! Meta lowers the quality of a number for that long before anybody looks.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// So many messages in the first hour, and in each that follows so many times as many as in the one before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// Messages of the whole campaign in the first hour; 1 or more.
    pub first_hour: u32,
    /// By how much each hour outdoes the one before; from 1, which is a steady pace, to 10.
    #[serde(default = "double")]
    pub factor: f64,
}

fn double() -> f64 {
    2.0
}

impl Ramp {
    /// How many messages may have gone after so much time; evenly within each hour, and one at once.
    pub fn allowed(&self, elapsed: TimeDelta) -> u64 {
        /// Enough for any campaign, and far from where floating point ends.
        const ALL: f64 = 1e12;
        let mut hours = elapsed.as_seconds_f64().max(0.0) / 3_600.0;
        let (mut allowed, mut rate) = (1.0, f64::from(self.first_hour.max(1)));
        while hours > 0.0 && allowed < ALL {
            allowed += rate * hours.min(1.0);
            hours -= 1.0;
            rate *= self.factor.clamp(1.0, 10.0);
        }
        allowed.min(ALL) as u64
    }

    /// The pace at that time, in messages per second.
    pub fn pace(&self, elapsed: TimeDelta) -> f64 {
        let hour = (elapsed.as_seconds_f64().max(0.0) / 3_600.0).floor().min(1_000.0);
        let factor = self.factor.clamp(1.0, 10.0);
        f64::from(self.first_hour.max(1)) / 3_600.0 * factor.powf(hour).min(1e12)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_hour_outdoes_the_one_before() {
        let ramp = Ramp {
            first_hour: 60,
            factor: 2.0,
        };
        let after = |minutes| ramp.allowed(TimeDelta::minutes(minutes));

        assert_eq!([0, 1, 60, 120, 180].map(after), [1, 2, 61, 181, 421]);
        assert_eq!(ramp.allowed(TimeDelta::days(400)), 1_000_000_000_000);
    }

    proptest! {
        #[test]
        fn it_only_ever_grows_and_by_no_more_than_the_pace(first_hour in 1_u32..100_000, factor in 1.0..4.0_f64, seconds in 0_i64..100_000) {
            let ramp = Ramp { first_hour, factor };
            let (now, later) = (TimeDelta::seconds(seconds), TimeDelta::seconds(seconds + 1));

            let more = ramp.allowed(later) - ramp.allowed(now);

            prop_assert!(more as f64 <= ramp.pace(later) + 1.0);
        }
    }
}
