//! The broker is a doorbell: emptied or restarted, it costs latency, never a message and never a double send.

use std::time::Duration;

use testkit::servers::rabbitmq::PrivateRabbit;
use testkit::stack::{Plan, Stack};

#[tokio::test(flavor = "multi_thread")]
async fn purged_queues_and_a_restarted_broker_cost_no_message_and_double_none() {
    let _turn = testkit::exclusive();
    let mut rabbit = tokio::task::spawn_blocking(|| PrivateRabbit::start("nothing-lost"))
        .await
        .unwrap()
        .unwrap();
    let plan = Plan {
        amqp_url: Some(rabbit.amqp_url.clone()),
        ..Plan::default()
    };
    let stack = Stack::start(plan, 2).await.unwrap();

    stack.broadcast(0, 5000).await.unwrap();
    until_posted(&stack, 500).await;
    let topology = broker::Topology::new(&stack.prefix);
    let admin = broker::Admin::open(&broker::Address::parse(&rabbit.amqp_url).unwrap())
        .await
        .unwrap();
    admin.purge(&topology.queues.bulk).await.unwrap();
    until_posted(&stack, 1500).await;
    let rabbit = tokio::task::spawn_blocking(move || rabbit.restart().map(|()| rabbit))
        .await
        .unwrap()
        .unwrap();

    stack.until_accepted(5000, Duration::from_secs(120)).await;
    let report = stack.meta.wait_for_webhooks(Duration::from_secs(60)).await.unwrap();
    assert_eq!((report.accepted, report.posts), (5000, 5000), "{:?}", report.refused);
    assert_eq!(report.duplicates.message, 0);
    assert!(report.ok, "{:?}", report.violations);
    drop(rabbit);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_sender_loses_nothing_and_nothing_goes_twice() {
    let _turn = testkit::exclusive();
    let mut stack = Stack::start(Plan::default(), 2).await.unwrap();

    stack.broadcast(0, 2000).await.unwrap();
    until_posted(&stack, 300).await;
    stack.programs.pop().unwrap().kill();
    stack.start_role("sender").await.unwrap();

    // What the killed one had posted is proven by webhooks; what it had claimed but not posted can only be found by its lease.
    testkit::until(
        Duration::from_secs(60),
        "everything but the killed sender's claims",
        async || {
            let states = stack.states().await.unwrap();
            let waiting: i64 = [10, 20].iter().filter_map(|state| states.get(state)).sum();
            (waiting == 0
                && states.get(&50).copied().unwrap_or_default() + states.get(&30).copied().unwrap_or_default() == 2000)
                .then_some(())
        },
    )
    .await;
    let report = stack.meta.wait_for_webhooks(Duration::from_secs(30)).await.unwrap();
    assert_eq!(report.duplicates.message, 0);
    assert!(report.ok, "{:?}", report.violations);
    testkit::until(
        Duration::from_secs(10),
        "an accepted row for every accepted message",
        async || {
            let accepted = stack.states().await.unwrap().get(&50).copied().unwrap_or_default();
            (u64::try_from(accepted).ok() == Some(report.accepted)).then_some(())
        },
    )
    .await;
}

async fn until_posted(stack: &Stack, count: u64) {
    testkit::until(Duration::from_secs(60), &format!("{count} posts"), async || {
        (stack.meta.report().posts >= count).then_some(())
    })
    .await;
}
