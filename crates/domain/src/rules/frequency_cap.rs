//! The frequency cap: so many marketing messages to one person in a moving period, and no more. Over all sender numbers of the
//! organization, because the person is one.
//!
//! At the door the cap is asked with what is known there. In the sender it counts: the place of a message is taken under a lock
//! (`take_frequency` of the migrations), with the very comparison that stands here.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Facts, Verdict};
use crate::category::Category;
use crate::reason::Reason;

/// The longest period, in hours: what is older is forgotten.
pub const LONGEST: u32 = 90 * 24;

/// How often is too often. Declared as `frequency_cap = { max = 2, hours = 24 }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrequencyCap {
    /// Marketing messages to one person.
    pub max: u32,
    /// In so many hours, counted back from any moment.
    pub hours: u32,
}

/// What the rule looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frequency {
    /// The organization's.
    pub cap: FrequencyCap,
    /// When other marketing messages to this person took their places, in any order; those that failed took none.
    pub taken_at: Vec<DateTime<Utc>>,
}

pub(super) fn rule(facts: &Facts, now: DateTime<Utc>) -> Option<Verdict> {
    let frequency = facts.policies.frequency.as_ref()?;
    if facts.category == Category::Marketing && frequency.is_full(now) {
        Verdict::drop(Reason::FrequencyCap)
    } else {
        None
    }
}

impl FrequencyCap {
    /// Places from then on count; a place is free again exactly a period after it was taken.
    pub fn period(&self) -> TimeDelta {
        TimeDelta::hours(i64::from(self.hours))
    }
}

impl Frequency {
    /// How many places are taken now.
    pub fn taken(&self, now: DateTime<Utc>) -> usize {
        let since = now - self.cap.period();
        self.taken_at.iter().filter(|at| **at > since).count()
    }

    /// No place is left.
    pub fn is_full(&self, now: DateTime<Utc>) -> bool {
        self.taken(now) >= usize::try_from(self.cap.max).unwrap_or(usize::MAX)
    }

    /// When there is a place again; `None` when there is one now.
    pub fn frees_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut ends: Vec<_> = self.taken_at.iter().map(|at| *at + self.cap.period()).collect();
        ends.retain(|end| *end > now);
        ends.sort_unstable();
        let max = usize::try_from(self.cap.max).unwrap_or(usize::MAX);
        // All but the last `max - 1` must be over.
        let over = ends.len().checked_sub(max)?;
        ends.get(over).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moment(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_750_000_000 + minute * 60, 0).unwrap()
    }

    fn facts(category: Category, frequency: Frequency) -> Facts {
        let mut facts = super::super::tests::template_message();
        facts.category = category;
        facts.policies.frequency = Some(frequency);
        facts
    }

    #[track_caller]
    fn check(category: Category, taken: &[i64], now: i64, goes: bool) {
        let frequency = Frequency {
            cap: FrequencyCap { max: 2, hours: 24 },
            taken_at: taken.iter().map(|minute| moment(*minute)).collect(),
        };
        let verdict = rule(&facts(category, frequency), moment(now));
        assert_eq!(verdict.is_none(), goes, "{taken:?} at {now}: {verdict:?}");
    }

    #[test]
    fn the_third_marketing_message_of_a_day_is_one_too_many() {
        check(Category::Marketing, &[], 0, true);
        check(Category::Marketing, &[0], 5, true);
        check(Category::Marketing, &[0, 5], 10, false);
        check(Category::Marketing, &[0, 5], 24 * 60 - 1, false);
        check(Category::Marketing, &[0, 5], 24 * 60, true);
        for category in [Category::Service, Category::Utility, Category::Authentication] {
            check(category, &[0, 5, 6], 10, true);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// Against a model that remembers every message and looks back at all of them from every moment.
        #[test]
        fn no_moving_period_ever_holds_more_than_the_cap(
            max in 1_u32..5,
            hours in 1_u32..4,
            tries in proptest::collection::vec(0_i64..90, 1..60),
        ) {
            let cap = FrequencyCap { max, hours };
            let (mut now, mut sent) = (0, Vec::new());
            for pause in tries {
                now += pause;
                let frequency = Frequency { cap, taken_at: sent.iter().map(|minute| moment(*minute)).collect() };
                let in_period = sent.iter().filter(|minute| now - **minute < i64::from(hours) * 60).count();
                let verdict = rule(&facts(Category::Marketing, frequency.clone()), moment(now));

                prop_assert_eq!(verdict.is_none(), in_period < max as usize);
                match frequency.frees_at(moment(now)) {
                    None => prop_assert!(verdict.is_none()),
                    Some(at) => {
                        prop_assert!(verdict.is_some() && at > moment(now));
                        prop_assert!(!frequency.is_full(at) && frequency.is_full(at - TimeDelta::seconds(1)));
                    }
                }
                if verdict.is_none() {
                    sent.push(now);
                }
            }
            for end in &sent {
                let within = sent.iter().filter(|at| (0..i64::from(hours) * 60).contains(&(end - **at))).count();
                prop_assert!(within <= max as usize);
            }
        }
    }
}
