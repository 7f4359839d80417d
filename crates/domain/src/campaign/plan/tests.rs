use proptest::prelude::*;

use super::*;

fn now() -> DateTime<Utc> {
    "2026-11-24T10:20:00Z".parse().unwrap()
}

fn outlook(rests: &[(u64, f64)], room: Option<u64>) -> Outlook {
    let part = |(number, (rest, _)): (usize, &(u64, f64))| Part {
        rest: *rest,
        starts_at: now(),
        number,
        scope: 0,
    };
    Outlook {
        now: now(),
        parts: rests.iter().enumerate().map(part).collect(),
        paces: rests.iter().map(|(_, pace)| *pace).collect(),
        scopes: vec![Scope {
            room,
            frees: Vec::new(),
        }],
        ramp: None,
        gone: 0,
        expires_at: None,
    }
}

fn minutes(minutes: i64) -> DateTime<Utc> {
    now() + TimeDelta::minutes(minutes)
}

#[test]
fn without_limits_the_pace_decides() {
    let plan = plan(&outlook(&[(36_000, 10.0)], None));

    assert_eq!(plan.ends_at, Some(minutes(60)));
    assert_eq!(
        plan.hours,
        [
            ("2026-11-24T10:00:00Z".parse().unwrap(), 24_000),
            ("2026-11-24T11:00:00Z".parse().unwrap(), 12_000)
        ]
    );
    assert!(!plan.waits_for_tier && plan.left_over == 0);
}

#[test]
fn numbers_go_side_by_side() {
    let plan = plan(&outlook(&[(6_000, 10.0), (6_000, 100.0)], None));

    assert_eq!(plan.ends_at, Some(minutes(10)));
}

#[test]
fn parts_of_one_number_share_its_pace() {
    let mut asked = outlook(&[(6_000, 10.0), (6_000, 10.0)], None);
    asked.parts[1].number = 0;

    assert_eq!(plan(&asked).ends_at, Some(minutes(20)));
}

#[test]
fn a_thousand_on_a_tier_of_250_take_four_windows() {
    let plan = plan(&outlook(&[(1_000, 80.0)], Some(250)));

    let sizes: Vec<u64> = plan.hours.iter().map(|(_, n)| *n).collect();
    assert_eq!(sizes, [250; 4]);
    let took = plan.ends_at.unwrap() - now();
    assert!(
        took > MEMBERSHIP * 3 && took < MEMBERSHIP * 3 + TimeDelta::minutes(10),
        "{took}"
    );
    assert!(plan.waits_for_tier);
}

#[test]
fn places_that_others_hold_come_free_in_their_time() {
    let mut asked = outlook(&[(30, 80.0)], Some(10));
    asked.scopes[0].frees = vec![(minutes(90), 15), (minutes(300), 100)];

    let plan = plan(&asked);

    let sizes: Vec<u64> = plan.hours.iter().map(|(_, n)| *n).collect();
    assert_eq!(sizes, [10, 15, 5]);
    assert!(plan.ends_at.unwrap() - minutes(300) < TimeDelta::minutes(2));
}

#[test]
fn what_expires_is_left_over() {
    let mut asked = outlook(&[(1_000, 80.0)], Some(250));
    asked.expires_at = Some(now() + TimeDelta::hours(30));

    assert_eq!(plan(&asked).left_over, 500);
    asked.expires_at = Some(now());
    assert_eq!((plan(&asked).left_over, plan(&asked).ends_at), (1_000, None));
}

#[test]
fn a_ramp_and_a_start_are_waited_for() {
    let mut asked = outlook(&[(421, 80.0)], None);
    asked.ramp = Some((
        Ramp {
            first_hour: 60,
            factor: 2.0,
        },
        TimeDelta::zero(),
    ));
    assert!((plan(&asked).ends_at.unwrap() - minutes(180)).abs() <= TimeDelta::minutes(2));

    let mut asked = outlook(&[(80, 80.0)], None);
    asked.parts[0].starts_at = now() + TimeDelta::days(300);
    assert!(plan(&asked).ends_at.unwrap() - now() - TimeDelta::days(300) <= TimeDelta::seconds(1));
}

#[test]
fn a_limit_that_never_opens_leaves_the_rest() {
    let plan = plan(&outlook(&[(10, 80.0)], Some(0)));

    assert_eq!((plan.left_over, plan.ends_at, plan.hours.len()), (10, None, 0));
}

proptest! {
    /// Whatever the outlook: what goes and what is left is all of it, and no moving window holds more than the limit.
    #[test]
    fn everything_is_accounted_for_and_no_window_is_overfull(
        parts in proptest::collection::vec((0_u64..3_000, 0_i64..4_000, 0.01..200.0_f64), 1..5),
        room in 1_u64..600,
        expires in proptest::option::of(0_i64..10_000),
    ) {
        let rests: Vec<(u64, f64)> = parts.iter().map(|(rest, _, pace)| (*rest, *pace)).collect();
        let all: u64 = rests.iter().map(|(rest, _)| rest).sum();
        let mut asked = outlook(&rests, Some(room));
        for (part, (_, start, _)) in asked.parts.iter_mut().zip(&parts) {
            part.starts_at = minutes(*start);
            part.number %= 2;
        }
        asked.expires_at = expires.map(minutes);

        let plan = plan(&asked);

        prop_assert_eq!(plan.hours.iter().map(|(_, n)| n).sum::<u64>() + plan.left_over, all);
        for (hour, _) in &plan.hours {
            let window = plan.hours.iter().filter(|(other, _)| other >= hour && *other < *hour + TimeDelta::hours(23));
            prop_assert!(window.map(|(_, n)| n).sum::<u64>() <= room);
        }
    }
}
