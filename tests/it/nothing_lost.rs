//! The broker is a doorbell: emptied or restarted, it costs latency, never a message and never a double send.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;
use testkit::program::Program;
use testkit::seed::Choice;
use testkit::servers::rabbitmq::PrivateRabbit;
use testkit::stack::{Plan, Stack};

/// Half of what a claim may be silent: whatever is over by then was not found by its lease.
const BEFORE_ANY_LEASE: Duration = Duration::from_secs(45);

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
    assert_eq!(
        (report.accepted, report.posts - report.refused_total()),
        (5000, 5000),
        "{:?}",
        report.refused
    );
    assert_eq!(report.duplicates.message, 0);
    assert!(report.ok, "{:?}", report.violations);
    drop(rabbit);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_sender_loses_nothing_and_nothing_goes_twice() {
    let _turn = testkit::exclusive();
    // Slots so far apart that a call is over and recorded before the next begins, on the slowest machine too.
    let plan = Plan {
        tenant: Choice {
            throughput: 30,
            ..Choice::default()
        },
        ..Plan::default()
    };
    let mut stack = Stack::start(plan, 2).await.unwrap();

    stack.broadcast(0, 750).await.unwrap();
    until_posted(&stack, 60).await;
    let senders = [stack.programs.pop().unwrap(), stack.programs.pop().unwrap()];
    stop_between_calls(&stack, &senders).await;
    for sender in senders {
        sender.kill();
        stack.start_role("sender").await.unwrap();
    }

    // What they had posted was recorded, and what they had claimed and not begun goes back at once. Long before the first lease runs out
    // nothing is left in between.
    stack.until_accepted(750, BEFORE_ANY_LEASE).await;
    let report = stack.meta.wait_for_webhooks(Duration::from_secs(30)).await.unwrap();
    assert_eq!((report.accepted, report.posts), (750, 750), "{:?}", report.refused);
    assert_eq!(report.duplicates.message, 0);
    assert!(report.ok, "{:?}", report.violations);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_webhooks_only_calls_that_were_under_way_are_uncertain_after_a_kill() {
    let _turn = testkit::exclusive();
    let plan = Plan {
        simulator: Some(json!({"faults": [{"kind": "no_statuses"}], "latency": 300})),
        ..Plan::default()
    };
    let mut stack = Stack::start(plan, 1).await.unwrap();

    // Each dies when Meta has every call of its round and still owes some of them an answer. A moment earlier one of them could be noted
    // as begun and not yet made, and then nobody may post it.
    for round in 1..=4 {
        stack.broadcast((round - 1) * 250, 250).await.unwrap();
        until_posted(&stack, round as u64 * 250).await;
        if round < 4 {
            stack.programs.pop().unwrap().kill();
            stack.start_role("sender").await.unwrap();
        }
    }

    let settled = async || {
        let states = stack.states().await.ok()?;
        let ended: i64 = [40, 50].iter().filter_map(|state| states.get(state)).sum();
        (ended == 1000).then_some(states)
    };
    let states = testkit::until(BEFORE_ANY_LEASE, "an end for each message", settled).await;
    let report = stack.meta.report();
    assert_eq!((report.accepted, report.posts), (1000, 1000), "{:?}", report.refused);
    assert_eq!(report.duplicates.message, 0);
    assert!(states.contains_key(&40), "calls were under way: {states:?}");
    let sql = "SELECT count(*) AS n FROM message m WHERE state = 40
        AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.id = m.id AND a.error->>'cause' = 'the sender ended during the call')";
    let unexplained = stack.database.store.raw(sql).await.unwrap();
    assert_eq!(unexplained[0]["n"], 0, "{states:?}");
}

/// Stops senders (SIGSTOP) at a moment at which they hold claims, and no slot of any has come: none of these calls has begun. One that is
/// noted as begun and not yet made has to be uncertain, so a kill at any moment would now and then leave one.
async fn stop_between_calls(stack: &Stack, senders: &[Program]) {
    let signal = |signal: Signal| senders.iter().try_for_each(|sender| sender.signal(signal)).unwrap();
    let lease = domain::pace::LEASE.num_seconds();
    let sql = format!(
        "SELECT count(*) AS claimed, count(*) FILTER (WHERE m.wake_at - interval '{lease} s' <= turnpike_now()) AS begun
         FROM message m WHERE m.state = 30"
    );
    let stopped = async || {
        signal(Signal::SIGSTOP);
        let rows = stack.database.store.raw(&sql).await.ok()?;
        let between = rows[0]["claimed"] != 0 && rows[0]["begun"] == 0;
        if !between {
            signal(Signal::SIGCONT);
        }
        between.then_some(())
    };
    testkit::until(Duration::from_secs(20), "claims and no call", stopped).await;
}

async fn until_posted(stack: &Stack, count: u64) {
    testkit::until(Duration::from_secs(60), &format!("{count} posts"), async || {
        (stack.meta.report().posts >= count).then_some(())
    })
    .await;
}
