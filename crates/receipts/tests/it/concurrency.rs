//! Several processes at once, and the role as a whole.

use std::time::Duration;

use domain::{Delivery, State};
use receipts::{Options, Receipts};
use runtime::health::Health;
use runtime::{Drained, Shutdown};
use serde_json::Value;
use store::admission::Pacing;
use testkit::until;
use uuid::Uuid;

use crate::world::{Plan, World};

const DEADLINE: Duration = Duration::from_secs(30);

/// Passes until one finds nothing; says how many bodies were applied.
async fn until_empty(receipts: &Receipts) -> usize {
    let mut bodies = 0;
    loop {
        match receipts.run_once().await.unwrap().bodies {
            0 => return bodies,
            some => bodies += some,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_apply_each_body_once() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for recipient in 0..20 {
        let state = State::Uncertain;
        ids.push(
            world
                .message(Plan {
                    state,
                    recipient,
                    ..Plan::default()
                })
                .await,
        );
    }
    let words = ["sent", "delivered", "read", "failed"];
    // Every body speaks of many messages, in another order each time, so that two processes meet on the same rows.
    let bodies: Vec<Value> = (0..120_usize)
        .map(|n| {
            let statuses: Vec<Value> = (0..20)
                .map(|k| {
                    world.status(
                        ids[(n * 7 + k * 3) % 20],
                        1,
                        words[(n * 2 + k) % 4],
                        i64::try_from(n).unwrap(),
                    )
                })
                .collect();
            let texts: Vec<Value> = (0..5)
                .map(|k| world.text(&format!("wamid.{}", (n + k) % 50), (n * 3 + k) % 20, -1, "hello"))
                .collect();
            let mut body = world.messages("statuses", &statuses);
            let more = world.messages("messages", &texts);
            body["entry"].as_array_mut().unwrap().push(more["entry"][0].clone());
            body
        })
        .collect();
    world.keep(&bodies).await;
    let small = Options {
        bodies: 7,
        ..Options::default()
    };
    let (one, two) = (world.another(small), world.another(small));

    let (first, second) = tokio::join!(
        tokio::spawn(async move { until_empty(&one).await }),
        tokio::spawn(async move { until_empty(&two).await }),
    );

    // Who finds nothing may have looked while the other had the last bodies in hand.
    let left = until_empty(&world.receipts).await;
    assert_eq!(first.unwrap() + second.unwrap() + left, 120);
    assert_eq!(world.set_aside().await, Vec::<String>::new());
    assert_eq!(world.count("inbound_message").await, 50);
    for id in ids {
        assert_eq!(world.row(id).await["delivery"], Delivery::Read.code());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_open_while_messages_to_the_same_people_are_admitted() {
    let world = World::new().await;
    let people = 60;
    let mut ids = Vec::new();
    for round in 0..20 {
        for person in 0..people {
            // Each round in another order.
            let recipient = (person * 7 + round * 13) % people;
            let state = State::Queued;
            ids.push(
                world
                    .message(Plan {
                        state,
                        recipient,
                        ..Plan::default()
                    })
                    .await,
            );
        }
    }
    let bodies: Vec<Value> = (0..40)
        .map(|n| {
            let texts: Vec<Value> = (0..people)
                .map(|k| world.text(&format!("wamid.{n}.{k}"), (people - k + n * 11) % people, -1, "hello"))
                .collect();
            world.messages("messages", &texts)
        })
        .collect();
    world.keep(&bodies).await;
    let receipts = world.another(Options {
        bodies: 1,
        ..Options::default()
    });
    let store = world.store().clone();
    let pacing = Pacing {
        horizon: Duration::from_secs(10),
        lead: Duration::ZERO,
    };

    let admitting = tokio::spawn(async move {
        for batch in ids.chunks(60) {
            let admitted = store.admit(Uuid::new_v4(), batch, pacing).await;
            admitted.expect("no deadlock with receipts");
        }
    });
    let applying = tokio::spawn(async move { until_empty(&receipts).await });

    admitting.await.unwrap();
    assert_eq!(applying.await.unwrap(), 40);
    let open = "contact WHERE last_inbound_at IS NOT NULL AND pair_tat > '-infinity'";
    assert_eq!(world.count(open).await, i64::try_from(people).unwrap());
}

#[tokio::test]
async fn the_role_applies_what_comes_is_ready_and_stops_when_asked() {
    let world = World::new().await;
    let id = world
        .message(Plan {
            state: State::Unknown,
            ..Plan::default()
        })
        .await;
    let (shutdown, health) = (Shutdown::new(), Health::new());
    let (receipts, word, watched) = (world.receipts.clone(), shutdown.clone(), health.clone());
    shutdown.spawn("receipts", async move { receipts::run(receipts, word, &watched).await });

    until(DEADLINE, "readiness", async || health.is_ready().then_some(())).await;
    world
        .keep(&[world.messages("statuses", &[world.status(id, 1, "delivered", 0)])])
        .await;
    until(DEADLINE, "the status", async || {
        (world.row(id).await["delivery"] == Delivery::Delivered.code()).then_some(())
    })
    .await;

    assert_eq!(shutdown.drain(DEADLINE).await, Drained::Clean);
    assert_eq!(world.row(id).await["state"], State::Accepted.code());
}
