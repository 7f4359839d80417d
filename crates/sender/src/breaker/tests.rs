use domain::attempt::Uncertainty;
use proptest::prelude::*;

use super::*;

/// Calls one after the other, each at once.
fn calls(breaker: &mut Breaker, outcomes: impl IntoIterator<Item = bool>, now: Instant) -> Vec<Change> {
    let mut changes = Vec::new();
    for bad in outcomes {
        if breaker.ask(1, now) == Answer::Go(1) {
            changes.extend(breaker.ended(breaker.era, bad, now));
        }
    }
    changes
}

fn opened(now: Instant) -> Breaker {
    let mut breaker = Breaker::new(now);
    assert_eq!(calls(&mut breaker, [true; ENOUGH as usize], now), [Change::Opened]);
    breaker
}

#[test]
fn a_third_of_trouble_opens_it_and_a_quarter_does_not() {
    let now = Instant::now();
    let mut quarter = Breaker::new(now);
    let mut third = Breaker::new(now);

    assert_eq!(calls(&mut quarter, (0..1000).map(|n| n % 4 == 3), now), []);
    assert_eq!(calls(&mut third, (0..30).map(|n| n % 3 == 2), now), [Change::Opened]);
    assert_eq!(third.ask(5, now), Answer::NotBefore(now + FIRST_PAUSE));
}

#[test]
fn few_calls_and_old_ones_prove_nothing() {
    let now = Instant::now();
    let mut breaker = Breaker::new(now);

    assert_eq!(calls(&mut breaker, [true; ENOUGH as usize - 1], now), []);
    assert_eq!(calls(&mut breaker, [true; ENOUGH as usize - 1], now + MEMORY), []);
    assert_eq!(calls(&mut breaker, [true], now + MEMORY), [Change::Opened]);
}

#[test]
fn it_opens_again_gradually() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let now = now + FIRST_PAUSE;

    for size in [1, 2, 4, 8, 16, 32] {
        assert_eq!(breaker.ask(100, now), Answer::Go(size));
        assert_eq!(
            breaker.ask(100, now),
            Answer::NotBefore(now + NEXT_LOOK),
            "the round is out"
        );
        let era = breaker.era;
        let changes: Vec<_> = (0..size).filter_map(|_| breaker.ended(era, false, now)).collect();
        assert_eq!(
            changes,
            if size == LAST_ROUND {
                vec![Change::Closed]
            } else {
                vec![]
            }
        );
    }
    assert_eq!(breaker.ask(100, now), Answer::Go(100));
}

#[test]
fn tries_that_fail_close_the_door_for_twice_as_long_up_to_a_limit() {
    let mut now = Instant::now();
    let mut breaker = opened(now);
    let mut pause = FIRST_PAUSE;

    for doubled in [2, 4, 8, 8, 8] {
        now += pause;
        assert_eq!(calls(&mut breaker, [true], now), [Change::Opened]);
        pause = Duration::from_secs(doubled);
        assert_eq!(breaker.ask(1, now), Answer::NotBefore(now + pause));
    }
}

#[test]
fn what_was_under_way_when_it_opened_counts_for_nothing_later() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let before = breaker.era - 1;
    let now = now + FIRST_PAUSE;
    assert_eq!(breaker.ask(1, now), Answer::Go(1));

    assert_eq!(breaker.ended(before, true, now), None);
    assert_eq!(breaker.ended(before, false, now), None);

    assert_eq!(
        breaker.ask(1, now),
        Answer::NotBefore(now + NEXT_LOOK),
        "its own try is still out"
    );
    assert_eq!(breaker.ended(breaker.era, false, now), None);
    assert_eq!(breaker.ask(9, now), Answer::Go(2));
}

#[test]
fn leave_that_is_dropped_goes_back() {
    let breaker = HostBreaker::default();
    *breaker.lock() = opened(Instant::now().checked_sub(FIRST_PAUSE).unwrap());

    let leave = breaker.ask(50).unwrap();
    assert_eq!(leave.calls(), 1);
    assert!(breaker.ask(50).is_err());
    drop(leave);

    assert_eq!(breaker.ask(50).unwrap().calls(), 1);
}

#[test]
fn a_refusal_is_metas_answer_and_a_reset_is_one_connections_trouble() {
    let unknown = |cause: &str, http_status| {
        Outcome::Unknown(Uncertainty {
            cause: cause.to_owned(),
            http_status,
            graph: None,
        })
    };
    assert!(is_trouble(&unknown("HTTP 503", Some(503))));
    assert!(is_trouble(&unknown("response timeout", None)));
    assert!(is_trouble(&unknown("answer cut short, response timeout", Some(200))));
    assert!(is_trouble(&Outcome::Rejected(Rejection::NotSent {
        cause: "connect failed".to_owned()
    })));
    assert!(!is_trouble(&unknown("connection broke: connection reset", None)));
    assert!(!is_trouble(&unknown("no wamid", Some(200))));
}

proptest! {
    /// Whatever happens, in whatever order: never more tries out than a round has, no count below zero, and a host that is well again
    /// is used in full within half a minute.
    #[test]
    fn it_never_floods_a_sick_host_and_always_comes_back(
        steps in proptest::collection::vec((0_u8..4, 1_u32..50, any::<bool>(), 0_u64..3_000), 1..400),
    ) {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(now);
        let mut out: Vec<u64> = Vec::new();
        for (step, wanted, bad, millis) in steps {
            match step {
                0 | 1 => {
                    if let Answer::Go(calls) = breaker.ask(wanted, now) {
                        out.extend((0..calls).map(|_| breaker.era));
                    }
                }
                2 => {
                    if let Some(era) = out.pop() {
                        breaker.ended(era, bad, now);
                    }
                }
                _ => {
                    if !out.is_empty() {
                        let era = out.remove(0);
                        breaker.unused(era, 1);
                    }
                    now += Duration::from_millis(millis);
                }
            }
            if let Phase::HalfOpen(round) = &breaker.phase {
                let tries = out.iter().filter(|era| **era == breaker.era).count();
                prop_assert_eq!(tries as u32 + round.good + round.bad, round.begun);
                prop_assert!(round.begun <= round.size && round.size <= LAST_ROUND);
            }
        }
        for era in out {
            breaker.ended(era, false, now);
        }
        let well = now;
        while !matches!(breaker.phase, Phase::Closed(_)) {
            prop_assert!(now < well + Duration::from_secs(30));
            match breaker.ask(50, now) {
                Answer::Go(calls) => {
                    let era = breaker.era;
                    for _ in 0..calls {
                        breaker.ended(era, false, now);
                    }
                    now += Duration::from_millis(200);
                }
                Answer::NotBefore(at) => now = at,
            }
        }
        prop_assert_eq!(breaker.ask(50, now), Answer::Go(50));
    }
}
