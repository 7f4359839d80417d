//! At least once: what the broker did not confirm is told again, and is recognized.

use std::collections::{BTreeMap, BTreeSet};

use broker::Publisher;
use notifier::{Notifier, Options};

use crate::listener::{Heard, Listener};
use crate::world::World;

#[tokio::test]
async fn events_that_the_broker_refused_are_told_again_under_the_same_name() {
    let world = World::new().await;
    let mut listener = Listener::bind(&world.database.amqp_url, &world.topology, "#", Some(5)).await;
    world
        .run(&format!(
            "CALL make_messages({}, 40, 20::smallint)",
            world.tenant.organization
        ))
        .await;
    let notifier = world.notifier();

    let first = notifier.run_once().await.unwrap();
    assert!(
        first.unconfirmed > 0,
        "the queue refuses what it has no room for: {first:?}"
    );
    let mut heard = listener.hear(first.told).await;
    // The listener takes everything from now on, so every pass gets further.
    let mut told = first.told;
    while told < 40 {
        told += notifier.run_once().await.unwrap().told;
    }
    let all: BTreeSet<i64> = (1..=40).collect();
    while heard.iter().map(Heard::sequence).collect::<BTreeSet<_>>() != all {
        heard.extend(listener.hear(1).await);
    }

    assert!(notifier.run_once().await.unwrap().is_empty());
    let mut names: BTreeMap<i64, (&str, &str)> = BTreeMap::new();
    for event in &heard {
        let name = (event.message_id.as_str(), event.message());
        assert_eq!(*names.entry(event.sequence()).or_insert(name), name);
    }
    listener.close().await;
    world.finish().await;
}

#[tokio::test]
async fn without_a_broker_changes_are_numbered_and_wait() {
    let world = World::new().await;
    world
        .run(&format!(
            "CALL make_messages({}, 4, 20::smallint)",
            world.tenant.organization
        ))
        .await;
    let (nobody, _driver) = Publisher::new();
    let silent = Notifier::new(
        world.database.store.clone(),
        nobody,
        &world.topology,
        Options::default(),
    );

    let pass = silent.run_once().await.unwrap();

    assert_eq!((pass.numbered, pass.told), (4, 0));
    assert!(silent.run_once().await.unwrap().is_empty());
    assert_eq!(world.notifier().run_once().await.unwrap().told, 4);
    world.finish().await;
}

#[tokio::test]
async fn a_turn_that_is_not_finished_tells_nothing_for_good() {
    let world = World::new().await;
    let organization = world.tenant.organization;
    world
        .run(&format!("CALL make_messages({organization}, 4, 20::smallint)"))
        .await;
    world.database.store.number_events(100).await.unwrap();

    let mut teller = world.database.store.teller().await.unwrap();
    drop(teller.turn(organization, 10).await.unwrap().unwrap());
    drop(teller);

    assert_eq!(world.tell_all().await.told, 4);
    world.finish().await;
}

#[tokio::test]
async fn a_row_may_be_told_in_parts() {
    let world = World::new().await;
    let mut listener = Listener::bind(&world.database.amqp_url, &world.topology, "#", None).await;
    world
        .run(&format!(
            "CALL make_messages({}, 10, 20::smallint)",
            world.tenant.organization
        ))
        .await;
    let options = Options {
        changes: 4,
        ..Options::default()
    };
    let notifier = world.notifier_with(options);

    for told in [4, 4, 2, 0] {
        assert_eq!(notifier.run_once().await.unwrap().told, told);
    }

    let sequences: Vec<_> = listener.hear(10).await.iter().map(Heard::sequence).collect();
    assert_eq!(sequences, (1..=10).collect::<Vec<_>>());
    listener.close().await;
    world.finish().await;
}
