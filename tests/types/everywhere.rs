//! No text and no list of any type is without a limit: the longest that our types accept is found by trying, and the referee accepts it too.
//! [`crate::limits`] says what the limits are; this finds the ones that somebody forgot to write down.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::golden;

/// Longer than any text and any list that Meta takes.
const TOO_LONG: usize = 70_000;
const TOO_MANY: usize = 1_500;

/// What a text begins with, in the place of `x`: formats that are more than characters.
const FORMATS: &[&str] = &["", "https://example.com/", "wamid.", "https://wa.me/"];

/// What is passed on as it is: what a flow is given, and the parts of a payment that Meta's documentation leaves open. The size of the whole
/// body bounds them. And the quoted message, which is read with the request and not with its content.
fn is_the_callers_own(pointer: &str) -> bool {
    let parts = [
        "context",
        "data",
        "flow_action_data",
        "raw",
        "payment_settings",
        "beneficiaries",
        "tax",
        "shipping",
        "discount",
        "expiration",
    ];
    pointer.split('/').any(|part| parts.contains(&part))
}

/// All strings, or all lists, below the top.
fn pointers(value: &Value, at: &str, wanted: fn(&Value) -> bool, all: &mut Vec<String>) {
    if wanted(value) && !at.is_empty() {
        all.push(at.to_owned());
    }
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| pointers(value, &format!("{at}/{name}"), wanted, all)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(n, value)| pointers(value, &format!("{at}/{n}"), wanted, all)),
        _ => {}
    }
}

/// Every golden request with each of its strings, or of its lists.
fn places(wanted: fn(&Value) -> bool) -> Vec<(String, Value, String)> {
    let mut places = Vec::new();
    for (name, given) in golden::given() {
        let mut all = Vec::new();
        pointers(&given.body, "", wanted, &mut all);
        let own = all
            .into_iter()
            .filter(|pointer| !is_the_callers_own(pointer) && !name.ends_with("raw"));
        places.extend(own.map(|pointer| (name.clone(), given.body.clone(), pointer)));
    }
    places
}

fn with(body: &Value, pointer: &str, value: Value) -> Value {
    let mut body = body.clone();
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

/// The largest of `least..most` that is taken, when `least` is; halving, as whatever is above a limit is refused.
fn largest(least: usize, most: usize, taken: impl Fn(usize) -> bool) -> usize {
    let (mut yes, mut no) = (least, most);
    while no - yes > 1 {
        let middle = yes.midpoint(no);
        match taken(middle) {
            true => yes = middle,
            false => no = middle,
        }
    }
    yes
}

#[track_caller]
fn the_referee_takes(name: &str, pointer: &str, body: &Value) {
    let (sent, _) = golden::composed(body);
    assert_eq!(simulator::validate(sent.as_bytes()), Ok(()), "{name}{pointer}");
}

#[test]
fn every_text_of_every_type_has_a_limit_that_the_referee_knows() {
    let mut found = 0;
    for (name, body, pointer) in places(Value::is_string) {
        for format in FORMATS {
            let text = |length: usize| json!(format!("{format}{}", "x".repeat(length)));
            let taken = |length| golden::read(&with(&body, &pointer, text(length))).is_ok();
            if !taken(1) {
                continue;
            }
            assert!(!taken(TOO_LONG), "{name}{pointer} takes any length");
            let limit = largest(1, TOO_LONG, taken);
            the_referee_takes(&name, &pointer, &with(&body, &pointer, text(limit)));
            found += 1;
        }
    }
    println!("{found} texts with a limit");
    assert!(found > 200, "only {found}");
}

#[test]
fn every_list_of_every_type_has_a_limit_that_the_referee_knows() {
    let mut found = 0;
    for (name, body, pointer) in places(Value::is_array) {
        let items = body.pointer(&pointer).unwrap().as_array().unwrap().clone();
        let list = |count: usize| {
            with(
                &body,
                &pointer,
                (0..count).map(|n| crate::limits::numbered(&items[0], n)).collect(),
            )
        };
        let taken = |count: usize| golden::read(&list(count)).is_ok();
        let Some(least) = (1..=3).find(|count| taken(*count)) else {
            continue;
        };
        assert!(!taken(TOO_MANY), "{name}{pointer} takes any number");
        let limit = largest(least, TOO_MANY, taken);
        the_referee_takes(&name, &pointer, &list(limit));
        found += 1;
    }
    println!("{found} lists with a limit");
    assert!(found > 40, "only {found}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_refused_is_refused_by_its_field(at in any::<prop::sample::Index>(), text in "\\PC{0,2100}") {
        let all = places(Value::is_string);
        let (name, body, pointer) = &all[at.index(all.len())];
        let bent = with(body, pointer, json!(text));
        match golden::read(&bent) {
            Ok(_) => {
                let (sent, _) = golden::composed(&bent);
                let verdict = simulator::validate(sent.as_bytes());
                prop_assert!(verdict.is_ok(), "{name}{pointer}: {verdict:?}");
            }
            Err(errors) => prop_assert!(!errors.is_empty() && errors.iter().all(|error| !error.field.is_empty())),
        }
    }
}
