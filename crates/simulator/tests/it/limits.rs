//! Meta's limits over HTTP: what is refused, what is a violation, what the report says.

use std::collections::BTreeSet;

use serde_json::json;
use simulator::{Config, FreeFormOutsideWindow, Inbound, Limits, Number, Tier, ViolationKind};

use crate::caller::{ANA, BOB, Meta, NUMBER, SOON, WABA, config, template, text};
use crate::receiver::Receiver;

fn with_limits(limits: Limits) -> Config {
    Config { limits, ..config() }
}

/// A number with a throughput of 3.
fn narrow(limits: Limits) -> Config {
    Config {
        numbers: vec![Number {
            throughput: 3,
            ..Number::new(NUMBER, "+15550001111", WABA)
        }],
        limits,
        ..config()
    }
}

fn recipient(nth: usize) -> String {
    format!("+1415555{nth:04}")
}

#[tokio::test]
async fn a_burst_above_the_throughput_is_refused_and_a_violation() {
    let meta = Meta::start(narrow(Limits::default())).await;

    let mut refused = 0;
    for nth in 0..40 {
        let (status, answer) = meta.post(&template(&recipient(nth), &format!("m{nth}"))).await;
        if !status.is_success() {
            assert_eq!((status.as_u16(), &answer["error"]["code"]), (400, &json!(130_429)));
            refused += 1;
        }
    }

    let report = meta.sim.report();
    let number = &report.numbers[NUMBER];
    assert!(
        number.busiest_second.count > 3,
        "40 POSTs in a row crowd some second: {number:?}"
    );
    assert_eq!(report.refused.get(&130_429), Some(&refused));
    assert!(report.violations.count(ViolationKind::ThroughputExceeded) > 0);
    assert!(!report.ok);
    // Whatever was let through kept the limit: no one-second window holds more than three accepted arrivals.
    let accepted: Vec<u64> = meta
        .sim
        .ledger()
        .iter()
        .filter(|entry| entry.accepted)
        .map(|entry| entry.arrival_ns)
        .collect();
    assert!(
        accepted.windows(4).all(|four| four[3] - four[0] >= 1_000_000_000),
        "{accepted:?}"
    );
}

#[tokio::test]
async fn throughput_is_measured_when_it_is_not_enforced() {
    let meta = Meta::start(narrow(Limits {
        enforce_throughput: false,
        ..Limits::default()
    }))
    .await;

    for nth in 0..20 {
        meta.accepted(&template(&recipient(nth), &format!("m{nth}"))).await;
    }

    assert!(meta.sim.report().violations.count(ViolationKind::ThroughputExceeded) > 0);
}

#[tokio::test]
async fn inbound_messages_take_their_part_of_the_throughput() {
    let meta = Meta::start(narrow(Limits::default())).await;

    for _ in 0..3 {
        meta.sim.inbound(&Inbound::text(NUMBER, ANA, "hi")).unwrap();
    }
    let (first, _) = meta.post(&template(BOB, "a")).await;

    let number = &meta.sim.report().numbers[NUMBER];
    assert_eq!(number.busiest_second_outbound.count, 1);
    assert!(number.busiest_second.count >= 3, "{number:?}");
    // On a stalled machine the POST may come a second after the inbound messages: then it is rightly accepted.
    assert_eq!(first.is_success(), number.busiest_second.count < 4);
}

#[tokio::test]
async fn the_pair_rate_stops_one_recipient_and_no_other() {
    let meta = Meta::start(with_limits(Limits {
        pair_burst: 2,
        pair_refill_ms: 3_600_000,
        ..Limits::default()
    }))
    .await;

    meta.accepted(&template(ANA, "a")).await;
    meta.accepted(&template(ANA, "b")).await;
    assert_eq!(meta.refused(&template(ANA, "c")).await, (400, 131_056));
    meta.accepted(&template(BOB, "d")).await;

    let report = meta.sim.report();
    assert_eq!(report.violations.count(ViolationKind::PairRateExceeded), 1);
    assert_eq!(report.numbers[NUMBER].accepted, 3);
}

#[tokio::test]
async fn a_tier_lets_so_many_new_recipients_through_and_no_more() {
    let limits = Limits {
        messaging_limit_code: 131_049,
        ..Limits::default()
    };
    let meta = Meta::start(Config {
        default_tier: Tier::of(5),
        ..with_limits(limits)
    })
    .await;

    for nth in 0..5 {
        meta.accepted(&template(&recipient(nth), &format!("m{nth}"))).await;
    }
    assert_eq!(meta.refused(&template(&recipient(5), "m5")).await, (400, 131_049));
    meta.accepted(&template(&recipient(0), "again")).await; // known already
    meta.sim.inbound(&Inbound::text(NUMBER, recipient(6), "hi")).unwrap();
    meta.accepted(&template(&recipient(6), "m6")).await; // inside the customer service window

    let report = meta.sim.report();
    let portfolio = &report.portfolios[WABA];
    assert_eq!(
        (
            portfolio.tier.as_str(),
            portfolio.unique_recipients,
            portfolio.most_unique_recipients
        ),
        ("TIER_5", 5, 5)
    );
    assert_eq!(report.violations.count(ViolationKind::MessagingLimitExceeded), 1);
}

#[tokio::test]
async fn a_compressed_day_frees_the_tier_again() {
    let limits = Limits {
        day_ms: 1,
        ..Limits::default()
    };
    let meta = Meta::start(Config {
        default_tier: Tier::of(1),
        ..with_limits(limits)
    })
    .await;
    meta.accepted(&template(ANA, "a")).await;

    meta.sim
        .wait_for(SOON, |report| report.portfolios[WABA].unique_recipients == 0)
        .await
        .unwrap();

    meta.accepted(&template(BOB, "b")).await;
    assert!(meta.sim.report().ok);
}

#[tokio::test]
async fn free_form_outside_the_window_fails_later() {
    let receiver = Receiver::start(&config().app_secret).await;
    let meta = Meta::start(Config {
        webhook_url: Some(receiver.url.clone()),
        ..config()
    })
    .await;

    let wamid = meta.accepted(&text(ANA, "a")).await;

    let statuses = receiver.wait_for_statuses(1).await;
    assert_eq!(
        (&statuses[0]["status"], &statuses[0]["id"]),
        (&json!("failed"), &json!(wamid))
    );
    assert_eq!(statuses[0]["errors"][0]["code"], 131_047);
    let report = meta.sim.report();
    assert_eq!(report.violations.count(ViolationKind::FreeFormOutsideWindow), 1);
    assert_eq!(report.webhooks.failed_by_code.get(&131_047), Some(&1));
}

#[tokio::test]
async fn free_form_outside_the_window_is_refused_when_so_configured() {
    let limits = Limits {
        free_form_outside_window: FreeFormOutsideWindow::Refuse,
        ..Limits::default()
    };
    let meta = Meta::start(with_limits(limits)).await;

    assert_eq!(meta.refused(&text(ANA, "a")).await, (400, 131_047));

    meta.sim
        .inbound(&Inbound::new(
            NUMBER,
            ANA,
            "reaction",
            json!({ "message_id": "wamid.x", "emoji": "x" }),
        ))
        .unwrap();
    assert_eq!(
        meta.refused(&text(ANA, "b")).await,
        (400, 131_047),
        "a reaction opens no window"
    );

    meta.sim
        .inbound(&Inbound::new(NUMBER, ANA, "button", json!("Yes")))
        .unwrap();
    meta.accepted(&text(ANA, "c")).await;
    assert_eq!(
        meta.refused(&text(BOB, "d")).await,
        (400, 131_047),
        "the window is one user's"
    );
}

#[tokio::test]
async fn a_recipient_without_plus_gets_the_country_code_and_is_a_violation() {
    let number = Number {
        country_code: "91".into(),
        ..Number::new(NUMBER, "+915550001111", WABA)
    };
    let meta = Meta::start(Config {
        numbers: vec![number],
        ..config()
    })
    .await;

    let (_, answer) = meta.post(&template("16315551234", "a")).await;

    assert_eq!(
        answer["contacts"],
        json!([{ "input": "16315551234", "wa_id": "9116315551234" }])
    );
    assert_eq!(meta.sim.report().violations.count(ViolationKind::ToWithoutPlus), 1);
}

#[tokio::test]
async fn repetitions_are_found_by_opaque_string_and_by_message_id() {
    let meta = Meta::start(config()).await;
    let mut second_attempt = template(ANA, "a");
    second_attempt["biz_opaque_callback_data"] = "1.a.2.cam".into();

    meta.accepted(&template(ANA, "a")).await;
    meta.accepted(&template(ANA, "a")).await;
    meta.accepted(&second_attempt).await;

    let report = meta.sim.report();
    assert_eq!((report.duplicates.opaque, report.duplicates.message), (1, 2));
    assert_eq!(report.violations.count(ViolationKind::DuplicateMessage), 2);
    assert_eq!(report.violations.list[0].seq, 2);
}

#[tokio::test]
async fn a_tolerated_violation_is_listed_but_leaves_the_verdict() {
    let tolerated = BTreeSet::from([ViolationKind::ToWithoutPlus]);
    let meta = Meta::start(Config { tolerated, ..config() }).await;

    meta.accepted(&template("4155550100", "a")).await;

    let report = meta.sim.report();
    assert_eq!(report.violations.count(ViolationKind::ToWithoutPlus), 1);
    assert!(report.ok);
}
