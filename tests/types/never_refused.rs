//! Whatever our types accept, the referee accepts: golden requests are bent in random ways, and what is still accepted has to be valid by
//! Meta's documentation, as the simulator has written it down.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::golden;

/// One way to bend a request.
#[derive(Debug, Clone)]
enum Bend {
    /// Puts something else in the place of a value.
    Replace(Index, Value),
    /// Takes a field or an element away.
    Remove(Index),
    /// Puts an element in twice.
    Repeat(Index),
    /// Adds a field.
    Add(Index, String, Value),
    /// Puts a value from elsewhere in the request in the place of another.
    Copy(Index, Index),
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..50_000).prop_map(Value::from),
        "[ -~]{0,30}".prop_map(Value::from),
        "\\PC{0,30}".prop_map(Value::from),
        prop::sample::select(vec![
            "text",
            "image",
            "video",
            "document",
            "product",
            "button",
            "list",
            "flow",
            "carousel",
            "cta_url",
            "url",
            "quick_reply",
            "published",
            "https://example.com",
            "",
            " ",
            "0",
            "2",
            "IN",
            "USD",
        ])
        .prop_map(Value::from),
        prop::sample::select(vec![
            20_usize, 21, 24, 60, 61, 72, 128, 160, 200, 256, 512, 1024, 1025, 2000, 4096
        ])
        .prop_map(|length| json!("x".repeat(length))),
        Just(json!([])),
        Just(json!({})),
        Just(json!({"text": "Hi"})),
        Just(json!({"id": "1", "title": "One"})),
        Just(json!({"link": "https://example.com/a.png"})),
    ]
}

fn bends() -> impl Strategy<Value = Bend> {
    prop_oneof![
        3 => (any::<Index>(), values()).prop_map(|(at, value)| Bend::Replace(at, value)),
        2 => any::<Index>().prop_map(Bend::Remove),
        2 => any::<Index>().prop_map(Bend::Repeat),
        1 => (any::<Index>(), prop::sample::select(vec!["text", "title", "header", "footer", "caption", "filename", "description",
            "preview_url", "voice", "parameter_name", "sub_text", "thumbnail_product_retailer_id"]), values())
            .prop_map(|(at, name, value)| Bend::Add(at, name.to_owned(), value)),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Bend::Copy(from, to)),
    ]
}

/// JSON pointers of all values below the top.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| step(value, format!("{at}/{name}"), all)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(n, value)| step(value, format!("{at}/{n}"), all)),
        _ => {}
    }
}

fn step(value: &Value, at: String, all: &mut Vec<String>) {
    pointers(value, &at, all);
    all.push(at);
}

fn pick<'a>(at: &Index, all: &'a [String]) -> &'a str {
    &all[at.index(all.len())]
}

fn bend(body: &mut Value, bend: &Bend) {
    let mut all = Vec::new();
    pointers(body, "", &mut all);
    if all.is_empty() {
        return;
    }
    match bend {
        Bend::Replace(at, value) => *body.pointer_mut(pick(at, &all)).unwrap() = value.clone(),
        Bend::Remove(at) => {
            let (parent, name) = pick(at, &all).rsplit_once('/').unwrap();
            match body.pointer_mut(parent).unwrap() {
                Value::Object(fields) => {
                    fields.remove(name);
                }
                Value::Array(items) => {
                    items.remove(name.parse().unwrap());
                }
                _ => {}
            }
        }
        Bend::Repeat(at) => {
            let value = body.pointer(pick(at, &all)).unwrap().clone();
            let (parent, _) = pick(at, &all).rsplit_once('/').unwrap();
            if let Value::Array(items) = body.pointer_mut(parent).unwrap() {
                items.push(value);
            }
        }
        Bend::Add(at, name, value) => {
            if let Value::Object(fields) = body.pointer_mut(pick(at, &all)).unwrap() {
                fields.insert(name.clone(), value.clone());
            }
        }
        Bend::Copy(from, to) => {
            let value = body.pointer(pick(from, &all)).unwrap().clone();
            *body.pointer_mut(pick(to, &all)).unwrap() = value;
        }
    }
}

#[test]
fn what_is_accepted_is_never_refused_by_meta() {
    let all: Vec<Value> = golden::given()
        .into_iter()
        .filter(|(name, _)| !name.ends_with("raw"))
        .map(|(_, given)| given.body)
        .collect();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(6_000));
    let accepted = std::cell::Cell::new(0_u32);
    let strategy = (prop::sample::select(all), prop::collection::vec(bends(), 1..4));
    runner
        .run(&strategy, |(mut body, changes)| {
            for change in &changes {
                bend(&mut body, change);
            }
            if !body.is_object() || golden::read(&body).is_err() || body.get("raw").is_some() {
                return Ok(());
            }
            accepted.set(accepted.get() + 1);
            let (sent, _) = golden::composed(&body);
            let verdict = simulator::validate(sent.as_bytes());
            prop_assert!(verdict.is_ok(), "the referee refuses {sent}: {verdict:?}");
            Ok(())
        })
        .unwrap();
    // Otherwise this would show nothing.
    assert!(accepted.get() > 600, "only {} of 6,000 were accepted", accepted.get());
}
