//! Which changes become events, and what the events say.

use domain::{Delivery, PublicStatus, State};
use runtime::health::Health;
use runtime::{Drained, Shutdown};
use testkit::seed::{self, Choice};
use testkit::until;
use uuid::Uuid;

use crate::listener::Listener;
use crate::world::{SOON, World};

#[tokio::test]
async fn the_ledger_and_the_domain_have_the_same_word_for_every_message() {
    let world = World::new().await;

    let rows = world.rows(include_str!("public_status.sql")).await;

    assert_eq!(rows.len(), State::ALL.len() * Delivery::ALL.len() * 3);
    for row in rows {
        let code = |column: &str| i16::try_from(row[column].as_i64().unwrap()).unwrap();
        let (state, delivery) = (
            State::from_code(code("state")).unwrap(),
            Delivery::from_code(code("delivery")).unwrap(),
        );
        let expected = PublicStatus::of(state, delivery, code("waits") > 0);
        assert_eq!(row["status"], expected.as_str(), "{row}");
    }
    world.finish().await;
}

#[tokio::test]
async fn every_step_of_a_message_is_an_event_of_its_organization() {
    let world = World::new().await;
    let organization = world.tenant.organization;
    let mut listener = Listener::bind(&world, "acme0.message.*").await;
    let flow = Uuid::now_v7();

    world
        .run(&format!(
            "CALL make_messages({organization}, 1, 10::smallint, '1 h', '{flow}')"
        ))
        .await;
    world
        .run("UPDATE message SET state = 20, scheduled_at = clock_timestamp(), changed_at = clock_timestamp()")
        .await;
    for _ in 0..5 {
        world
            .run("UPDATE message SET wake_at = wake_at + interval '1 s'; CALL climb(every_id())")
            .await;
    }
    let pass = world.tell_all().await;

    let steps = [
        "scheduled",
        "pending",
        "sending",
        "accepted",
        "sent",
        "delivered",
        "read",
    ];
    assert_eq!((pass.numbered, pass.told, pass.unconfirmed), (7, 7, 0));
    for (heard, (sequence, status)) in listener.hear(7).await.iter().zip((1..).zip(steps)) {
        assert_eq!((heard.sequence(), heard.status()), (sequence, status));
        assert_eq!(heard.key, format!("acme0.message.{status}"));
        assert_eq!(heard.body["type"], format!("message.{status}"));
        assert_eq!(heard.body["data"]["broadcast_id"], flow.to_string());
        assert_eq!(heard.body["id"], heard.message_id);
    }
    listener.close(&world).await;
    world.finish().await;
}

#[tokio::test]
async fn what_changes_no_public_status_is_no_event_and_a_refusal_has_its_reason() {
    let world = World::new().await;
    let organization = world.tenant.organization;
    world
        .run(&format!("CALL make_messages({organization}, 3, 10::smallint)"))
        .await;
    world
        .run(&format!("CALL make_messages({organization}, 1, 60::smallint)"))
        .await;
    let mut listener = Listener::bind(&world, "#").await;
    assert_eq!(world.tell_all().await.told, 4);
    let heard = listener.hear(4).await;
    assert_eq!(heard.iter().filter(|event| event.status() == "pending").count(), 3);
    assert_eq!(heard[3].body["data"]["reason"], "template_paused");

    // Queued, parked again, rung, and nothing at all.
    world
        .run("UPDATE message SET state = 20, changed_at = clock_timestamp() WHERE state = 10")
        .await;
    world
        .run("UPDATE message SET state = 10, reason = 'pair_limit', changed_at = clock_timestamp() WHERE state = 20")
        .await;
    world.run("UPDATE message SET rings = rings + 1").await;
    world.run("UPDATE message SET rings = 0 WHERE false").await;

    assert!(world.tell_all().await.is_empty());
    listener.close(&world).await;
    world.finish().await;
}

#[tokio::test]
async fn each_organization_counts_for_itself() {
    let world = World::new().await;
    let other = seed::tenant(
        &world.database.store,
        &Choice {
            place: 1,
            ..Choice::default()
        },
    )
    .await;
    world.run("TRUNCATE event").await;
    let mut listener = Listener::bind(&world, "acme1.#").await;

    world
        .run(&format!(
            "CALL make_messages({}, 4, 20::smallint)",
            world.tenant.organization
        ))
        .await;
    world
        .run(&format!("CALL make_messages({}, 3, 20::smallint)", other.organization))
        .await;

    assert_eq!(world.tell_all().await.told, 7);
    let sequences: Vec<_> = listener
        .hear(3)
        .await
        .iter()
        .map(crate::listener::Heard::sequence)
        .collect();
    assert_eq!(sequences, [1, 2, 3]);
    listener.close(&world).await;
    world.finish().await;
}

#[tokio::test]
async fn a_large_change_is_split_into_rows_of_bounded_size() {
    let world = World::new().await;
    world
        .run(&format!(
            "CALL make_messages({}, 1300, 20::smallint)",
            world.tenant.organization
        ))
        .await;

    let pass = world.tell_all().await;

    assert_eq!((pass.numbered, pass.told), (1300, 1300));
    let rows = world.rows(include_str!("events.sql")).await;
    let sizes: Vec<_> = rows.iter().map(|row| row["size"].as_i64().unwrap()).collect();
    assert!(sizes.iter().all(|size| *size <= 500), "{sizes:?}");
    assert_eq!(sizes.iter().sum::<i64>(), 1300);
    assert_eq!(rows.last().unwrap()["sequence"], 1300);
    world.finish().await;
}

#[tokio::test]
async fn a_running_notifier_tells_what_changes_and_stops_when_it_is_asked_to() {
    let world = World::new().await;
    let mut listener = Listener::bind(&world, "#").await;
    let (shutdown, health) = (Shutdown::new(), Health::new());
    let (notifier, word, watched) = (world.notifier(), shutdown.clone(), health.clone());
    shutdown.spawn("notifier", async move { notifier::run(notifier, word, &watched).await });

    world
        .run(&format!(
            "CALL make_messages({}, 2, 20::smallint)",
            world.tenant.organization
        ))
        .await;

    assert_eq!(listener.hear(2).await.len(), 2);
    until(SOON, "a pass that says it is well", async || {
        health.is_ready().then_some(())
    })
    .await;
    assert_eq!(shutdown.drain(SOON).await, Drained::Clean);
    listener.close(&world).await;
    world.finish().await;
}
