//! Faults as a caller meets them: what it sees, and what the ledger knows better.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use simulator::{Config, Fault, FaultKind};

use crate::caller::{ANA, BOB, Meta, SOON, config, template};
use crate::receiver::Receiver;

async fn with_fault(kind: FaultKind) -> Meta {
    Meta::start(Config {
        faults: vec![Fault::new(kind).times(1)],
        ..config()
    })
    .await
}

#[tokio::test]
async fn a_lost_response_is_an_error_to_the_caller_while_the_message_travels() {
    let receiver = Receiver::start(&config().app_secret).await;
    let meta = Meta::start(Config {
        webhook_url: Some(receiver.url.clone()),
        ..config()
    })
    .await;
    meta.sim
        .set_faults([Fault::new(FaultKind::LostResponse).to(ANA)])
        .unwrap();

    let lost = meta.try_post(&template(ANA, "a")).await;
    meta.accepted(&template(BOB, "b")).await;

    assert!(lost.is_err(), "{lost:?}");
    let statuses = receiver.wait_for(|_| {
        receiver
            .statuses()
            .iter()
            .any(|status| status["biz_opaque_callback_data"] == "1.a.1.mac" && status["status"] == "read")
    });
    statuses.await;
    let ledger = meta.sim.ledger();
    let entry = &ledger[0];
    assert_eq!(
        (entry.accepted, entry.status, entry.fault.as_deref()),
        (true, None, Some("lost_response"))
    );
    let echoed: Vec<_> = receiver.statuses().iter().map(|status| status["id"].clone()).collect();
    assert!(echoed.contains(&json!(entry.wamid)));
    let report = meta.sim.report();
    assert_eq!((report.accepted, report.accepted_unconfirmed), (2, 1));
    assert_eq!(report.faults["lost_response"], 1);
}

#[tokio::test]
async fn a_reset_before_accept_leaves_nothing_behind() {
    let meta = with_fault(FaultKind::ResetBeforeAccept).await;

    assert!(meta.try_post(&template(ANA, "a")).await.is_err());
    meta.accepted(&template(ANA, "a")).await;

    let report = meta.sim.report();
    assert_eq!((report.dropped, report.accepted, report.duplicates.message), (1, 1, 0));
}

#[tokio::test]
async fn a_held_connection_ends_without_an_answer() {
    let meta = with_fault(FaultKind::TimeoutAfterAccept { hold_ms: 20 }).await;

    assert!(meta.try_post(&template(ANA, "a")).await.is_err());

    assert_eq!(meta.sim.report().accepted_unconfirmed, 1);
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_undo_what_was_accepted() {
    let meta = with_fault(FaultKind::TimeoutAfterAccept { hold_ms: 60_000 }).await;

    let url = meta.url("/v26.0/2000001/messages");
    let client = reqwest::Client::builder()
        .timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    let gave_up = client
        .post(url)
        .bearer_auth("token")
        .json(&template(ANA, "a"))
        .send()
        .await
        .unwrap_err();

    assert!(gave_up.is_timeout(), "{gave_up}");
    meta.sim.wait_for(SOON, |report| report.accepted == 1).await.unwrap();
}

#[tokio::test]
async fn server_errors_do_and_do_not_accept() {
    for (kind, accepted, expect) in [
        (FaultKind::Http500Accepted, 1, (500, 131_000)),
        (FaultKind::Http500NotAccepted, 0, (500, 131_000)),
        (FaultKind::ServiceUnavailable, 0, (503, 131_016)),
        (FaultKind::Throttle, 0, (400, 130_429)),
        (FaultKind::PairThrottle, 0, (400, 131_056)),
        (
            FaultKind::Error {
                code: 131_057,
                http_status: None,
            },
            0,
            (500, 131_057),
        ),
        (
            FaultKind::Error {
                code: 4,
                http_status: Some(429),
            },
            0,
            (429, 4),
        ),
    ] {
        let meta = with_fault(kind).await;

        assert_eq!(meta.refused(&template(ANA, "a")).await, expect, "{}", kind.name());

        let report = meta.sim.report();
        assert_eq!(report.accepted, accepted, "{}", kind.name());
        assert!(report.ok, "a fault is not the caller's violation");
    }
}

#[tokio::test]
async fn answers_that_cannot_be_read_still_accept() {
    for kind in [
        FaultKind::TruncatedJson,
        FaultKind::Html200,
        FaultKind::WrongContentLength,
    ] {
        let meta = with_fault(kind).await;

        let response = meta.try_post(&template(ANA, "a")).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.json::<serde_json::Value>().await;

        assert!(body.is_err(), "{}: {body:?}", kind.name());
        assert_eq!(meta.sim.report().accepted_unconfirmed, 1, "{}", kind.name());
    }
}

#[tokio::test]
async fn a_slow_body_is_whole_in_the_end() {
    let meta = with_fault(FaultKind::SlowBody { total_ms: 40 }).await;

    let wamid = meta.accepted(&template(ANA, "a")).await;

    assert_eq!(meta.sim.ledger()[0].wamid.as_deref(), Some(wamid.as_str()));
    assert_eq!(meta.sim.report().accepted_unconfirmed, 0);
}
