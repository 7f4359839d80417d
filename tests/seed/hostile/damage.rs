//! Ways in which input goes wrong.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

/// Bytes that a repetition adds at most: more than any body may have.
const LARGEST: usize = 4_000_000;

/// A value that nobody reckons with.
pub(super) fn value(random: &mut StdRng) -> Value {
    match random.random_range(0..30) {
        0 => Value::Null,
        1 => json!(random.random_bool(0.5)),
        2 => json!(-1),
        3 => json!(0),
        4 => json!(1e308),
        5 => json!(u64::MAX),
        6 => json!(i64::MIN),
        7 => json!(""),
        8 => json!(" "),
        9 => json!("\0"),
        10 => json!("before\0after"),
        11 => json!("x".repeat(random.random_range(500..20_000))),
        12 => json!("𝕏🏳️‍🌈é".repeat(random.random_range(1..300))),
        13 => json!("'; DROP TABLE message; --"),
        14 => json!("<script>alert(1)</script>"),
        15 => json!("../../../../etc/passwd"),
        16 => json!("${jndi:ldap://127.0.0.1/a}{{7*7}}%s%n"),
        17 => json!("http://[::1]:99999/\u{202e}"),
        18 => json!("9999-12-31T23:59:60Z"),
        19 => json!("-262143-01-01T00:00:00Z"),
        20 => json!("2026-02-30T25:61:00+99:99"),
        21 => json!([]),
        22 => json!({}),
        23 => (0..random.random_range(1..100)).fold(json!(1), |inner, _| json!([inner])),
        24 => (0..random.random_range(1..100)).fold(json!(1), |inner, _| json!({"a": inner})),
        25 => json!(vec![Value::Null; random.random_range(1..2_000)]),
        26 => json!({"__proto__": {"admin": true}, "constructor": 1, "": 2, "\0": 3, "$ref": "#"}),
        27 => json!("+1650555010\u{0660}"),
        28 => json!(["+16505550100", "+16505550100"]),
        _ => json!(random.random::<f64>()),
    }
}

/// Changes one place of a body.
pub(super) fn json(body: &mut Value, random: &mut StdRng) {
    let place = place(body, random);
    match place {
        Value::Object(fields) if !fields.is_empty() && random.random_bool(0.6) => {
            let names: Vec<String> = fields.keys().cloned().collect();
            let name = names.choose(random).expect("there are some").clone();
            match random.random_range(0..4) {
                0 => drop(fields.remove(&name)),
                1 => drop(
                    fields.insert(
                        ["unknown", "schedule_at", "", "TO", "to ", "type\0"]
                            .choose(random)
                            .unwrap()
                            .to_string(),
                        value(random),
                    ),
                ),
                2 => {
                    // The right value under the wrong name.
                    let moved = fields.remove(&name).unwrap_or_default();
                    fields.insert(names.choose(random).unwrap().clone(), moved);
                }
                _ => drop(fields.insert(name, value(random))),
            }
        }
        Value::Array(items) if !items.is_empty() && random.random_bool(0.6) => match random.random_range(0..4) {
            0 => items.clear(),
            1 => items.push(value(random)),
            2 => {
                let many = items[0].clone();
                // One repetition inside another would fill the memory of this program.
                let most = 1 + LARGEST / many.to_string().len().max(1);
                items.extend(std::iter::repeat_n(many, random.random_range(1..400).min(most)));
            }
            _ => items[0] = value(random),
        },
        place => *place = value(random),
    }
}

/// Some place in a body, as often deep as shallow.
fn place<'a>(at: &'a mut Value, random: &mut StdRng) -> &'a mut Value {
    if random.random_bool(0.35) {
        return at;
    }
    let is_leaf = match &*at {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    };
    if is_leaf {
        return at;
    }
    match at {
        Value::Object(fields) => {
            let chosen = random.random_range(0..fields.len());
            place(fields.values_mut().nth(chosen).expect("within"), random)
        }
        Value::Array(items) => {
            let chosen = random.random_range(0..items.len());
            place(&mut items[chosen], random)
        }
        leaf => leaf,
    }
}

/// Damages the bytes themselves.
pub(super) fn raw(mut bytes: Vec<u8>, random: &mut StdRng) -> Vec<u8> {
    let somewhere = random.random_range(0..=bytes.len());
    match random.random_range(0..12) {
        0 => bytes.truncate(somewhere),
        1 => bytes.insert(somewhere, random.random()),
        2 => bytes
            .splice(somewhere..somewhere, [0xff, 0xfe, 0xc0, 0x80])
            .for_each(drop),
        3 => bytes.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
        4 => bytes = b"[".repeat(random.random_range(1_000..100_000)),
        5 => bytes = b"{\"to\":".repeat(random.random_range(100..20_000)),
        6 => bytes = format!("{{\"to\": 1e{}}}", "9".repeat(random.random_range(3..500))).into_bytes(),
        7 => bytes = br#"{"to": "+16505550100", "to": "+16505550101", "type": "text", "type": "template"}"#.to_vec(),
        8 => bytes = br#"{"to": "\ud800", "body": "\udc00\u0000"}"#.to_vec(),
        9 => bytes.clear(),
        10 => bytes = (0..random.random_range(1..2_000)).map(|_| random.random()).collect(),
        _ => bytes.extend_from_slice(b"\n{}"),
    }
    bytes
}
