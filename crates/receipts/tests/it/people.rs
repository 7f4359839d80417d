//! People who go by a new name: what they said under the old one goes with them, in whatever order Meta tells it, and what a stranger says
//! who has the old number later does not.

use serde_json::{Value, json};
use testkit::seed;

use crate::world::World;

/// Person 1 becomes person 2, `seconds` from now.
fn moved(world: &World, seconds: i64) -> Value {
    let mut message = world.text("wamid.moved", 1, seconds, "");
    message["type"] = json!("system");
    message["system"] = json!({"body": "changed", "type": "user_changed_number",
        "wa_id": seed::recipient(2).trim_start_matches('+'), "user_id": "US.2"});
    message.as_object_mut().unwrap().remove("text");
    world.messages("messages", &[message])
}

fn said(world: &World, wamid: &str, person: usize, seconds: i64, words: &str) -> Value {
    world.messages("messages", &[world.text(wamid, person, seconds, words)])
}

async fn suppressed(world: &World) -> Vec<String> {
    let rows = world.raw("SELECT recipient FROM suppression ORDER BY recipient").await;
    rows.iter()
        .map(|row| row["recipient"].as_str().unwrap().to_owned())
        .collect()
}

async fn in_window(world: &World) -> Vec<String> {
    let rows = world
        .raw("SELECT recipient FROM contact WHERE last_inbound_at IS NOT NULL ORDER BY recipient")
        .await;
    rows.iter()
        .map(|row| row["recipient"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_stop_goes_with_a_person_who_changes_the_number_whatever_comes_first() {
    let everybody = [seed::recipient(1), seed::recipient(2), "US.2".to_owned()];
    for stop_first in [true, false] {
        let world = World::new().await;
        let mut told = [said(&world, "wamid.stop", 1, -60, "STOP"), moved(&world, -30)];
        if !stop_first {
            told.reverse();
        }
        for body in told {
            world.apply(&[body]).await;
        }
        assert_eq!(suppressed(&world).await, everybody, "stop first: {stop_first}");
        assert_eq!(in_window(&world).await, everybody, "the conversation went along");
        assert_eq!(world.set_aside().await, Vec::<String>::new());

        // They may want to be written to under the new number; the old one says nothing about that.
        world.apply(&[said(&world, "wamid.start", 2, -10, "START")]).await;
        assert_eq!(suppressed(&world).await, [seed::recipient(1)]);
    }
}

#[tokio::test]
async fn a_stranger_with_the_old_number_says_nothing_for_the_person_who_had_it() {
    let world = World::new().await;
    world.apply(&[moved(&world, -30)]).await;

    world.apply(&[said(&world, "wamid.stranger", 1, -10, "STOP")]).await;

    assert_eq!(suppressed(&world).await, [seed::recipient(1)]);
    assert_eq!(in_window(&world).await, [seed::recipient(1)]);
}

#[tokio::test]
async fn a_new_user_id_takes_the_place_of_the_old_one() {
    let world = World::new().await;
    let hidden = |wamid: &str, user_id: &str, words: &str| {
        let mut message = world.text(wamid, 1, -60, words);
        message.as_object_mut().unwrap().remove("from");
        message["from_user_id"] = json!(user_id);
        world.messages("messages", &[message])
    };
    let update = |user_ids: Value, waba: &str| {
        let mut body = world.change(
            "user_id_update",
            json!({"user_id_update": [{"detail": "changed", "user_id": user_ids, "timestamp": world.now().timestamp()}]}),
        );
        body["entry"][0]["id"] = json!(waba);
        body
    };
    world.apply(&[hidden("wamid.stop", "US.1", "STOP")]).await;

    world
        .apply(&[update(json!({"previous": "US.1", "current": "US.2"}), world.waba())])
        .await;

    assert_eq!(suppressed(&world).await, ["US.1", "US.2"]);
    assert_eq!(in_window(&world).await, ["US.1", "US.2"]);
    // Both names of a person who goes by two were one before the change, and are not known as such after it until Meta names both.
    let pass = world
        .apply(&[
            update(json!({"previous": "US.1"}), world.waba()),
            update(json!({"previous": "US.1", "current": "nobody at all"}), world.waba()),
            update(json!({"previous": "US.1", "current": "US.3"}), "99"),
        ])
        .await;
    assert_eq!(pass.set_aside, 3, "{:?}", world.set_aside().await);
    assert!(world.set_aside().await[2].contains("not declared here"));
}
