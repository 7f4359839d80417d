//! At least once: what the broker did not confirm is told again, and is recognized.

use std::collections::BTreeMap;

use broker::{Address, Publisher};
use notifier::{Notifier, Options};
use runtime::{Drained, Shutdown};
use testkit::proxy::{Ending, Ends, Faults, Proxy, Way};
use testkit::until;

use crate::listener::{Heard, Listener};
use crate::world::{SOON, World, publisher};

#[tokio::test]
async fn events_whose_confirms_are_lost_are_told_again_under_the_same_name() {
    let world = World::new().await;
    let mut listener = Listener::bind(&world, "#").await;
    let (proxy, through) = Proxy::before(&world.database.amqp_url).await.unwrap();
    let shutdown = Shutdown::new();
    let publisher = publisher(&Address::parse(&through).unwrap(), &world.topology, &shutdown);
    until(SOON, "a connected publisher", async || {
        publisher.is_connected().then_some(())
    })
    .await;
    let notifier = Notifier::new(
        world.database.store.clone(),
        publisher,
        &world.topology,
        Options::default(),
    );
    world
        .run(&format!(
            "CALL make_messages({}, 40, 20::smallint)",
            world.tenant.organization
        ))
        .await;

    // The broker takes everything, and its answer breaks off in the middle of the first confirm.
    let ends = Some(Ends {
        after: 10,
        how: Ending::Reset,
    });
    proxy
        .set(Faults {
            to_client: Way { ends, ..Way::default() },
            ..Faults::default()
        })
        .await;
    let first = notifier.run_once().await.unwrap();
    assert_eq!((first.numbered, first.told, first.unconfirmed), (40, 0, 40));
    proxy.heal().await;
    let mut told = 0;
    until(SOON, "all events told", async || {
        told += notifier.run_once().await.unwrap().told;
        (told == 40).then_some(())
    })
    .await;

    let mut heard = listener.hear(40).await;
    while heard.last().is_none_or(|event| event.sequence() < 40) || heard.len() == 40 {
        heard.extend(listener.hear(1).await);
    }
    assert!(heard.len() > 40, "some came twice");
    let mut names: BTreeMap<i64, (&str, &str)> = BTreeMap::new();
    for event in &heard {
        let name = (event.message_id.as_str(), event.message());
        assert_eq!(*names.entry(event.sequence()).or_insert(name), name);
    }
    assert_eq!(names.len(), 40);
    assert_eq!(shutdown.drain(SOON).await, Drained::Clean);
    listener.close(&world).await;
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
    let mut listener = Listener::bind(&world, "#").await;
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
    listener.close(&world).await;
    world.finish().await;
}

#[tokio::test]
async fn events_that_are_gone_by_age_hold_nothing_up() {
    let world = World::new().await;
    for _ in 0..5 {
        world
            .run(&format!(
                "CALL make_messages({}, 200, 20::smallint)",
                world.tenant.organization
            ))
            .await;
    }
    world.database.store.number_events(100).await.unwrap();
    world.run("DELETE FROM event WHERE sequence <= 800").await;
    let options = Options {
        changes: 150,
        ..Options::default()
    };
    let notifier = world.notifier_with(options);

    for told in [150, 50, 0] {
        assert_eq!(notifier.run_once().await.unwrap().told, told);
    }
    let page = world
        .database
        .store
        .events_after(world.tenant.organization, 0, 30)
        .await
        .unwrap();
    let sequences: Vec<_> = page.events().map(|event| event.sequence).collect();
    assert_eq!(sequences, (801..=830).collect::<Vec<_>>());
    world.finish().await;
}

/// What is read to be told ends 500 changes behind what is wanted (changes.sql), so no row may hold more.
#[tokio::test]
async fn the_largest_rows_are_told_in_parts_too() {
    let world = World::new().await;
    world
        .run(&format!(
            "CALL make_messages({}, 1200, 20::smallint)",
            world.tenant.organization
        ))
        .await;
    let options = Options {
        changes: 1,
        ..Options::default()
    };

    assert_eq!(world.notifier_with(options).run_once().await.unwrap().told, 1);
    assert_eq!(world.tell_all().await.told, 1199);
    world.finish().await;
}
