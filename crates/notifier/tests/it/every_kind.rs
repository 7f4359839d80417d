//! Every kind of event that the documentation lists is told, with the fields it lists, and no other.

use std::collections::{BTreeMap, BTreeSet};

use domain::event::KINDS;

use crate::listener::Listener;
use crate::world::World;

#[tokio::test]
async fn every_change_beside_messages_is_told_as_documented() {
    let world = World::new().await;
    let mut listener = Listener::bind(&world, "#").await;

    world.run(include_str!("every_kind.sql")).await;
    let told = world.tell_all().await.told;

    let mut heard: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for event in listener.hear(told).await {
        let kind = event.body["type"].as_str().unwrap().to_owned();
        assert_eq!(event.key, format!("acme0.{kind}"));
        let data = event.body["data"].as_object().unwrap();
        heard.insert(kind, data.keys().cloned().collect());
    }
    let documented: BTreeMap<String, BTreeSet<String>> = KINDS
        .iter()
        .filter(|kind| !kind.name.starts_with("message."))
        .map(|kind| {
            let fields = kind.fields.iter().map(|&field| field.to_owned()).collect();
            (kind.name.to_owned(), fields)
        })
        .collect();
    assert_eq!(heard, documented);
    // One event per change: moving a cursor, a pace, a counter or a source is none.
    assert_eq!(told, 34);
    listener.close(&world).await;
    world.finish().await;
}

#[tokio::test]
async fn what_is_rolled_back_is_never_told() {
    let world = World::new().await;

    world
        .run(concat!("BEGIN;", include_str!("every_kind.sql"), "ROLLBACK;"))
        .await;

    assert!(world.tell_all().await.is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_pause_tells_until_when_in_utc_and_null_when_nobody_knows() {
    let world = World::new().await;
    let mut listener = Listener::bind(&world, "#").await;

    world
        .run(
            "UPDATE number_gate SET paused_until = '2090-01-31T10:00:00+01', pause_reason = 'meta_130429';
             UPDATE number_gate SET paused_until = 'infinity', pause_reason = 'operator'",
        )
        .await;
    world.tell_all().await;

    let heard = listener.hear(2).await;
    assert_eq!(heard[0].body["data"]["until"], "2090-01-31T09:00:00Z");
    assert_eq!(heard[0].body["data"]["reason"], "meta_130429");
    assert_eq!(heard[1].body["data"]["until"], serde_json::Value::Null);
    listener.close(&world).await;
    world.finish().await;
}
