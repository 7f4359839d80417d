//! What an endpoint's recent failures mean: let it rest, ask it gently, give it up.

use chrono::{DateTime, TimeDelta, Utc};

/// After so many failures in a row an endpoint rests, and is then asked with one delivery at a time until one succeeds.
pub const PROBE_AFTER: u32 = 5;
const FIRST_REST: TimeDelta = TimeDelta::seconds(5);
const LONGEST_REST: TimeDelta = TimeDelta::minutes(5);
/// An endpoint that has taken nothing for so long is disabled.
const PATIENCE: TimeDelta = TimeDelta::days(5);

/// How an endpoint has been doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Failures since the last success.
    pub failures: u32,
    /// When the first of them was.
    pub failing_since: Option<DateTime<Utc>>,
    /// Nothing is delivered before then.
    pub rests_until: Option<DateTime<Utc>>,
}

/// Why an endpoint gets nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disabled {
    /// It has failed for days.
    Failing,
    /// It answered 410: do not call again.
    Gone,
    /// Somebody said so.
    Operator,
}

impl Disabled {
    /// The word in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Gone => "gone",
            Self::Operator => "operator",
        }
    }
}

impl Standing {
    /// After a success everything is well.
    #[must_use]
    pub fn after_success(self) -> Self {
        Self::default()
    }

    /// After a failure at `now`; `jitter` in `[0, 1)` shortens the rest by up to a half.
    #[must_use]
    pub fn after_failure(self, jitter: f64, now: DateTime<Utc>) -> Self {
        let failures = self.failures.saturating_add(1);
        let rests_until = failures.checked_sub(PROBE_AFTER).map(|doublings| {
            let rest = (FIRST_REST * (1 << doublings.min(10))).min(LONGEST_REST);
            let part = 1.0 - 0.5 * jitter.clamp(0.0, 1.0);
            now + TimeDelta::milliseconds((rest.num_milliseconds() as f64 * part) as i64)
        });
        Self {
            failures,
            failing_since: self.failing_since.or(Some(now)),
            rests_until,
        }
    }

    /// Whether it is to be disabled: nothing has been taken for days, and it failed just now.
    pub fn is_hopeless(&self, now: DateTime<Utc>) -> bool {
        self.failing_since.is_some_and(|since| now - since >= PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn failed(times: u32) -> Standing {
        (0..times).fold(Standing::default(), |standing, _| standing.after_failure(0.0, EPOCH))
    }

    #[test]
    fn a_few_failures_change_nothing_and_many_in_a_row_mean_a_rest_that_grows_up_to_a_bound() {
        let rest = |times| failed(times).rests_until.map(|until| (until - EPOCH).num_seconds());

        assert_eq!([rest(1), rest(4)], [None, None]);
        assert_eq!([rest(5), rest(6), rest(7)], [Some(5), Some(10), Some(20)]);
        assert_eq!([rest(11), rest(12), rest(1000)], [Some(300); 3]);
    }

    #[test]
    fn one_success_forgives_everything() {
        assert_eq!(failed(40).after_success(), Standing::default());
    }

    #[test]
    fn an_endpoint_is_given_up_after_days_without_a_success_and_not_for_old_failures() {
        let since_epoch = failed(2);
        let (day_four, day_five) = (EPOCH + TimeDelta::days(4), EPOCH + TimeDelta::days(5));

        assert!(!since_epoch.after_failure(0.0, day_four).is_hopeless(day_four));
        assert!(since_epoch.after_failure(0.0, day_five).is_hopeless(day_five));
        assert!(
            !since_epoch
                .after_success()
                .after_failure(0.0, day_five)
                .is_hopeless(day_five)
        );
    }
}
