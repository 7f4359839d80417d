//! Webhooks come twice, late, in any order, with bad signatures, before the answer they belong to.

use domain::State;
use serde_json::json;
use testkit::history::Expectations;

use super::{Run, pace, with};

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_repeated_shuffled_late_and_badly_signed_end_in_the_same_ledger() {
    let _turn = testkit::exclusive();
    let simulator = json!({
        "faults": [
            {"kind": "duplicated", "times": 4, "probability": 0.5},
            {"kind": "statuses_shuffled", "probability": 0.5},
            {"kind": "late", "by_ms": 2000, "probability": 0.1},
            {"kind": "bad_signature", "probability": 0.05},
            {"kind": "delivered_dropped", "probability": 0.1},
            {"kind": "lost_response", "probability": 0.1}
        ],
        "webhooks": {"batch_max": 1000, "batch_flush_ms": 50}
    });
    let mut run = Run::start(with(pace(500), simulator), 2).await.unwrap();

    run.load(2000).await.unwrap();

    run.until_quiet().await.unwrap();
    let report = run.stack.meta.report();
    assert_eq!(report.faults.len(), 6, "each fault struck: {:?}", report.faults);
    assert!(report.webhooks.posts_failed > 0, "badly signed webhooks were taken");
    assert_eq!((report.posts, report.accepted), (2000, 2000));
    run.check(&Expectations::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_overtake_the_answer_prove_what_the_answer_hides() {
    let _turn = testkit::exclusive();
    let simulator = json!({
        "webhooks": {"sent_before_response": true, "batch_flush_ms": 1},
        "faults": [{"kind": "lost_response", "probability": 0.3}],
        "latency": {"min_ms": 0, "max_ms": 30}
    });
    let mut run = Run::start(with(pace(300), simulator), 2).await.unwrap();

    run.load(1000).await.unwrap();

    run.until_quiet().await.unwrap();
    assert_eq!(run.count(State::Accepted).await.unwrap(), 1000);
    assert_eq!(run.stack.meta.report().posts, 1000);
    run.check(&Expectations::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_come_after_the_end_of_the_hold_still_tell_the_truth() {
    let _turn = testkit::shared();
    let simulator = json!({"faults": [
        {"kind": "lost_response", "probability": 0.3},
        {"kind": "late", "by_ms": 8000}
    ]});
    let mut run = Run::start(with(pace(500), simulator), 1).await.unwrap();

    run.load(100).await.unwrap();
    run.until_posted(100).await.unwrap();
    testkit::until(super::PATIENCE, "answers for all", async || {
        let states = run.stack.states().await.ok()?;
        states.keys().all(|state| *state >= 40).then_some(())
    })
    .await;
    run.end_holds().await.unwrap();
    assert!(
        run.count(State::Unknown).await.unwrap() > 0,
        "nothing was unknown before its webhook came"
    );

    run.until_quiet().await.unwrap();
    run.check(&Expectations::default()).await.unwrap();
}
