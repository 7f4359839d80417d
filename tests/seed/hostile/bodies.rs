//! Bodies made from a schema, and then damaged.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value, json};
use testkit::{Conformance, Operation};

use super::damage;

/// Deeper than that, a schema is answered with null.
const DEEPEST: usize = 8;

/// The bytes of a body, and the JSON in them where they still are some.
pub(super) fn hostile(
    conformance: &Conformance,
    operation: Operation<'_>,
    random: &mut StdRng,
) -> (Vec<u8>, Option<Value>) {
    let content = operation.about["requestBody"]["content"].as_object();
    let Some((mime, content)) = content.and_then(|content| content.iter().next()) else {
        let body = if random.random_bool(0.3) {
            damage::value(random)
        } else {
            Value::Null
        };
        return (body.to_string().into_bytes(), Some(body));
    };
    let mut body = made(&conformance.document, &content["schema"], 0, random);
    if mime != "application/json" {
        let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        return (damage::raw(text.into_bytes(), random), None);
    }
    for _ in 0..[0, 1, 1, 1, 2, 4][random.random_range(0..6)] {
        damage::json(&mut body, random);
    }
    let bytes = body.to_string().into_bytes();
    if random.random_bool(0.2) {
        let damaged = damage::raw(bytes, random);
        let read = serde_json::from_slice(&damaged).ok();
        return (damaged, read);
    }
    (bytes, Some(body))
}

/// Something that fits the schema, more or less.
pub(super) fn made(document: &Value, schema: &Value, depth: usize, random: &mut StdRng) -> Value {
    if depth > DEEPEST {
        return Value::Null;
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        return made(
            document,
            document.pointer(pointer).unwrap_or(&Value::Null),
            depth + 1,
            random,
        );
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[choice].as_array() {
            return made(
                document,
                choices.choose(random).unwrap_or(&Value::Null),
                depth + 1,
                random,
            );
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.choose(random).cloned().unwrap_or_default();
    }
    let kind = match &schema["type"] {
        Value::String(kind) => kind.as_str(),
        Value::Array(kinds) => kinds.choose(random).and_then(Value::as_str).unwrap_or("null"),
        _ => return damage::value(random),
    };
    match kind {
        "object" => object(document, schema, depth, random),
        "array" => {
            let least = usize::try_from(schema["minItems"].as_u64().unwrap_or(0)).unwrap();
            let count = least + random.random_range(0..3);
            (0..count)
                .map(|_| made(document, &schema["items"], depth + 1, random))
                .collect()
        }
        "string" => string(schema, random),
        "integer" => json!(
            random.random_range(schema["minimum"].as_i64().unwrap_or(0)..=schema["maximum"].as_i64().unwrap_or(1000))
        ),
        "number" => json!(random.random_range(-200.0..200.0)),
        "boolean" => json!(random.random_bool(0.5)),
        _ => Value::Null,
    }
}

fn object(document: &Value, schema: &Value, depth: usize, random: &mut StdRng) -> Value {
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut fields = Map::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        if required.contains(&name.as_str()) || random.random_bool(0.25) {
            fields.insert(name.clone(), made(document, field, depth + 1, random));
        }
    }
    // A message has the object of its type.
    if let Some(kind) = fields.get("type").and_then(Value::as_str).map(str::to_owned) {
        let known: Vec<String> = schema["properties"]["type"]["enum"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        fields.retain(|name, _| *name == kind || !known.contains(name));
        if let Some(field) = schema["properties"].get(&kind) {
            fields.insert(kind, made(document, field, depth + 1, random));
        }
    }
    Value::Object(fields)
}

fn string(schema: &Value, random: &mut StdRng) -> Value {
    match schema["format"].as_str() {
        Some("uuid") => {
            return json!(format!(
                "{:08x}-0000-7000-8000-{:012x}",
                random.random::<u32>(),
                random.random_range(0..1_u64 << 48)
            ));
        }
        Some("date-time") => {
            let year = random.random_range(2020..2032);
            return json!(format!(
                "{year}-{:02}-{:02}T09:00:00Z",
                random.random_range(1..13),
                random.random_range(1..29)
            ));
        }
        _ => {}
    }
    if schema["pattern"]
        .as_str()
        .is_some_and(|pattern| pattern.starts_with(r"^\+[1-9]"))
        && random.random_bool(0.8)
    {
        return json!(testkit::seed::recipient(random.random_range(0..100_000)));
    }
    if let Some(examples) = schema["examples"].as_array() {
        return examples.choose(random).cloned().unwrap_or_default();
    }
    let known = [
        "hello",
        "order_update",
        "sale",
        "en_US",
        "https://example.com/a.png",
        "Europe/Berlin",
        "12345",
    ];
    match schema["minLength"].as_u64() {
        _ if random.random_bool(0.7) => json!(known.choose(random)),
        Some(least) => json!("x".repeat(usize::try_from(least).unwrap_or(1))),
        None => json!("something"),
    }
}
