//! Meta answers badly, or not at all.

use std::time::Duration;

use domain::State;
use serde_json::{Value, json};
use testkit::history::Expectations;

use super::{Run, pace, with};

/// Every one of these strikes a tenth of the messages.
fn a_tenth(kinds: impl IntoIterator<Item = Value>) -> Value {
    let faults: Vec<_> = kinds
        .into_iter()
        .map(|mut fault| {
            fault["probability"] = json!(0.1);
            fault
        })
        .collect();
    json!({ "faults": faults })
}

fn kind(name: &str) -> Value {
    json!({ "kind": name })
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_messages_whose_answers_say_nothing_are_proven_by_their_webhooks() {
    let _turn = testkit::exclusive();
    let faults = a_tenth([
        kind("lost_response"),
        kind("http_500_accepted"),
        kind("truncated_json"),
        kind("html_200"),
        kind("wrong_content_length"),
        json!({"kind": "timeout_after_accept", "hold_ms": 1500}),
        json!({"kind": "slow_body", "total_ms": 800}),
    ]);
    let mut run = Run::start(with(pace(500), faults), 2).await.unwrap();

    run.load(2000).await.unwrap();

    run.until_quiet().await.unwrap();
    let report = run.stack.meta.report();
    assert_eq!(report.faults.len(), 7, "each fault struck: {:?}", report.faults);
    assert_eq!((report.posts, report.accepted), (2000, 2000), "{:?}", report.refused);
    run.check(&Expectations::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_that_cannot_be_told_from_acceptance_end_as_unknown_and_are_never_repeated() {
    let _turn = testkit::exclusive();
    let faults = a_tenth([
        kind("reset_before_accept"),
        kind("http_500_not_accepted"),
        kind("service_unavailable"),
    ]);
    let mut run = Run::start(with(pace(500), faults), 2).await.unwrap();

    run.load(2000).await.unwrap();

    run.until_quiet().await.unwrap();
    run.end_holds().await.unwrap();
    let report = run.stack.meta.report();
    let struck: u64 = report.faults.values().sum();
    assert_eq!(report.faults.len(), 3, "each fault struck: {:?}", report.faults);
    assert_eq!(run.count(State::Unknown).await.unwrap(), struck);
    assert_eq!((report.posts, report.accepted), (2000, 2000 - struck));
    run.check(&Expectations::default().or(State::Unknown)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_throttles_burns_nothing_and_everything_arrives() {
    let _turn = testkit::exclusive();
    let mut run = Run::start(pace(500), 2).await.unwrap();

    run.load(1500).await.unwrap();
    run.until_posted(200).await.unwrap();
    let storm = simulator::Fault::new(simulator::FaultKind::Throttle).times(120);
    run.stack.meta.set_faults([storm]).unwrap();

    run.until_quiet().await.unwrap();
    let report = run.stack.meta.report();
    let throttled = report.refused.get(&130_429).copied().unwrap_or_default();
    assert!(throttled >= 50, "{throttled} throttles are no storm");
    assert_eq!(
        (report.posts, report.accepted),
        (1500 + throttled, 1500),
        "{:?}",
        report.refused
    );
    run.check(&Expectations::default()).await.unwrap();
    let burnt = run
        .stack
        .database
        .store
        .raw("SELECT count(*) AS n FROM message WHERE failures > 0")
        .await
        .unwrap();
    assert_eq!(burnt[0]["n"], 0, "a throttle counts against nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_message_says_so_an_unknown_outcome_is_sent_again() {
    let _turn = testkit::shared();
    let faults = json!({"faults": [{"kind": "reset_before_accept", "count": 5}]});
    let mut run = Run::start(with(pace(500), faults), 1).await.unwrap();

    for n in 0..20 {
        let body = json!({"to": testkit::seed::recipient(n), "type": "template", "on_uncertain": "resend",
            "template": {"name": "hello", "language": {"code": "en_US"}}});
        run.client.send(&run.stack, &body).await.unwrap();
    }

    run.until_quiet().await.unwrap();
    assert_eq!(run.count(State::Uncertain).await.unwrap(), 5);
    run.end_holds().await.unwrap();
    run.until_quiet().await.unwrap();
    assert_eq!(run.stack.meta.report().posts, 25);
    run.check(&Expectations::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meta_that_is_silent_in_every_way_leaves_an_honest_unknown() {
    let _turn = testkit::shared();
    let faults = json!({"faults": [
        {"kind": "lost_response", "recipients": ["*7"]},
        {"kind": "no_statuses", "recipients": ["*7"]}
    ]});
    let mut run = Run::start(with(pace(500), faults), 1).await.unwrap();

    run.load(100).await.unwrap();

    run.until_quiet().await.unwrap();
    run.end_holds().await.unwrap();
    assert_eq!(run.count(State::Unknown).await.unwrap(), 10);
    assert_eq!(run.stack.meta.report().accepted, 100);
    let expectations = Expectations {
        silent: true,
        delivered: None,
        ..Expectations::default().or(State::Unknown)
    };
    run.check(&expectations).await.unwrap();
    // Nobody comes back to them.
    let later = run
        .stack
        .meta
        .wait_for(Duration::from_secs(3), |report| report.posts > 100)
        .await;
    assert!(later.is_err(), "an unknown outcome was posted again");
}
