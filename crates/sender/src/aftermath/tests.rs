use domain::attempt::{Accepted, Uncertainty};
use domain::meta_error;
use proptest::prelude::*;

use super::*;

const ID: MessageId = MessageId(uuid::Uuid::from_u128(6));
const NUMBER: NumberId = NumberId(7);
const WABA: WabaId = WabaId(8);
const TEMPLATE: TemplateId = TemplateId(9);

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_750_000_000, 0).unwrap()
}

/// A first attempt with a day left.
fn message() -> Attempted {
    Attempted {
        id: ID,
        number: NUMBER,
        waba: WABA,
        template: Some(TEMPLATE),
        category: Category::Utility,
        expires_at: now() + TimeDelta::days(1),
        attempt: 1,
        failures: 0,
        has_fallback: false,
    }
}

fn graph(code: i64) -> GraphError {
    GraphError {
        code,
        subcode: None,
        http_status: 400,
        title: String::new(),
        details: None,
        fbtrace_id: None,
        transient: false,
    }
}

fn rejected(code: i64) -> Outcome {
    Outcome::Rejected(Rejection::Graph(graph(code)))
}

fn not_sent() -> Outcome {
    let cause = "connect failed".to_owned();
    Outcome::Rejected(Rejection::NotSent { cause })
}

fn unknown(graph: Option<GraphError>) -> Outcome {
    Outcome::Unknown(Uncertainty {
        cause: "response timeout".into(),
        http_status: None,
        graph,
    })
}

/// In words: state, reason, seconds until it is looked at again, what it burns and gives back.
fn check(outcome: &Outcome, message: Attempted, expected: &str) -> Option<Consequence> {
    let after = aftermath(outcome, &message, now(), 0.999_999);
    let reason = after.reason.map(|reason| reason.to_string()).unwrap_or_default();
    let wait = after
        .wake_at
        .map(|at| format!(" for {}s", ((at - now()).num_milliseconds() as f64 / 1000.0).round()));
    let burns = if after.burns { " burns" } else { "" };
    let keeps = if after.refused { "" } else { " keeps its place" };
    let got = format!("{:?} {reason}{}{burns}{keeps}", after.state, wait.unwrap_or_default());
    assert_eq!(got, expected, "{outcome:?}");
    after.consequence
}

#[test]
fn accepted_is_accepted() {
    let accepted = Outcome::Accepted(Accepted {
        wamid: Wamid("wamid.1".into()),
        wa_id: None,
        held_for_quality: false,
    });

    check(&accepted, message(), "Accepted  keeps its place");
    assert_eq!(
        aftermath(&accepted, &message(), now(), 0.5).wamid,
        Some(Wamid("wamid.1".into()))
    );
}

#[test]
fn a_window_that_meta_finds_closed_makes_a_message_its_fallback() {
    let with_fallback = Attempted {
        category: Category::Service,
        template: None,
        has_fallback: true,
        ..message()
    };
    let consequence = check(&rejected(131_047), with_fallback, "Parked meta_131047 for 2s burns");
    assert_eq!(consequence, Some(Consequence::FallBack(ID)));
    let worn_out = Attempted {
        failures: 9,
        ..with_fallback
    };
    check(&rejected(131_047), worn_out, "Failed meta_131047 burns");
    let without = Attempted {
        has_fallback: false,
        ..with_fallback
    };
    assert_eq!(check(&rejected(131_047), without, "Failed meta_131047 burns"), None);
}

#[test]
fn an_unknown_outcome_waits_for_its_webhook() {
    check(
        &unknown(None),
        message(),
        "Uncertain outcome_unknown for 900s keeps its place",
    );
    let marketing = Attempted {
        category: Category::Marketing,
        ..message()
    };
    check(
        &unknown(None),
        marketing,
        "Uncertain outcome_unknown for 4500s keeps its place",
    );
    let maintenance = check(
        &unknown(Some(graph(131_057))),
        message(),
        "Uncertain outcome_unknown for 900s keeps its place",
    );
    assert_eq!(
        maintenance,
        Some(Consequence::Hold(Numbers::One(NUMBER), now() + TimeDelta::seconds(90)))
    );
}

#[test]
fn what_was_not_sent_is_tried_again_with_growing_pauses_until_the_budget_or_the_time_is_used_up() {
    let after = |failures| Attempted {
        attempt: failures + 1,
        failures,
        ..message()
    };
    check(&not_sent(), after(0), "Parked not_sent for 2s burns");
    check(&not_sent(), after(1), "Parked not_sent for 4s burns");
    check(&not_sent(), after(8), "Parked not_sent for 512s burns");
    check(&not_sent(), after(9), "Failed not_sent burns");
    let nearly_over = Attempted {
        expires_at: now() + TimeDelta::seconds(1),
        ..message()
    };
    check(&not_sent(), nearly_over, "Failed not_sent burns");
}

#[test]
fn a_refusal_of_the_message_itself_is_final() {
    for code in [100, 131_026, 131_047, 132_000, 999_999] {
        let consequence = check(&rejected(code), message(), &format!("Failed meta_{code} burns"));
        assert_eq!(consequence, None);
    }
}

#[test]
fn who_stopped_marketing_is_remembered() {
    let consequence = check(&rejected(131_050), message(), "Failed meta_131050 burns");
    assert_eq!(consequence, Some(Consequence::NoMarketing(ID)));
}

#[test]
fn metas_own_trouble_is_tried_again_a_few_times() {
    let after = |failures| Attempted {
        attempt: failures + 1,
        failures,
        ..message()
    };
    check(&rejected(131_000), after(0), "Parked meta_131000 for 5s burns");
    check(&rejected(131_000), after(1), "Parked meta_131000 for 10s burns");
    check(&rejected(131_000), after(2), "Parked meta_131000 for 20s burns");
    check(&rejected(131_000), after(3), "Failed meta_131000 burns");
}

#[test]
fn a_throttle_holds_its_scope_and_burns_nothing() {
    let hold = |numbers, seconds| Some(Consequence::Hold(numbers, now() + TimeDelta::seconds(seconds)));
    let throttled = |times| Attempted {
        attempt: 1 + times,
        ..message()
    };

    let number = check(&rejected(130_429), message(), "Parked meta_130429 for 1s");
    let slower = |seconds| Some(Consequence::SlowDown(NUMBER, now() + TimeDelta::seconds(seconds)));
    assert_eq!(number, slower(1));
    let again = check(&rejected(130_429), throttled(1), "Parked meta_130429 for 2s");
    assert_eq!(again, slower(2));
    let waba = check(&rejected(80_007), message(), "Parked meta_80007 for 60s");
    assert_eq!(waba, hold(Numbers::OfWaba(WABA), 60));
    let app = check(&rejected(4), message(), "Parked meta_4 for 30s");
    assert_eq!(app, hold(Numbers::All, 30));
    let pair = check(&rejected(131_056), throttled(2), "Parked meta_131056 for 16s");
    let until = now() + TimeDelta::seconds(16);
    assert_eq!(pair, Some(Consequence::HoldPair(ID, until)));
    let unheard_of = Outcome::Rejected(Rejection::Graph(GraphError {
        http_status: 429,
        ..graph(777_777)
    }));
    assert_eq!(
        check(&unheard_of, message(), "Parked meta_777777 for 30s"),
        hold(Numbers::One(NUMBER), 30)
    );
}

#[test]
fn what_only_a_person_can_mend_closes_its_scope_and_the_message_waits() {
    let waba = check(&rejected(190), message(), "Parked meta_190 for 300s");
    assert_eq!(waba, Some(Consequence::RestrictWaba(WABA)));
    let number = check(&rejected(133_010), message(), "Parked meta_133010 for 300s");
    assert_eq!(number, Some(Consequence::StopNumber(NUMBER)));
    let paused = check(&rejected(132_015), message(), "Parked meta_132015 for 300s");
    assert_eq!(paused, Some(Consequence::CloseTemplate(TEMPLATE, "PAUSED")));
    let disabled = check(&rejected(132_016), message(), "Parked meta_132016 for 300s");
    assert_eq!(disabled, Some(Consequence::CloseTemplate(TEMPLATE, "DISABLED")));
    let nearly_over = Attempted {
        expires_at: now() + TimeDelta::seconds(10),
        ..message()
    };
    check(&rejected(133_010), nearly_over, "Parked meta_133010 for 10s");
}

#[test]
fn not_before_a_time_waits_for_it_or_fails_when_there_is_none_left() {
    let long = Attempted {
        expires_at: now() + TimeDelta::days(3),
        ..message()
    };
    check(&rejected(131_049), long, "Parked meta_131049 for 86400s");
    check(&rejected(131_049), message(), "Failed meta_131049 burns");
}

proptest! {
    /// For every code that Meta documents, and many that it does not, at any stage of a message's life.
    #[test]
    fn no_row_is_forgotten_sent_twice_or_woken_after_its_end(
        code in prop_oneof![0_i64..400, 130_000_i64..135_000, Just(613), Just(80_007), any::<i64>()],
        http_status in prop_oneof![Just(400_u16), Just(429)],
        transient in any::<bool>(),
        attempt in 1_i32..40,
        failures in 0_i32..10,
        left in 1_i64..200_000,
        jitter in 0.0..1.0_f64,
    ) {
        let message = Attempted {
            attempt: attempt + failures,
            failures,
            expires_at: now() + TimeDelta::seconds(left),
            ..message()
        };
        let error = GraphError { http_status, transient, ..graph(code) };
        let after = aftermath(&Outcome::Rejected(Rejection::Graph(error.clone())), &message, now(), jitter);

        prop_assert!(after.refused && after.reason == Some(Reason::Meta(code)));
        prop_assert!(State::Sending.may_become(after.state));
        prop_assert_eq!(after.wake_at.is_some(), after.state == State::Parked);
        prop_assert!(after.wake_at.is_none_or(|at| at > now() && at <= message.expires_at));
        let throttle = matches!(MetaError::of(&error).disposition, Disposition::Hold { .. } | Disposition::StopScope);
        prop_assert!(!(throttle && after.burns));
        prop_assert_eq!(meta_error::reason_code(code), after.reason.unwrap().to_string());

        let unknown = aftermath(&unknown(Some(error)), &message, now(), jitter);
        prop_assert!(unknown.state == State::Uncertain && !unknown.refused && !unknown.burns);
    }
}
