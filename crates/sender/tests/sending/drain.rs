//! Stopping: nothing is lost, nothing is left in doubt.

use domain::Lane;
use simulator::Delay;
use testkit::seed::Choice;
use testkit::until;

use crate::stage::{SOON, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_sender_finishes_what_it_claimed_and_gives_back_the_rest() {
    let choice = Choice {
        throughput: 80,
        ..Choice::default()
    };
    let stage = Stage::new(choice).await;
    stage
        .meta
        .update_config(|config| config.latency = Delay::Fixed(300))
        .unwrap();
    let ids = stage.queued(0..200).await;
    let sender = stage.sender();
    stage.ring(&ids, Lane::Bulk).await;
    stage.meta.wait_for(SOON, |report| report.posts >= 20).await.unwrap();

    sender.stop().await;

    let states = stage.states().await;
    let (accepted, queued) = (states["50"], states["20"]);
    assert!(accepted >= 20 && queued > 0, "{states:?}");
    let parked: i64 = states
        .iter()
        .filter(|(state, _)| state.starts_with("10"))
        .map(|(_, n)| n)
        .sum();
    assert_eq!(
        accepted + queued + parked,
        200,
        "nothing is sending or uncertain: {states:?}"
    );
    assert_eq!(stage.meta.report().accepted, accepted as u64);
    let queue = &stage.topology.queues.bulk;
    until(SOON, "the jobs of queued rows to be back", async || {
        (stage.depth(queue).await > 0).then_some(())
    })
    .await;

    // The next sender goes on where this one stopped.
    let sender = stage.sender();
    until(SOON, "all 200", async || {
        stage.release_due().await;
        (stage.states().await.get("50") == Some(&200)).then_some(())
    })
    .await;
    sender.stop().await;
    assert_eq!(stage.meta.report().duplicates.message, 0);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_sender_stops_at_once() {
    let stage = Stage::new(Choice::default()).await;
    let sender = stage.sender();
    let id = stage.queued([1]).await[0];
    stage.ring(&[id], Lane::Rt).await;
    stage.until_states([("50", 1)]).await;

    let stopping = std::time::Instant::now();
    sender.stop().await;

    assert!(stopping.elapsed() < SOON / 3, "{:?}", stopping.elapsed());
    stage.finish().await;
}
