//! The view of a delivery does not depend on the order of its webhooks, on their repetition, or on how they are batched.

use domain::{Delivery, MessageId};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::world::{Plan, World};

const WORDS: [(&str, Delivery); 4] = [
    ("sent", Delivery::Sent),
    ("failed", Delivery::Failed),
    ("delivered", Delivery::Delivered),
    ("read", Delivery::Read),
];

fn permutations(items: Vec<usize>) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for place in 0..items.len() {
        let mut rest = items.clone();
        let first = rest.remove(place);
        all.extend(permutations(rest).into_iter().map(|mut tail| {
            tail.insert(0, first);
            tail
        }));
    }
    all
}

async fn check(world: &World, id: MessageId, seen: &[usize]) {
    let view = Delivery::of(seen.iter().map(|word| WORDS[*word].1));
    let row = world.row(id).await;
    assert_eq!(row["delivery"], view.code(), "{seen:?}");
    assert_eq!(row["state"], 50, "{seen:?}");
    let reason = if view == Delivery::Failed {
        Value::from("meta_131026")
    } else {
        Value::Null
    };
    assert_eq!(row["reason"], reason, "{seen:?}");
}

#[tokio::test]
async fn every_order_of_the_four_words_ends_the_same_and_is_right_on_the_way() {
    let world = World::new().await;
    let orders = permutations(vec![0, 1, 2, 3]);
    assert_eq!(orders.len(), 24);
    let mut ids = Vec::new();
    for _ in &orders {
        ids.push(world.message(Plan::default()).await);
    }

    for step in 0..4 {
        let statuses: Vec<Value> = ids
            .iter()
            .zip(&orders)
            .map(|(id, order)| {
                let word = order[step];
                world.status(*id, 1, WORDS[word].0, i64::try_from(word).unwrap())
            })
            .collect();
        world.statuses(&statuses).await;
        for (id, order) in ids.iter().zip(&orders) {
            check(&world, *id, &order[..=step]).await;
        }
    }
}

#[test]
fn any_shuffle_with_repetitions_in_any_bodies_gives_the_view_of_the_set() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(World::new());
    // Each event: which word, and whether a new body begins before it, or a new pass.
    let events = proptest::collection::vec((0..WORDS.len(), 0..4_u8), 1..10);
    let config = Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    };

    TestRunner::new(config)
        .run(&events, |events| {
            runtime.block_on(async {
                let id = world.message(Plan::default()).await;
                let mut passes: Vec<Vec<Vec<Value>>> = vec![vec![Vec::new()]];
                for (word, cut) in &events {
                    match cut {
                        0 => passes.push(vec![Vec::new()]),
                        1 => passes.last_mut().unwrap().push(Vec::new()),
                        _ => {}
                    }
                    let seconds = i64::try_from(*word).unwrap();
                    let status = world.status(id, 1, WORDS[*word].0, seconds);
                    passes.last_mut().unwrap().last_mut().unwrap().push(status);
                }
                for bodies in passes {
                    let bodies: Vec<Value> = bodies.iter().map(|list| world.messages("statuses", list)).collect();
                    world.apply(&bodies).await;
                }
                let seen: Vec<usize> = events.iter().map(|(word, _)| *word).collect();
                check(&world, id, &seen).await;
                let mut distinct = seen.clone();
                distinct.sort_unstable();
                distinct.dedup();
                let kept = world.count(&format!("status_event WHERE id = '{id}'")).await;
                prop_assert_eq!(kept, i64::try_from(distinct.len()).unwrap());
                Ok(())
            })
        })
        .unwrap();
    drop(world);
}
