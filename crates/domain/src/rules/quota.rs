//! The quota: how many messages an organization may hand in per day and per month, by UTC.
//!
//! Counted at the door and only there. A message counts when it is accepted for sending: what another gate refused does not, and what
//! was accepted counts even when it is canceled later. Beyond the quota, rows are refused one by one in the order of the request.

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, NaiveTime, Utc};

/// How many messages; `None` is as many as they like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// On one day.
    pub daily: Option<u32>,
    /// In one month.
    pub monthly: Option<u32>,
}

/// What a count belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// From midnight to midnight, UTC.
    Day,
    /// From the first to the last of a month, UTC.
    Month,
}

impl Period {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Day, Self::Month];

    /// The word in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The first day of the period that a moment lies in.
    pub fn first_day(self, at: DateTime<Utc>) -> NaiveDate {
        let day = at.date_naive();
        match self {
            Self::Day => day,
            Self::Month => day.with_day(1).expect("every month has a first day"),
        }
    }

    /// When the next one begins.
    pub fn ends_at(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let first = self.first_day(at);
        let next = match self {
            Self::Day => first.checked_add_days(Days::new(1)),
            Self::Month => first.checked_add_months(Months::new(1)),
        };
        next.unwrap_or(NaiveDate::MAX).and_time(NaiveTime::MIN).and_utc()
    }
}

/// How many messages were accepted so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    /// Today.
    pub day: u64,
    /// This month.
    pub month: u64,
}

/// Why there is no room for one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Which of the two; the month when both, because it lasts longer.
    pub period: Period,
    /// The quota.
    pub limit: u32,
    /// Accepted in it.
    pub used: u64,
}

impl Quota {
    /// Nothing is limited.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Takes room for one message.
    ///
    /// # Errors
    /// When there is none.
    pub fn take(&self, used: &mut Used) -> Result<(), Exceeded> {
        let full = |period, limit: Option<u32>, used| {
            let limit = limit.filter(|limit| used >= u64::from(*limit))?;
            Some(Exceeded { period, limit, used })
        };
        let exceeded =
            full(Period::Month, self.monthly, used.month).or_else(|| full(Period::Day, self.daily, used.day));
        if let Some(exceeded) = exceeded {
            return Err(exceeded);
        }
        used.day += 1;
        used.month += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn days_and_months_end_at_midnight_utc() {
        let last = at("2028-02-29T23:59:59.999Z");
        assert_eq!(Period::Day.first_day(last).to_string(), "2028-02-29");
        assert_eq!(Period::Month.first_day(last).to_string(), "2028-02-01");
        for period in Period::ALL {
            assert_eq!(period.ends_at(last), at("2028-03-01T00:00:00Z"));
        }
        assert_eq!(
            Period::Month.ends_at(at("2026-12-31T12:00:00Z")),
            at("2027-01-01T00:00:00Z")
        );
        assert_eq!(
            Period::Day.ends_at(at("2026-12-30T00:00:00Z")),
            at("2026-12-31T00:00:00Z")
        );
    }

    #[test]
    fn the_no_says_which_quota_and_how_much_of_it_is_used() {
        let quota = Quota {
            daily: Some(2),
            monthly: Some(3),
        };
        let mut used = Used { day: 1, month: 2 };

        assert_eq!(quota.take(&mut used), Ok(()));
        assert_eq!(used, Used { day: 2, month: 3 });
        let month = Exceeded {
            period: Period::Month,
            limit: 3,
            used: 3,
        };
        assert_eq!(quota.take(&mut used), Err(month));
        let mut used = Used { day: 5, month: 2 };
        let day = Exceeded {
            period: Period::Day,
            limit: 2,
            used: 5,
        };
        assert_eq!(
            quota.take(&mut used),
            Err(day),
            "a quota that was lowered below what is used"
        );
        assert_eq!(used, Used { day: 5, month: 2 });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// Against a model that keeps every accepted message and counts them anew each time.
        #[test]
        fn what_is_accepted_is_as_much_as_fits_and_never_more(
            daily in proptest::option::of(0_u32..8),
            monthly in proptest::option::of(0_u32..40),
            pauses in proptest::collection::vec((0_i64..40_000, any::<bool>()), 1..120),
        ) {
            let quota = Quota { daily, monthly };
            let mut now = at("2026-01-30T20:00:00Z");
            let (mut counters, mut accepted) = (HashMap::<_, u64>::new(), Vec::<DateTime<Utc>>::new());
            for (pause, refused_by_another) in pauses {
                now += chrono::TimeDelta::seconds(pause);
                if refused_by_another {
                    continue;
                }
                let counter = |period: Period| (period, period.first_day(now));
                let count = |period| counters.get(&counter(period)).copied().unwrap_or(0);
                let mut used = Used { day: count(Period::Day), month: count(Period::Month) };
                let same = |form: &str| {
                    let now = now.format(form).to_string();
                    accepted.iter().filter(|at| at.format(form).to_string() == now).count()
                };
                let fits = daily.is_none_or(|daily| same("%Y-%m-%d") < daily as usize)
                    && monthly.is_none_or(|monthly| same("%Y-%m") < monthly as usize);

                let taken = quota.take(&mut used);

                prop_assert_eq!(taken.is_ok(), fits);
                if taken.is_ok() {
                    accepted.push(now);
                    counters.insert(counter(Period::Day), used.day);
                    counters.insert(counter(Period::Month), used.month);
                }
            }
        }
    }
}
