//! Order: no gaps, and no message goes backwards, however many write and tell at once.

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::{database, until};

use crate::listener::Listener;
use crate::world::{SOON, World};

const LADDER: [&str; 6] = ["pending", "sending", "accepted", "sent", "delivered", "read"];

#[tokio::test]
async fn numbers_have_no_gaps_and_keep_the_order_of_each_message_under_many_writers_and_notifiers() {
    let world = World::new().await;
    let mut listener = Listener::bind(&world, "#").await;
    world
        .run(&format!(
            "CALL make_messages({}, 60, 20::smallint)",
            world.tenant.organization
        ))
        .await;
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = database::store(&world.database.url, 1);
            tokio::spawn(async move { store.raw(&format!("CALL write(0.{writer}, 60)")).await.map(drop) })
        })
        .collect();

    // Two notifiers, as long as anybody writes.
    let writing = async || !world.rows(include_str!("writers.sql")).await.is_empty();
    let telling = async || {
        let notifier = world.notifier();
        let mut told = 0;
        while writing().await {
            told += notifier.run_once().await.unwrap().told;
        }
        told
    };
    until(SOON, "a writer at work", async || writing().await.then_some(())).await;
    let (one, other) = tokio::join!(telling(), telling());
    for writer in writers {
        tokio::time::timeout(Duration::from_secs(30), writer)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
    let rest = world.tell_all().await.told;

    let heard = listener.hear(one + other + rest).await;
    let sequences: Vec<_> = heard.iter().map(crate::listener::Heard::sequence).collect();
    assert_eq!(sequences, (1..=heard.len() as i64).collect::<Vec<_>>());
    let mut stories: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for event in &heard {
        stories.entry(event.message()).or_default().push(event.status());
    }
    let rows = world.rows(include_str!("statuses.sql")).await;
    assert_eq!(stories.len(), rows.len());
    for row in rows {
        let (id, status) = (row["id"].as_str().unwrap(), row["status"].as_str().unwrap());
        let rungs = LADDER.iter().position(|rung| *rung == status).unwrap() + 1;
        assert_eq!(stories[id], LADDER[..rungs], "message {id}");
    }
    assert!(
        heard.len() > 150,
        "too little was written to say anything: {}",
        heard.len()
    );
    listener.close(&world).await;
    world.finish().await;
}

#[tokio::test]
async fn one_notifier_at_a_time_speaks_for_an_organization() {
    let world = World::new().await;
    let organization = world.tenant.organization;
    world
        .run(&format!("CALL make_messages({organization}, 5, 20::smallint)"))
        .await;
    world.database.store.number_events(100).await.unwrap();
    let mut teller = world.database.store.teller().await.unwrap();
    let turn = teller.turn(organization, 3).await.unwrap().unwrap();
    assert_eq!(turn.changes.len(), 3);

    assert_eq!(
        world.notifier().run_once().await.unwrap().told,
        0,
        "somebody else has the turn"
    );

    turn.published(2).await.unwrap();
    assert_eq!(
        world.notifier().run_once().await.unwrap().told,
        3,
        "what was not told yet"
    );
    world.finish().await;
}
