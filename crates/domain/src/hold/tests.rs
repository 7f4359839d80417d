use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_750_000_000 + seconds, 0).unwrap()
}

const MINUTES: i64 = 60;
const HOURS: i64 = 3600;

/// Fifteen minutes from second 0.
fn hold() -> Hold {
    Hold {
        began: at(0),
        counted_until: None,
        alarm: at(15 * MINUTES),
        resend: false,
        expires_at: at(48 * HOURS),
        failures: 0,
    }
}

/// Webhooks at these seconds.
fn heard(seconds: &[i64]) -> Heard {
    let stretches = stretches(seconds.iter().copied().map(at).collect());
    // As the ledger keeps it: before the first there was nothing for as long as a hold may reach.
    let long_ago = stretches.first().map(|(first, _)| *first - LONGEST * 2);
    let lasts = long_ago.into_iter().chain(stretches.iter().map(|(_, last)| *last));
    let gaps = lasts
        .zip(&stretches)
        .map(|(after, (until, _))| Gap { after, until: *until });
    Heard {
        last: stretches.last().map(|(_, last)| *last),
        gaps: gaps.collect(),
    }
}

fn every_minute(from: i64, to: i64) -> Vec<i64> {
    (from..=to).step_by(60).collect()
}

#[test]
fn while_webhooks_flow_a_hold_lasts_as_long_as_it_says() {
    let heard = heard(&every_minute(-HOURS, 15 * MINUTES));

    assert_eq!(hold().end(&heard, at(15 * MINUTES)), End::Unknown);
    let asks = Hold { resend: true, ..hold() };
    assert_eq!(asks.end(&heard, at(15 * MINUTES)), End::Resend);
}

#[test]
fn while_none_flow_it_stands_still_and_goes_on_afterwards() {
    // They stop at minute 5 and come back at minute 95: two minutes of that are grace, eighty-eight are silence.
    let mut times = every_minute(-HOURS, 5 * MINUTES);
    let silent = heard(&times);
    assert_eq!(hold().end(&silent, at(15 * MINUTES)), End::GoesOn(at(23 * MINUTES)));
    times.extend(every_minute(95 * MINUTES, 200 * MINUTES));
    let back = heard(&times);
    let later = Hold {
        counted_until: Some(at(15 * MINUTES)),
        alarm: at(23 * MINUTES),
        ..hold()
    };

    // Looked at late: from minute 15 on it stood still until minute 95.
    assert_eq!(later.end(&back, at(96 * MINUTES)), End::GoesOn(at(176 * MINUTES)));
    let last = Hold {
        counted_until: Some(at(96 * MINUTES)),
        ..later
    };
    assert_eq!(last.end(&back, at(176 * MINUTES)), End::Unknown);
}

#[test]
fn a_number_that_was_never_heard_of_proves_nothing_until_meta_has_given_up() {
    let never = Heard::default();
    let asks = Hold { resend: true, ..hold() };

    assert_eq!(asks.end(&never, at(15 * MINUTES)), End::GoesOn(at(28 * MINUTES)));
    assert!(never.stands_still(at(0), at(3 * MINUTES)));
    assert!(!never.stands_still(at(0), at(2 * MINUTES)));
    // And then nobody is written to again on so little.
    assert_eq!(asks.end(&never, at(36 * HOURS)), End::Unknown);
    let almost = at(36 * HOURS - 1);
    assert_eq!(asks.end(&never, almost), End::GoesOn(at(36 * HOURS)));
}

#[test]
fn a_long_silence_is_not_looked_at_every_few_seconds() {
    let silent = heard(&[0]);
    let hold = Hold {
        counted_until: Some(at(30 * MINUTES)),
        ..hold()
    };

    assert_eq!(
        hold.end(&silent, at(30 * MINUTES + 1)),
        End::GoesOn(at(35 * MINUTES + 1))
    );
}

#[test]
fn what_was_silent_before_it_began_does_not_count() {
    let heard = heard(&[-HOURS, 30, 2 * MINUTES, 4 * MINUTES, 6 * MINUTES]);

    assert_eq!(heard.silence(at(0), at(0), at(7 * MINUTES)), TimeDelta::zero());
}

#[test]
fn another_attempt_needs_time_and_a_budget() {
    let heard = heard(&every_minute(0, 15 * MINUTES));
    let asks = Hold { resend: true, ..hold() };
    let late = Hold {
        expires_at: at(15 * MINUTES),
        ..asks
    };
    let tried = Hold {
        failures: retry::MAX_FAILURES - 1,
        ..asks
    };

    assert_eq!(late.end(&heard, at(15 * MINUTES)), End::Unknown);
    assert_eq!(tried.end(&heard, at(15 * MINUTES)), End::Unknown);
}

/// What the rule must come to: from each sign of life on the clock runs for the grace, or until the next.
fn flowing_seconds(times: &[i64], until: i64) -> i64 {
    let mut signs: Vec<i64> = times.iter().copied().filter(|time| (0..until).contains(time)).collect();
    signs.push(0);
    signs.sort_unstable();
    let ends = signs.iter().copied().skip(1).chain([until]);
    let ran = signs
        .iter()
        .zip(ends)
        .map(|(sign, next)| (next - sign).min(GRACE.num_seconds()));
    ran.sum()
}

proptest! {
    /// However often it is looked at, and whenever webhooks come, a hold ends when its fifteen minutes have run, and not before.
    #[test]
    fn a_hold_ends_when_its_time_has_run_and_no_sooner(
        times in prop::collection::btree_set(-600i64..7200, 0..60),
        delays in prop::collection::vec(0i64..90, 200),
    ) {
        let times: Vec<i64> = times.into_iter().collect();
        let mut hold = hold();
        for delay in delays {
            // The alarm rings, and somebody looks a little later; only what came by then is known.
            let now = hold.alarm + TimeDelta::seconds(delay);
            let second = (now - at(0)).num_seconds();
            let known: Vec<i64> = times.iter().copied().filter(|time| *time <= second).collect();
            match hold.end(&heard(&known), now) {
                End::GoesOn(alarm) => {
                    prop_assert!(alarm > now && alarm <= hold.began + LONGEST);
                    hold.alarm = alarm;
                    hold.counted_until = Some(now);
                }
                End::Unknown | End::Resend => {
                    let ran = flowing_seconds(&times, second);
                    prop_assert!(ran >= 15 * MINUTES || second >= 36 * HOURS, "ended after {ran} s of {second} s");
                    return Ok(());
                }
            }
            let owed = (hold.alarm - now).num_seconds();
            let ran = flowing_seconds(&times, second);
            prop_assert!(ran + owed >= 15 * MINUTES || hold.alarm == hold.began + LONGEST, "{ran} s ran, {owed} s are left");
        }
    }
}
