use chrono_tz::TZ_VARIANTS;
use proptest::prelude::*;

use super::*;
use crate::recipient::Recipient;

fn hours(start: &str, end: &str) -> QuietHours {
    serde_json::from_value(serde_json::json!({"start": start, "end": end})).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[track_caller]
fn check(hours: &QuietHours, zone: Tz, now: &str, expected: Option<&str>) {
    assert_eq!(
        hours.until(Zones::Known(zone), at(now)),
        expected.map(at),
        "{now} in {zone}"
    );
}

#[test]
fn a_message_of_the_night_waits_for_the_morning_there() {
    let night = hours("21:00", "08:00");
    let berlin = Tz::Europe__Berlin;

    check(&night, berlin, "2026-01-10T19:59:59Z", None);
    check(&night, berlin, "2026-01-10T20:00:00Z", Some("2026-01-11T07:00:00Z"));
    check(&night, berlin, "2026-01-11T06:59:59Z", Some("2026-01-11T07:00:00Z"));
    check(&night, berlin, "2026-01-11T07:00:00Z", None);
    check(
        &night,
        Tz::Asia__Kolkata,
        "2026-01-10T15:30:00Z",
        Some("2026-01-11T02:30:00Z"),
    );
    // A rest at noon, within one day.
    let siesta = hours("14:00", "16:00");
    check(
        &siesta,
        Tz::Europe__Madrid,
        "2026-07-10T12:30:00Z",
        Some("2026-07-10T14:00:00Z"),
    );
    check(&siesta, Tz::Europe__Madrid, "2026-07-10T20:00:00Z", None);
}

#[test]
fn summer_time_shortens_and_lengthens_the_night() {
    let berlin = Tz::Europe__Berlin;
    // Forward on 2026-03-29 at 01:00 UTC (02:00 there), back on 2026-10-25 at 01:00 UTC (03:00 there).
    let night = hours("21:00", "08:00");
    check(&night, berlin, "2026-03-28T20:00:00Z", Some("2026-03-29T06:00:00Z"));
    check(&night, berlin, "2026-10-24T19:00:00Z", Some("2026-10-25T07:00:00Z"));
    // An end that is skipped, and one that comes twice.
    let early = hours("22:00", "02:30");
    check(&early, berlin, "2026-03-28T22:00:00Z", Some("2026-03-29T01:00:00Z"));
    check(&early, berlin, "2026-10-24T22:00:00Z", Some("2026-10-25T00:30:00Z"));
    check(&early, berlin, "2026-10-25T01:10:00Z", Some("2026-10-25T01:30:00Z"));
    // The night ends in the very moment in which the clock goes back into it.
    check(
        &hours("22:00", "03:00"),
        berlin,
        "2026-10-24T22:00:00Z",
        Some("2026-10-25T02:00:00Z"),
    );
}

#[test]
fn a_country_is_quiet_while_one_of_its_zones_is() {
    let zones = Zones::of(&Recipient::parse("+15551234567").unwrap(), None);
    let night = hours("21:00", "08:00");
    // Evening in Newfoundland (UTC-3:30) until morning in Hawaii (UTC-10).
    assert_eq!(night.until(zones, at("2026-01-10T00:29:00Z")), None);
    assert_eq!(
        night.until(zones, at("2026-01-10T00:30:00Z")),
        Some(at("2026-01-10T18:00:00Z"))
    );
    assert_eq!(
        night.until(zones, at("2026-01-10T17:59:00Z")),
        Some(at("2026-01-10T18:00:00Z"))
    );
}

#[test]
fn where_the_nights_of_a_country_leave_no_moment_its_main_zone_decides() {
    let russia = Zones::of(&Recipient::parse("+79261234567").unwrap(), None);
    let long = hours("18:00", "10:00");
    // Moscow is at UTC+3; with eleven zones it is always night somewhere.
    assert_eq!(
        long.until(russia, at("2026-01-10T16:00:00Z")),
        Some(at("2026-01-11T07:00:00Z"))
    );
    assert_eq!(long.until(russia, at("2026-01-11T07:00:00Z")), None);
}

#[test]
fn a_time_that_is_none_is_refused_and_a_good_one_is_written_as_it_was_read() {
    let read = |text: &str| serde_json::from_value::<QuietHours>(serde_json::json!({"start": text, "end": "08:00"}));

    assert!(
        read("25:00")
            .unwrap_err()
            .to_string()
            .contains("\"25:00\" is not a time of day")
    );
    assert!(read("9 pm").is_err());
    let written = serde_json::to_value(read("21:00").unwrap()).unwrap();
    assert_eq!(
        written,
        serde_json::json!({"start": "21:00", "end": "08:00", "categories": ["MARKETING"]})
    );
}

fn any_hours() -> impl Strategy<Value = QuietHours> {
    let minute = || 0..1440_u32;
    let same = |(start, end): &(u32, u32)| start != end;
    (minute(), minute())
        .prop_filter("not a whole day", same)
        .prop_map(|(start, end)| QuietHours {
            start: NaiveTime::from_num_seconds_from_midnight_opt(start * 60, 0).unwrap(),
            end: NaiveTime::from_num_seconds_from_midnight_opt(end * 60, 0).unwrap(),
            categories: marketing(),
        })
}

/// Moments of 2025 to 2027, half of them within a day of a change of the zone's offset, where there is one.
fn any_moment(zone: Tz) -> impl Strategy<Value = DateTime<Utc>> {
    let (first, last) = (at("2025-01-01T00:00:00Z"), at("2027-12-31T00:00:00Z"));
    let days = (last - first).num_days();
    // No zone changes twice in twenty days.
    let mut changes: Vec<i64> = (0..days)
        .step_by(20)
        .filter_map(|day| change(zone, first + TimeDelta::days(day), first + TimeDelta::days(day + 20)))
        .map(|change| change.timestamp())
        .collect();
    if changes.is_empty() {
        changes.push(first.timestamp());
    }
    let anywhen = first.timestamp()..last.timestamp();
    let near = (proptest::sample::select(changes), -90_000..90_000_i64).prop_map(|(change, away)| change + away);
    prop_oneof![anywhen, near].prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap())
}

fn any_zone_and_moment() -> impl Strategy<Value = (Tz, DateTime<Utc>)> {
    proptest::sample::select(TZ_VARIANTS.to_vec()).prop_flat_map(|zone| (Just(zone), any_moment(zone)))
}

/// As slowly as can be, and so beyond doubt: minute by minute until the clock shows a time that is not quiet.
fn first_calm_minute(hours: &QuietHours, zone: Tz, from: DateTime<Utc>) -> DateTime<Utc> {
    let minutes = (0..).map(|minute| from + TimeDelta::minutes(minute));
    minutes
        .into_iter()
        .find(|at| !hours.is_quiet(local(zone, *at)))
        .unwrap()
}

fn facts(hours: QuietHours, zones: Zones) -> Facts {
    let mut facts = super::super::tests::template_message();
    facts.category = Category::Marketing;
    facts.policies.quiet_hours = Some(Night { hours, zones });
    facts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn nothing_goes_in_the_quiet_hours_of_any_zone_and_what_waits_waits_for_their_end(
        hours in any_hours(),
        (zone, now) in any_zone_and_moment(),
    ) {
        match rule(&facts(hours.clone(), Zones::Known(zone)), now) {
            None => {
                for later in 0..=MARGIN.num_seconds() {
                    prop_assert!(!hours.is_quiet(local(zone, now + TimeDelta::seconds(later))));
                }
            }
            Some(Verdict::Defer { until: Some(until), reason: Reason::QuietHours }) => {
                prop_assert!(until > now && !hours.is_quiet(local(zone, until)));
                // Not a minute longer than needed: on the whole minute before the night began, or in it, the clock says when.
                let begun = if hours.is_quiet(local(zone, now)) { now } else { now + MARGIN };
                let whole = begun - TimeDelta::seconds(begun.timestamp().rem_euclid(60));
                if hours.is_quiet(local(zone, whole)) {
                    prop_assert_eq!(until, first_calm_minute(&hours, zone, whole));
                }
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn a_country_s_message_waits_for_a_moment_that_is_quiet_nowhere_in_it(
        hours in any_hours(),
        country in proptest::sample::select(vec!["+15551234567", "+79261234567", "+5511912345678", "+61412345678", "+6281234567", "+4915112345678"]),
        seconds in 1_735_700_000_i64..1_830_000_000,
    ) {
        let zones = Zones::of(&Recipient::parse(country).unwrap(), None);
        let now = DateTime::from_timestamp(seconds, 0).unwrap();
        let quiet_anywhere = |at| zones.all().iter().any(|zone| hours.is_quiet(local(*zone, at)));
        let until = hours.until(zones, now);

        let quarters = |from: DateTime<Utc>| (0..=192).map(move |quarter| from + TimeDelta::minutes(15 * quarter));
        match until {
            // Nobody sleeps; or somebody always does, and most do not.
            None => prop_assert!(!quiet_anywhere(now) || (quarters(now).all(quiet_anywhere) && !hours.is_quiet(local(zones.main(), now)))),
            Some(until) if !quiet_anywhere(until) => prop_assert!(until > now && quiet_anywhere(now)),
            Some(until) => prop_assert!(quarters(now).all(quiet_anywhere) && !hours.is_quiet(local(zones.main(), until))),
        }
    }
}
