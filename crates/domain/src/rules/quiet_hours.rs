//! Quiet hours: nobody is woken up. A message that comes at night waits until morning, by the recipient's own clock.
//!
//! In a country with several zones it is night while it is night in any of them, so that nobody there is woken. Where the nights of
//! a country leave no such moment within two days, the zone of most of its people decides alone.
//!
//! **Invariant:** the time is compared as the clock on the wall shows it, instant by instant. An hour that summer time skips is not
//! waited for, and one that comes twice is quiet both times.

use chrono::{DateTime, NaiveTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{Facts, Verdict};
use crate::category::Category;
use crate::reason::Reason;
use crate::zone::Zones;

/// How much earlier the gate closes than the night begins: a message is on its way for a moment after the decision.
pub const MARGIN: TimeDelta = TimeDelta::seconds(60);
/// How far ahead to look for a moment that suits all zones of a country.
const SEARCH: TimeDelta = TimeDelta::days(2);

/// When an organization does not want to disturb, and with what. Declared as
/// `quiet_hours = { start = "21:00", end = "08:00", categories = ["MARKETING"] }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// Quiet from then on, by the recipient's clock.
    #[serde(with = "time_of_day")]
    pub start: NaiveTime,
    /// Until before then, on the same day or the next.
    #[serde(with = "time_of_day")]
    pub end: NaiveTime,
    /// What waits.
    #[serde(default = "marketing")]
    pub categories: Vec<Category>,
}

fn marketing() -> Vec<Category> {
    vec![Category::Marketing]
}

/// What the rule looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Night {
    /// The organization's.
    pub hours: QuietHours,
    /// The recipient's.
    pub zones: Zones,
}

pub(super) fn rule(facts: &Facts, now: DateTime<Utc>) -> Option<Verdict> {
    let night = facts.policies.quiet_hours.as_ref()?;
    if !night.hours.categories.contains(&facts.category) {
        return None;
    }
    let hours = &night.hours;
    let until = hours
        .until(night.zones, now)
        .or_else(|| hours.until(night.zones, now + MARGIN))?;
    Verdict::wait(until, Reason::QuietHours)
}

impl QuietHours {
    /// When the night is over that reigns at this moment in these zones; `None` by day.
    pub fn until(&self, zones: Zones, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut morning = self.end_in_any(zones.all(), at)?;
        while morning <= at + SEARCH {
            match self.end_in_any(zones.all(), morning) {
                Some(later) => morning = later,
                None => return Some(morning),
            }
        }
        self.end_in_any(&[zones.main()], at)
    }

    fn end_in_any(&self, zones: &[Tz], at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        zones
            .iter()
            .find(|zone| self.is_quiet(local(**zone, at)))
            .map(|zone| self.end(*zone, at))
    }

    /// Whether a clock that shows this is within the quiet hours.
    pub fn is_quiet(&self, shown: NaiveTime) -> bool {
        if self.start <= self.end {
            self.start <= shown && shown < self.end
        } else {
            self.start <= shown || shown < self.end
        }
    }

    /// The first moment from a quiet one on at which the zone's clock shows one that is not.
    fn end(&self, zone: Tz, from: DateTime<Utc>) -> DateTime<Utc> {
        let mut at = from;
        loop {
            let left = self.end - local(zone, at);
            let left = if left > TimeDelta::zero() {
                left
            } else {
                left + TimeDelta::days(1)
            };
            let end = at + left;
            match change(zone, at, end) {
                None => return end,
                Some(change) if !self.is_quiet(local(zone, change)) => return change,
                Some(change) => at = change,
            }
        }
    }
}

/// What a clock on the wall shows.
fn local(zone: Tz, at: DateTime<Utc>) -> NaiveTime {
    at.with_timezone(&zone).time()
}

/// The first instant in `(from, until]` with another offset than at `from`, to the second; zones change theirs at most once a day.
fn change(zone: Tz, from: DateTime<Utc>, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let (before, mut low, mut high) = (offset(from), from.timestamp(), until.timestamp());
    if offset(until) == before {
        return None;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let same = DateTime::from_timestamp(middle, 0).is_some_and(|at| offset(at) == before);
        if same { low = middle } else { high = middle }
    }
    DateTime::from_timestamp(high, 0)
}

/// `21:00`, as people write it.
mod time_of_day {
    use chrono::NaiveTime;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    const FORM: &str = "%H:%M";

    pub(super) fn serialize<S: Serializer>(time: &NaiveTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&time.format(FORM))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        NaiveTime::parse_from_str(&text, FORM)
            .map_err(|_| de::Error::custom(format!("{text:?} is not a time of day, as in \"21:00\"")))
    }
}

#[cfg(test)]
mod tests;
