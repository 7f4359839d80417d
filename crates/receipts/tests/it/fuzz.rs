//! Webhooks that nobody would send: mutated ones among good ones. No panic, nothing lost, and what cannot be read is set aside in sight.
//!
//! A few thousand with every run; `TURNPIKE_TEST_FUZZ=100000 cargo test -p receipts --test it fuzz` for more. The seed is printed, and
//! `TURNPIKE_TEST_SEED` repeats a run.

use std::collections::HashMap;

use domain::{Delivery, MessageId};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use receipts::Options;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::world::{Plan, World};

/// Bodies per run, when nobody says otherwise.
const BODIES: usize = 3_000;
/// Bodies that are kept and applied together, one of them good.
const ROUND: usize = 100;

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test]
async fn mutated_webhooks_cost_nobody_anything() {
    let bodies = setting("TURNPIKE_TEST_FUZZ").unwrap_or(BODIES);
    let seed = setting("TURNPIKE_TEST_SEED").unwrap_or_else(rand::random);
    println!("{bodies} bodies, TURNPIKE_TEST_SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let world = World::new().await;
    let receipts = world.another(Options {
        bodies: i64::try_from(ROUND).unwrap(),
        ..Options::default()
    });
    let corpus = corpus(&world).await;
    let (mut canaries, mut unreadable) = (Vec::new(), 0);
    for round in 0..bodies.div_ceil(ROUND) {
        let canary = world.message(Plan::default()).await;
        let mut kept: Vec<Vec<u8>> = (1..ROUND).map(|_| mutated(&corpus, &mut dice)).collect();
        unreadable += kept.iter().filter(|body| !is_webhook(body)).count();
        let good = world
            .messages("statuses", &[world.status(canary, 1, "delivered", 0)])
            .to_string();
        kept.insert(dice.random_range(0..kept.len()), good.into_bytes());
        let all: Vec<&[u8]> = kept.iter().map(Vec::as_slice).collect();
        world.store().keep_webhooks(world.now(), &all).await.unwrap();
        canaries.push(canary);
        let mut passes = 0;
        while receipts
            .run_once()
            .await
            .unwrap_or_else(|error| panic!("round {round}: {error}"))
            .bodies
            > 0
        {
            passes += 1;
            assert!(passes <= ROUND, "round {round} comes to no end");
        }
    }

    assert_eq!(
        world.count("webhook_inbox WHERE applied_at IS NULL").await,
        0,
        "every body was applied"
    );
    let kept = i64::try_from(bodies.div_ceil(ROUND) * ROUND).unwrap();
    assert_eq!(
        world.count("webhook_inbox").await,
        kept,
        "and every body is still there"
    );
    for canary in canaries {
        assert_eq!(
            world.row(canary).await["delivery"],
            Delivery::Delivered.code(),
            "the good one of its round"
        );
    }
    // By another reading than that of the role: what is no object with a list of entries must be in sight, whole.
    let in_sight = world.count("webhook_inbox WHERE set_aside IS NOT NULL").await;
    println!("{unreadable} were no webhooks at all, {in_sight} were set aside in whole or in part");
    assert!(
        in_sight >= i64::try_from(unreadable).unwrap(),
        "{in_sight} set aside, {unreadable} unreadable"
    );
}

/// Whether somebody who is not us could read it as a webhook.
fn is_webhook(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let fields = serde_json::from_str::<HashMap<String, Box<RawValue>>>(&text).unwrap_or_default();
    let entry = fields
        .get("entry")
        .map(|entry| serde_json::from_str::<Vec<Box<RawValue>>>(entry.get()));
    entry.is_some_and(|entry| entry.is_ok())
}

/// One good body of each kind.
async fn corpus(world: &World) -> Vec<Value> {
    let id: MessageId = world.message(Plan::default()).await;
    let template =
        json!({"message_template_id": 1, "message_template_name": "hello", "message_template_language": "en_US"});
    let with = |more: Value| {
        let mut value = template.clone();
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        value
    };
    let image = json!({"id": "wamid.i", "from": "16660000001", "timestamp": world.now().timestamp().to_string(), "type": "image",
        "image": {"id": "77", "mime_type": "image/jpeg", "sha256": "x", "caption": "look"}});
    let button = json!({"id": "wamid.b", "from": "16660000002", "timestamp": world.now().timestamp().to_string(), "type": "interactive",
        "interactive": {"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes"}}, "context": {"id": "wamid.x", "from": "1555"}});
    vec![
        world.messages("statuses", &[world.status(id, 1, "sent", 0), world.status(id, 1, "read", 1)]),
        world.messages("statuses", &[world.status(id, 1, "failed", 2)]),
        world.messages("messages", &[world.text("wamid.t", 1, 0, "STOP"), image, button]),
        world.change("message_template_status_update", with(json!({"event": "PAUSED", "reason": "NONE", "other_info": {"title": "FIRST_PAUSE"}}))),
        world.change("message_template_quality_update", with(json!({"previous_quality_score": "GREEN", "new_quality_score": "RED"}))),
        world.change("template_category_update", with(json!({"previous_category": "UTILITY", "new_category": "MARKETING"}))),
        world.change("message_template_components_update", with(json!({"message_template_element": "Hi"}))),
        world.change("phone_number_quality_update", json!({"display_phone_number": "15550001110", "event": "THROUGHPUT_UPGRADE", "current_limit": "TIER_10K"})),
        world.change("business_capability_update", json!({"max_daily_conversations_per_business": 2000, "max_phone_numbers_per_waba": 25})),
        world.change("account_update", json!({"event": "ACCOUNT_RESTRICTION", "restriction_info": [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": 1_900_000_000}]})),
        world.change("user_preferences", json!({"messaging_product": "whatsapp", "metadata": {"phone_number_id": world.tenant.phone_number_id},
            "user_preferences": [{"wa_id": "16660000003", "detail": "x", "category": "marketing_messages", "value": "stop", "timestamp": 1_750_000_000}]})),
        world.change("account_alerts", json!({"entity_type": "WABA", "entity_id": "1", "alert_info": {"alert_severity": "CRITICAL"}})),
        world.change("something_new", json!({"anything": [1, 2, {"deep": null}]})),
    ]
}

/// A body of the corpus with one to four things wrong with it.
fn mutated(corpus: &[Value], dice: &mut StdRng) -> Vec<u8> {
    let mut body = corpus[dice.random_range(0..corpus.len())].clone();
    for _ in 0..dice.random_range(1..=3) {
        let strange = strange(dice);
        let depth = dice.random_range(1..9);
        break_node(&mut body, strange, depth, dice);
    }
    let mut bytes = body.to_string().into_bytes();
    if dice.random_bool(0.4) {
        break_bytes(&mut bytes, dice);
    }
    bytes
}

/// Goes down a random way and does something to what is there.
fn break_node(node: &mut Value, strange: Value, depth: usize, dice: &mut StdRng) {
    match node {
        Value::Object(fields) if depth > 0 && !fields.is_empty() => {
            let keys: Vec<String> = fields.keys().cloned().collect();
            let key = &keys[dice.random_range(0..keys.len())];
            match dice.random_range(0..8) {
                0 if depth < 4 => drop(fields.remove(key)),
                1 if depth < 4 => {
                    let value = fields.remove(key).unwrap_or_default();
                    fields.insert(format!("{key}_"), value);
                }
                _ => break_node(&mut fields[key], strange, depth - 1, dice),
            }
        }
        Value::Array(items) if depth > 0 && !items.is_empty() => {
            let place = dice.random_range(0..items.len());
            match dice.random_range(0..6) {
                0 => items.push(items[place].clone()),
                1 => items.insert(place, strange),
                _ => break_node(&mut items[place], strange, depth - 1, dice),
            }
        }
        other => *other = strange,
    }
}

fn strange(dice: &mut StdRng) -> Value {
    match dice.random_range(0..14) {
        0 => Value::Null,
        1 => json!(""),
        2 => json!("\u{0}"),
        3 => json!("x".repeat(dice.random_range(1..5_000))),
        4 => json!(-1),
        5 => json!(i64::MAX),
        6 => json!(1e308),
        7 => json!({}),
        8 => json!([]),
        9 => json!([[[[[[[[]]]]]]]]),
        10 => json!("99999999999999"),
        11 => json!("\u{202e}\u{1f600}\u{fffd}"),
        12 => json!(true),
        _ => json!("DISABLED"),
    }
}

fn break_bytes(bytes: &mut Vec<u8>, dice: &mut StdRng) {
    for _ in 0..dice.random_range(1..4) {
        let place = dice.random_range(0..bytes.len().max(1));
        match dice.random_range(0..4) {
            0 => bytes.truncate(place),
            1 if place < bytes.len() => bytes[place] = dice.random(),
            2 => bytes.insert(place.min(bytes.len()), dice.random()),
            _ => {
                let end = (place + dice.random_range(1..40)).min(bytes.len());
                let piece = bytes.get(place..end).unwrap_or_default().to_vec();
                let at = place.min(bytes.len());
                bytes.splice(at..at, piece);
            }
        }
        if bytes.is_empty() {
            bytes.push(b' ');
        }
    }
}
