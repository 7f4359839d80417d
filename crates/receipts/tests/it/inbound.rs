//! What people write opens the window once, and their word about being written to counts.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use testkit::seed;

use crate::world::{Plan, World};

async fn window(world: &World, person: usize) -> Option<DateTime<Utc>> {
    let rows = world
        .raw(&format!(
            "SELECT last_inbound_at FROM contact WHERE number_id = {} AND recipient = '{}'",
            world.tenant.number,
            seed::recipient(person)
        ))
        .await;
    Some(rows.first()?["last_inbound_at"].as_str()?.parse().unwrap())
}

async fn suppressed(world: &World) -> Vec<String> {
    let rows = world.raw("SELECT recipient, source FROM suppression ORDER BY 1").await;
    rows.iter()
        .map(|row| {
            format!(
                "{} {}",
                row["recipient"].as_str().unwrap(),
                row["source"].as_str().unwrap()
            )
        })
        .collect()
}

#[tokio::test]
async fn an_inbound_message_opens_the_window_once_however_often_it_is_delivered() {
    let world = World::new().await;
    let body = world.messages("messages", &[world.text("wamid.a", 1, -60, "hello")]);

    world.apply(&[body.clone(), body.clone()]).await;
    assert_eq!(window(&world, 1).await, Some(world.now() - TimeDelta::seconds(60)));
    // Somebody closes it by hand: the third copy must not open it again.
    world.raw("UPDATE contact SET last_inbound_at = NULL").await;
    world.apply(&[body]).await;

    assert_eq!(window(&world, 1).await, None);
    assert_eq!(world.count("inbound_message").await, 1);
}

#[tokio::test]
async fn an_inbound_message_takes_a_slot_of_its_numbers_pace_when_it_was_written_just_now() {
    let world = World::new().await;
    let told = |id: &str, seconds| world.messages("messages", &[world.text(id, 1, seconds, "hello")]);
    let took_a_slot = async || world.count("number_gate WHERE tat > '-infinity'").await == 1;

    world.apply(&[told("wamid.late", -60)]).await;
    assert!(!took_a_slot().await, "its second is over");
    world.apply(&[told("wamid.now", -1)]).await;
    assert!(took_a_slot().await);
    world.raw("UPDATE number_gate SET tat = '-infinity'").await;
    world.apply(&[told("wamid.now", -1)]).await;
    assert!(!took_a_slot().await, "delivered again");
}

#[tokio::test]
async fn an_older_message_that_comes_later_does_not_shorten_the_window() {
    let world = World::new().await;
    world
        .apply(&[world.messages("messages", &[world.text("wamid.b", 1, -10, "second")])])
        .await;

    world
        .apply(&[world.messages("messages", &[world.text("wamid.a", 1, -500, "first")])])
        .await;

    assert_eq!(window(&world, 1).await, Some(world.now() - TimeDelta::seconds(10)));
}

#[tokio::test]
async fn a_clock_of_metas_that_is_ahead_does_not_lengthen_the_window() {
    let world = World::new().await;

    world
        .apply(&[world.messages("messages", &[world.text("wamid.a", 1, 9_000, "from the future")])])
        .await;

    assert_eq!(window(&world, 1).await, Some(world.now()));
}

#[tokio::test]
async fn a_reaction_is_kept_and_opens_nothing() {
    let world = World::new().await;
    let mut reaction = world.text("wamid.a", 1, 0, "");
    reaction["type"] = json!("reaction");

    world.apply(&[world.messages("messages", &[reaction])]).await;

    assert_eq!(world.count("inbound_message").await, 1);
    assert_eq!(window(&world, 1).await, None);
}

#[tokio::test]
async fn the_newest_of_stop_and_start_counts_whatever_order_they_come_in() {
    let world = World::new().await;
    let say = |person: usize, seconds: i64, word: &str| {
        let wamid = format!("wamid.{person}.{seconds}.{word}");
        world.messages("messages", &[world.text(&wamid, person, seconds, word)])
    };

    // One pass each, so that the order is that of arrival.
    for body in [
        say(1, -50, "STOP"),
        say(2, -50, "stop"),
        say(2, -40, "START"),
        say(3, -40, "start"),
        say(3, -50, "Stop."),
        say(4, -50, "START"),
        say(4, -40, "STOP"),
        say(5, -50, "please don't stop"),
        say(6, -50, "STOP"),
        say(6, -50, "START"),
    ] {
        world.apply(&[body]).await;
    }

    let stopped = |person: usize| format!("{} stop_word", seed::recipient(person));
    assert_eq!(suppressed(&world).await, [stopped(1), stopped(4), stopped(6)]);
}

#[tokio::test]
async fn stop_and_start_in_one_batch_follow_their_time() {
    let world = World::new().await;
    let body = world.messages(
        "messages",
        &[
            world.text("wamid.1", 1, -40, "START"),
            world.text("wamid.2", 1, -50, "STOP"),
            world.text("wamid.3", 2, -50, "START"),
            world.text("wamid.4", 2, -40, "STOP"),
        ],
    );

    world.apply(&[body]).await;

    assert_eq!(suppressed(&world).await, [format!("{} stop_word", seed::recipient(2))]);
}

#[tokio::test]
async fn a_start_word_does_not_lift_what_the_organization_suppressed() {
    let world = World::new().await;
    let (organization, phone) = (world.tenant.organization, seed::recipient(1));
    world
        .raw(&format!(
            "INSERT INTO suppression VALUES ({organization}, '{phone}', 'api', now())"
        ))
        .await;

    for (wamid, seconds, word) in [("wamid.1", -50, "STOP"), ("wamid.2", -40, "START")] {
        world
            .apply(&[world.messages("messages", &[world.text(wamid, 1, seconds, word)])])
            .await;
    }

    assert_eq!(suppressed(&world).await, [format!("{phone} api")]);
}

#[tokio::test]
async fn preferences_set_in_whatsapp_suppress_and_resume() {
    let world = World::new().await;
    let said = |person: usize, seconds: i64, value: &str| -> Value {
        json!({
            "wa_id": seed::recipient(person).trim_start_matches('+'),
            "detail": "…", "category": "marketing_messages", "value": value,
            "timestamp": (world.now() + TimeDelta::seconds(seconds)).timestamp(),
        })
    };
    let body = |list: Vec<Value>| world.change("user_preferences", json!({"user_preferences": list}));

    world
        .apply(&[body(vec![
            said(1, -50, "stop"),
            said(2, -50, "stop"),
            said(3, -50, "ponder"),
        ])])
        .await;
    world.apply(&[body(vec![said(2, -40, "resume")])]).await;

    assert_eq!(
        suppressed(&world).await,
        [format!("{} user_preferences", seed::recipient(1))]
    );
    assert_eq!(world.set_aside().await, Vec::<String>::new());
}

/// Who is suppressed of marketing only, and who of everything.
async fn scopes(world: &World) -> Vec<(String, bool)> {
    let rows = world
        .raw("SELECT recipient, marketing_only FROM suppression ORDER BY 1")
        .await;
    let scope = |row: &Value| {
        let person = row["recipient"].as_str().unwrap().to_owned();
        (person, row["marketing_only"].as_bool().unwrap())
    };
    rows.iter().map(scope).collect()
}

#[tokio::test]
async fn a_preference_is_about_marketing_and_a_stop_word_about_everything_whichever_comes_first() {
    let world = World::new().await;
    let preference = |person: usize, seconds: i64| {
        let said = json!({
            "wa_id": seed::recipient(person).trim_start_matches('+'),
            "detail": "…", "category": "marketing_messages", "value": "stop",
            "timestamp": (world.now() + TimeDelta::seconds(seconds)).timestamp(),
        });
        world.change("user_preferences", json!({"user_preferences": [said]}))
    };
    let stop = |person: usize, seconds: i64| {
        let wamid = format!("wamid.{person}");
        world.messages("messages", &[world.text(&wamid, person, seconds, "STOP")])
    };

    world.apply(&[preference(1, -50)]).await;
    world.apply(&[preference(2, -50)]).await;
    world.apply(&[stop(2, -40)]).await;
    world.apply(&[stop(3, -50)]).await;
    world.apply(&[preference(3, -40)]).await;
    world.apply(&[stop(4, -50), preference(4, -40)]).await;
    assert_eq!(
        scopes(&world).await,
        [
            (seed::recipient(1), true),
            (seed::recipient(2), false),
            (seed::recipient(3), false),
            (seed::recipient(4), false),
        ]
    );
    let start = world.messages("messages", &[world.text("wamid.start", 1, -10, "START")]);
    world.apply(&[start]).await;
    assert_eq!(scopes(&world).await.len(), 3);
}

#[tokio::test]
async fn a_message_that_failed_because_marketing_was_stopped_suppresses_marketing_to_that_person() {
    let world = World::new().await;
    let plan = |recipient| Plan {
        recipient,
        ..Plan::default()
    };
    let (stopped, other) = (world.message(plan(1)).await, world.message(plan(2)).await);
    let mut failed = world.status(stopped, 1, "failed", 5);
    failed["errors"] = json!([{"code": 131_050, "title": "stopped"}]);

    world.statuses(&[failed, world.status(other, 1, "failed", 5)]).await;

    assert_eq!(scopes(&world).await, [(seed::recipient(1), true)]);
    assert_eq!(
        suppressed(&world).await,
        [format!("{} meta_131050", seed::recipient(1))]
    );
}

#[tokio::test]
async fn what_cannot_be_assigned_is_set_aside_and_the_rest_is_applied() {
    let world = World::new().await;
    let mut nameless = world.text("wamid.b", 2, 0, "hello");
    nameless.as_object_mut().unwrap().remove("from");
    let mut elsewhere = world.messages("messages", &[world.text("wamid.c", 3, 0, "hello")]);
    elsewhere["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = json!("999");

    let pass = world
        .apply(&[
            world.messages("messages", &[nameless, world.text("wamid.a", 1, 0, "hello")]),
            elsewhere,
        ])
        .await;

    assert_eq!((pass.updates, pass.set_aside), (3, 2));
    assert!(window(&world, 1).await.is_some());
    assert_eq!(world.count("inbound_message").await, 1);
    assert_eq!(
        world.set_aside().await,
        [
            "messages.messages: from a person of whom Meta tells neither the phone number nor an id",
            "messages.messages: written to a sender number that is not declared here"
        ]
    );
}

#[tokio::test]
async fn a_person_without_a_number_goes_by_their_id_and_both_names_share_window_and_stop() {
    let world = World::new().await;
    let mut hidden = world.text("wamid.a", 1, -60, "hello");
    let fields = hidden.as_object_mut().unwrap();
    fields.remove("from");
    fields.insert("from_user_id".into(), json!("US.1"));
    let opened = async |recipient: &str| {
        let query =
            format!("SELECT 1 AS one FROM contact WHERE recipient = '{recipient}' AND last_inbound_at IS NOT NULL");
        world.raw(&query).await.len()
    };

    world.apply(&[world.messages("messages", &[hidden])]).await;
    assert_eq!((opened("US.1").await, opened(&seed::recipient(1)).await), (1, 0));
    // Meta shows both names at once: what was known of one is known of the other.
    let mut both = world.text("wamid.b", 1, -50, "STOP");
    both["from_user_id"] = json!("US.1");
    both["type"] = json!("reaction");
    world.apply(&[world.messages("messages", &[both.clone()])]).await;
    assert_eq!(opened(&seed::recipient(1)).await, 1);

    both["type"] = json!("text");
    both["id"] = json!("wamid.c");
    world.apply(&[world.messages("messages", &[both])]).await;

    let phone = seed::recipient(1);
    assert_eq!(
        suppressed(&world).await,
        [format!("{phone} stop_word"), "US.1 stop_word".into()]
    );
    assert_eq!(world.set_aside().await, Vec::<String>::new());
}
