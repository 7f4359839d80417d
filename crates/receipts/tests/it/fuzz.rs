//! Webhooks that nobody would send: mutated ones, with a good status beside what is wrong in each. No panic, nothing lost, and what cannot
//! be read is set aside in sight.
//!
//! Ten thousand with every run; `TURNPIKE_TEST_FUZZ=100000 cargo test -p receipts --test it fuzz` for more. The seed is printed, and
//! `TURNPIKE_TEST_SEED` repeats a run.

use domain::{Delivery, MessageId};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use receipts::Options;
use serde_json::{Value, json};

use crate::world::{Plan, World};

/// Bodies per run, when nobody says otherwise.
const BODIES: usize = 10_000;
/// Bodies that are kept and applied together, about one message of ours.
const ROUND: usize = 250;
/// In one of so many rounds the bytes are broken too, after which nobody can say what a body still holds.
const BYTES_TOO: usize = 4;

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

/// What came of the bodies so far.
#[derive(Debug, Default)]
struct Sum {
    bodies: usize,
    /// Good statuses that stood beside what was broken.
    good: i64,
    /// No webhooks at all, or no elements of one, by another reading.
    hopeless: usize,
    elements: usize,
    set_aside: i64,
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
    let mut sum = Sum::default();
    for round in 0..bodies.div_ceil(ROUND) {
        let ours = world.message(Plan::default()).await;
        let bytes_too = round % BYTES_TOO == BYTES_TOO - 1;
        let (mut kept, mut elements, mut hopeless, mut good) = (Vec::with_capacity(ROUND), 0, 0, Vec::new());
        for n in 0..ROUND {
            // Its time tells it from the others of the round.
            let status = world.status(ours, 1, "delivered", -i64::try_from(n).unwrap());
            let (body, has_it) = mutated(&world, &corpus, status, &mut dice);
            if bytes_too {
                let mut bytes = body.to_string().into_bytes();
                break_bytes(&mut bytes, &mut dice);
                kept.push(bytes);
                continue;
            }
            good.extend(has_it.then_some(n));
            match body["entry"].as_array() {
                Some(entries) => {
                    elements += entries.iter().map(elements_of).sum::<usize>();
                    hopeless += entries.iter().map(hopeless_of).sum::<usize>();
                }
                None => hopeless += 1,
            }
            kept.push(body.to_string().into_bytes());
        }
        let all: Vec<&[u8]> = kept.iter().map(Vec::as_slice).collect();
        world.store().keep_webhooks(world.now(), &all).await.unwrap();

        let (mut applied, mut updates, mut set_aside, mut passes) = (0, 0, 0, 0);
        while applied < ROUND {
            let pass = receipts.run_once().await;
            let pass = pass.unwrap_or_else(|error| panic!("round {round}: {error}"));
            (applied, updates, set_aside) = (
                applied + pass.bodies,
                updates + pass.updates,
                set_aside + pass.set_aside,
            );
            passes += 1;
            assert!(passes <= ROUND, "round {round} comes to no end");
        }
        sum.bodies += applied;
        sum.set_aside += i64::try_from(set_aside).unwrap();
        if bytes_too {
            continue;
        }

        // Every good status was applied, and every element of every body became one update or was set aside with its body.
        let missing = missing(&world, ours, &good).await;
        assert!(
            missing.is_empty(),
            "round {round}: the good statuses of bodies {missing:?} were not applied"
        );
        assert_eq!(
            updates, elements,
            "round {round}: updates, and elements by another reading"
        );
        assert!(
            set_aside >= hopeless,
            "round {round}: {set_aside} set aside, {hopeless} of which nothing can be read"
        );
        assert_eq!(
            world.row(ours).await["delivery"],
            Delivery::Delivered.code(),
            "round {round}"
        );
        sum.good += i64::try_from(good.len()).unwrap();
        sum.elements += elements;
        sum.hopeless += hopeless;
    }

    println!("{sum:?}");
    let kept = i64::try_from(sum.bodies).unwrap();
    assert_eq!(
        world.count("webhook_inbox WHERE applied_at IS NOT NULL").await,
        kept,
        "every body is still there, and done"
    );
    assert_eq!(world.count("webhook_inbox").await, kept);
    let in_sight = world
        .one("SELECT coalesce(sum(jsonb_array_length(set_aside)), 0)::bigint AS n FROM webhook_inbox")
        .await;
    assert_eq!(
        in_sight["n"], sum.set_aside,
        "what was set aside is in sight, each with its reason"
    );
    assert!(
        sum.set_aside > kept / 20 && sum.good > kept / 3,
        "otherwise this shows nothing: {sum:?}"
    );
}

/// The numbers of the good statuses that have no row.
async fn missing(world: &World, ours: MessageId, good: &[usize]) -> Vec<usize> {
    let rows = world
        .raw(&format!(
            "SELECT extract(epoch FROM at)::bigint AS at FROM status_event WHERE id = '{ours}' AND status = 'delivered'"
        ))
        .await;
    let there: std::collections::HashSet<i64> = rows.iter().map(|row| row["at"].as_i64().unwrap()).collect();
    let now = world.now().timestamp();
    let is_missing = |n: &&usize| !there.contains(&(now - i64::try_from(**n).unwrap()));
    good.iter().filter(is_missing).copied().collect()
}

/// How many things an entry tells, read as loosely as Meta writes: what stands in no list counts for one.
fn elements_of(entry: &Value) -> usize {
    let is_id = entry["id"].is_string() || entry["id"].is_i64() || entry["id"].is_u64();
    let Some(changes) = entry["changes"].as_array().filter(|_| is_id) else {
        return 1;
    };
    let of_change = |change: &Value| {
        let lists = ["statuses", "messages", "errors", "user_preferences"];
        let told = match change["field"].as_str() {
            Some("messages" | "user_preferences") => lists.map(|list| &change["value"][list]).to_vec(),
            Some("user_id_update") => vec![&change["value"]["user_id_update"]],
            _ => Vec::new(),
        };
        let told: Vec<_> = told.into_iter().filter(|list| !list.is_null()).collect();
        match told.is_empty() {
            true => 1,
            false => told.iter().map(|list| list.as_array().map_or(1, Vec::len)).sum(),
        }
    };
    changes.iter().map(of_change).sum()
}

/// How many statuses and messages of an entry are not even objects.
fn hopeless_of(entry: &Value) -> usize {
    if entry["id"].as_str().is_none() {
        return 1;
    }
    let changes = entry["changes"].as_array().into_iter().flatten();
    let of_messages = changes.filter(|change| change["field"] == "messages");
    let lists = of_messages.flat_map(|change| ["statuses", "messages"].map(|list| &change["value"][list]));
    let elements = lists.filter_map(Value::as_array).flatten();
    elements.filter(|element| !element.is_object()).count()
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
        world.change("phone_number_name_update", json!({"display_phone_number": "15550001110", "decision": "APPROVED", "requested_verified_name": "Acme"})),
        world.change("user_id_update", json!({"user_id_update": [{"wa_id": "16660000004", "detail": "x", "user_id": {"previous": "US.1", "current": "US.2"},
            "timestamp": 1_750_000_000}]})),
        world.change("smb_message_echoes", json!({"metadata": {"phone_number_id": "1"}, "message_echoes": [{"id": "wamid.e", "type": "text"}]})),
        world.change("something_new", json!({"anything": [1, 2, {"deep": null}]})),
    ]
}

/// A body of the corpus with one to three things wrong with it and a good status beside them; and whether that is still in it.
fn mutated(world: &World, corpus: &[Value], good: Value, dice: &mut StdRng) -> (Value, bool) {
    let mut body = corpus[dice.random_range(0..corpus.len())].clone();
    let wrongs = dice.random_range(1..=3);
    let value = "/entry/0/changes/0/value";
    let list = ["statuses", "messages"]
        .into_iter()
        .find(|list| body.pointer(value).unwrap()[*list].is_array());
    if let Some(list) = list.filter(|_| dice.random_bool(0.5)) {
        // In the same list, or beside it in the same value: only the elements are broken.
        let value = body.pointer_mut(value).unwrap();
        for _ in 0..wrongs {
            let elements = value[list].as_array_mut().unwrap();
            let place = dice.random_range(0..elements.len());
            let (strange, depth) = (strange(dice), dice.random_range(0..5));
            break_node(&mut elements[place], strange, depth, dice);
        }
        match value["statuses"].as_array_mut() {
            Some(statuses) => statuses.insert(dice.random_range(0..=statuses.len()), good),
            None => value["statuses"] = json!([good]),
        }
        return (body, true);
    }
    for _ in 0..wrongs {
        let (strange, depth) = (strange(dice), dice.random_range(0..9));
        break_node(&mut body, strange, depth, dice);
    }
    let entry = world.messages("statuses", &[good])["entry"][0].take();
    match body.get_mut("entry").and_then(Value::as_array_mut) {
        Some(entries) => entries.insert(dice.random_range(0..=entries.len()), entry),
        None => return (body, false),
    }
    (body, true)
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
