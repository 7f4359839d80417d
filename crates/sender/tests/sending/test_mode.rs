//! Messages of test keys: posted to the stand-in, never to Meta, and whatever comes of them stays theirs.

use domain::{Lane, MessageId};
use serde_json::json;
use simulator::{Fault, FaultKind, Number, Running, Simulator};
use testkit::seed::Choice;

use crate::stage::Stage;

async fn stand_in(stage: &Stage) -> Running {
    Simulator::start(simulator::Config {
        numbers: vec![Number::new(
            &stage.tenant.phone_number_id,
            &stage.tenant.phone,
            "1000000",
        )],
        // It would refuse Meta's token.
        access_tokens: vec!["turnpike-test".to_owned()],
        ..simulator::Config::default()
    })
    .await
    .unwrap()
}

async fn queued_test(stage: &Stage, person: usize) -> MessageId {
    let id = stage.queued([person]).await[0];
    stage
        .run(&format!("UPDATE message SET test = true WHERE id = '{id}'"))
        .await;
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_goes_to_the_stand_in_and_a_live_message_to_meta() {
    let stage = Stage::new(Choice::default()).await;
    let stand_in = stand_in(&stage).await;
    let ids = [queued_test(&stage, 1).await, stage.queued([2]).await[0]];
    let sender = stage.sender_with(Some(&stand_in.base_url()));

    stage.ring(&ids, Lane::Rt).await;

    stage.until_states([("50", 2)]).await;
    assert_eq!((stage.meta.report().posts, stand_in.report().posts), (1, 1));
    sender.stop().await;
    stand_in.shutdown().await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_stand_in_says_of_a_number_holds_no_live_message() {
    let stage = Stage::new(Choice::default()).await;
    let stand_in = stand_in(&stage).await;
    stand_in.set_faults([Fault::new(FaultKind::Throttle)]).unwrap();
    let test = queued_test(&stage, 1).await;
    let sender = stage.sender_with(Some(&stand_in.base_url()));

    stage.ring(&[test], Lane::Rt).await;

    stage.until_states([("10 meta_130429", 1)]).await;
    let gate = stage
        .rows("SELECT paused_until = '-infinity' AS open, slowed_to FROM number_gate")
        .await;
    assert_eq!(gate, [json!({"open": true, "slowed_to": null})]);
    sender.stop().await;
    stand_in.shutdown().await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_stand_in_a_test_fails_and_goes_nowhere() {
    let stage = Stage::new(Choice::default()).await;
    let test = queued_test(&stage, 1).await;
    let sender = stage.sender();

    stage.ring(&[test], Lane::Rt).await;

    stage.until_states([("60 test_mode_off", 1)]).await;
    assert_eq!(stage.meta.report().posts, 0);
    sender.stop().await;
    stage.finish().await;
}
