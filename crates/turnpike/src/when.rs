//! A time as people type it: `2026-12-24T09:00:00Z`, or `+10m` from now.

use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// A time that may depend on when it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    At(DateTime<Utc>),
    In(TimeDelta),
}

impl When {
    /// In the form of the API.
    pub(crate) fn to_text(self, now: DateTime<Utc>) -> String {
        let at = match self {
            Self::At(at) => at,
            Self::In(time) => now + time,
        };
        at.to_rfc3339_opts(SecondsFormat::Millis, true)
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = match text.strip_prefix('+') {
            Some(time) => relative(time).map(Self::In),
            None => DateTime::parse_from_rfc3339(text).ok().map(|at| Self::At(at.to_utc())),
        };
        time.ok_or_else(|| {
            "expected a time as in 2026-12-24T09:00:00Z (with Z or an offset), or +30s, +10m, +2h, +1d from now"
                .to_owned()
        })
    }
}

/// `10m`: a whole number and its unit.
fn relative(text: &str) -> Option<TimeDelta> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number = number
        .bytes()
        .all(|letter| letter.is_ascii_digit())
        .then(|| number.parse().ok())??;
    let time = match unit {
        "s" => TimeDelta::try_seconds(number),
        "m" => TimeDelta::try_minutes(number),
        "h" => TimeDelta::try_hours(number),
        "d" => TimeDelta::try_days(number),
        _ => None,
    };
    // A century is surely a typing mistake, and stays inside what a date can hold.
    time.filter(|time| *time <= TimeDelta::days(36_500))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<String, String> {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        text.parse::<When>().map(|when| when.to_text(now))
    }

    #[test]
    fn both_forms_are_read() {
        assert_eq!(check("2026-12-24T09:00:00Z").unwrap(), "2026-12-24T09:00:00.000Z");
        assert_eq!(check("2026-12-24T09:00:00+01:00").unwrap(), "2026-12-24T08:00:00.000Z");
        assert_eq!(check("+90s").unwrap(), "2023-11-14T22:14:50.000Z");
        assert_eq!(check("+1d").unwrap(), "2023-11-15T22:13:20.000Z");
    }

    #[test]
    fn anything_else_is_told_the_two_forms() {
        for text in [
            "",
            "+",
            "tomorrow",
            "10m",
            "+10",
            "+m",
            "+-5m",
            "+é",
            "+1w",
            "+999999999999999999d",
            "2026-12-24",
        ] {
            assert!(check(text).unwrap_err().contains("+10m"), "{text}");
        }
    }
}
