//! Bodies are applied once; a bad element costs itself and nothing else.

use domain::Delivery;
use receipts::{Options, Pass};
use serde_json::{Value, json};

use crate::world::{Plan, World};

#[tokio::test]
async fn an_empty_inbox_is_an_empty_pass() {
    let world = World::new().await;

    assert_eq!(world.pass().await, Pass::default());
}

#[tokio::test]
async fn bad_elements_among_a_thousand_are_set_aside_alone() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(world.message(Plan::default()).await);
    }
    let mut statuses: Vec<Value> = (0..1_000)
        .map(|n| world.status(ids[n % 10], 1, "delivered", -i64::try_from(n).unwrap()))
        .collect();
    // Cannot be read; cannot be written (JSON may hold a NUL, PostgreSQL not); cannot be.
    statuses[10].as_object_mut().unwrap().remove("timestamp");
    statuses[501]["pricing"] = json!({"category": "a\u{0}b"});
    statuses[777]["status"] = json!("x\u{0}");
    statuses[778]["timestamp"] = json!("99999999999");
    let last = world.message(Plan::default()).await;

    let pass = world
        .apply(&[
            world.messages("statuses", &statuses),
            world.messages("statuses", &[world.status(last, 1, "read", 0)]),
        ])
        .await;

    assert_eq!(
        pass,
        Pass {
            bodies: 2,
            updates: 1_001,
            set_aside: 4,
            full: false
        }
    );
    assert_eq!(world.count("status_event").await, 997);
    assert_eq!(world.row(last).await["delivery"], Delivery::Read.code());
    let rows = world
        .raw("SELECT set_aside FROM webhook_inbox WHERE set_aside IS NOT NULL")
        .await;
    assert_eq!(rows.len(), 1);
    let mut places: Vec<i64> = rows[0]["set_aside"]
        .as_array()
        .unwrap()
        .iter()
        .map(|element| element["element"].as_i64().unwrap())
        .collect();
    places.sort_unstable();
    assert_eq!(places, [10, 501, 777, 778], "{:?}", rows[0]);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_set_aside_whole_and_not_tried_again() {
    let world = World::new().await;
    world
        .store()
        .keep_webhooks(world.now(), &[b"\xff\x00 not json".as_slice()])
        .await
        .unwrap();

    let pass = world.pass().await;

    assert_eq!((pass.bodies, pass.updates, pass.set_aside), (1, 0, 1));
    assert_eq!(world.pass().await, Pass::default());
    assert!(world.set_aside().await[0].starts_with("reading a webhook"));
}

#[tokio::test]
async fn fields_that_nobody_reads_yet_stay_in_the_inbox() {
    let world = World::new().await;

    let pass = world
        .apply(&[world.change("security", json!({"event": "PIN_CHANGED"}))])
        .await;

    assert_eq!((pass.bodies, pass.updates, pass.set_aside), (1, 1, 0));
    assert_eq!(world.count("webhook_inbox").await, 1);
}

#[tokio::test]
async fn a_pass_takes_so_many_bodies_or_bytes_and_says_that_there_may_be_more() {
    let world = World::new().await;
    let body = world.change("security", json!({"event": "PIN_CHANGED"}));
    let length = i64::try_from(body.to_string().len()).unwrap();
    world.keep(&vec![body; 10]).await;
    let few = world.another(Options {
        bodies: 3,
        ..Options::default()
    });
    let light = world.another(Options {
        bytes: length * 2,
        ..Options::default()
    });

    let passes = [
        few.run_once().await.unwrap(),
        light.run_once().await.unwrap(),
        world.pass().await,
    ];

    assert_eq!(
        passes.map(|pass| (pass.bodies, pass.full)),
        [(3, true), (2, true), (5, false)]
    );
}

#[tokio::test]
async fn a_database_that_is_away_costs_nothing_but_time() {
    let world = World::new().await;
    let id = world.message(Plan::default()).await;
    world
        .keep(&[world.messages("statuses", &[world.status(id, 1, "sent", 0)])])
        .await;
    // The table is gone for a moment: neither the data's fault nor a broken connection.
    world.raw("ALTER TABLE status_event RENAME TO elsewhere").await;

    world.receipts.run_once().await.unwrap_err();
    world.raw("ALTER TABLE elsewhere RENAME TO status_event").await;

    assert_eq!(world.pass().await.set_aside, 0);
    assert_eq!(world.row(id).await["delivery"], Delivery::Sent.code());
}
