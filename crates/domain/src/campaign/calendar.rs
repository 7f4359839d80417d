//! When it is that time at the recipient's.

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

/// The first instant at which a clock on a wall of this zone shows `shown` or later. An hour that summer time skips is shown when the
/// clock jumps over it; of one that comes twice, the first counts.
pub fn instant(zone: Tz, shown: NaiveDateTime) -> DateTime<Utc> {
    // No zone jumps further than a day (the Pacific islands that changed sides of the date line).
    const STEP: TimeDelta = TimeDelta::minutes(1);
    let mut asked = shown;
    for _ in 0..=24 * 60 {
        match zone.from_local_datetime(&asked) {
            LocalResult::Single(at) => return at.to_utc(),
            LocalResult::Ambiguous(first, second) => return first.min(second).to_utc(),
            LocalResult::None => asked += STEP,
        }
    }
    Utc.from_utc_datetime(&shown)
}

/// The same for the name of a zone; where none is known, by UTC.
pub fn instant_in(zone: Option<&str>, shown: NaiveDateTime) -> DateTime<Utc> {
    instant(zone.and_then(crate::zone::parse).unwrap_or(Tz::UTC), shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;
    use proptest::prelude::*;

    fn shown(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn summer_time_is_harmless() {
        let berlin = Tz::Europe__Berlin;
        assert_eq!(
            instant(berlin, shown("2026-01-15T09:00:00")),
            utc("2026-01-15T08:00:00Z")
        );
        assert_eq!(
            instant(berlin, shown("2026-07-15T09:00:00")),
            utc("2026-07-15T07:00:00Z")
        );
        // 02:00 to 03:00 is skipped on that night, and comes twice on the other.
        assert_eq!(
            instant(berlin, shown("2026-03-29T02:30:00")),
            utc("2026-03-29T01:00:00Z")
        );
        assert_eq!(
            instant(berlin, shown("2026-10-25T02:30:00")),
            utc("2026-10-25T00:30:00Z")
        );
        assert_eq!(
            instant(Tz::Asia__Kolkata, shown("2026-07-15T09:00:00")),
            utc("2026-07-15T03:30:00Z")
        );
        // A day that never was: Samoa went from the 29th to the 31st.
        assert_eq!(
            instant(Tz::Pacific__Apia, shown("2011-12-30T12:00:00")),
            utc("2011-12-30T10:00:00Z")
        );
    }

    proptest! {
        /// Never early, in any zone, on any day: right before that instant no clock shows the time or a later one, but for the hour
        /// that comes twice.
        #[test]
        fn it_is_never_early(zone in proptest::sample::select(chrono_tz::TZ_VARIANTS.to_vec()), minute in 0_i64..525_600 * 3) {
            let shown = NaiveDate::from_ymd_opt(2025, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap() + TimeDelta::minutes(minute);

            let at = instant(zone, shown);

            prop_assert!(at.with_timezone(&zone).naive_local() >= shown);
            let before = (at - TimeDelta::seconds(1)).with_timezone(&zone).naive_local();
            prop_assert!(before < shown, "{before} in {zone}");
        }
    }
}
