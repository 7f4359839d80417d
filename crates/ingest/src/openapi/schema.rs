//! Building blocks of JSON Schema (2020-12) for requests and answers.

use domain::PublicStatus;
use serde_json::{Map, Value, json};

/// `#/components/<kind>/<name>`.
pub fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

/// A schema that has a name.
pub fn named(name: &str) -> Value {
    reference("schemas", name)
}

/// An object of an answer: every field is always there.
pub fn object(fields: &[(&str, Value)]) -> Value {
    object_with(fields, &[])
}

/// An object of an answer; the second fields may be absent.
pub fn object_with(always: &[(&str, Value)], sometimes: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = always.iter().map(|(name, _)| *name).collect();
    let fields = always.iter().chain(sometimes);
    let properties: Map<String, Value> = fields
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
        .collect();
    json!({"type": "object", "required": names, "properties": properties})
}

/// An object of a request: the first fields must be there, the second may, others are refused.
pub fn request(must: &[(&str, Value)], may: &[(&str, Value)]) -> Value {
    let mut object = object_with(must, may);
    object["additionalProperties"] = json!(false);
    object
}

/// `{"data": …, "meta": …}`.
pub fn data(schema: Value) -> Value {
    object(&[("data", schema), ("meta", named("Meta"))])
}

/// `{"data": […], "meta": {…, "pagination": …}}`.
pub fn page(item: &Value) -> Value {
    object(&[("data", list(item)), ("meta", named("MetaOfPage"))])
}

/// `{"error": …, "meta": …}` with one of these codes.
pub fn error(codes: &[&str]) -> Value {
    let error = object(&[
        ("code", json!({"type": "string", "enum": codes})),
        ("message", string()),
        ("status", integer()),
        ("details", named("ErrorDetails")),
    ]);
    object(&[("error", error), ("meta", named("Meta"))])
}

/// A list of these.
pub fn list(item: &Value) -> Value {
    json!({"type": "array", "items": item})
}

/// This, or null.
pub fn nullable(schema: Value) -> Value {
    match schema["type"].as_str() {
        Some(kind) if schema.get("enum").is_none() => {
            let mut schema = schema.clone();
            schema["type"] = json!([kind, "null"]);
            schema
        }
        _ => json!({"oneOf": [schema, {"type": "null"}]}),
    }
}

/// Any text.
pub fn string() -> Value {
    json!({"type": "string"})
}

/// A text of so many characters.
pub fn text(least: usize, most: usize) -> Value {
    json!({"type": "string", "minLength": least, "maxLength": most})
}

/// One of these words.
pub fn word(words: &[&str]) -> Value {
    json!({"type": "string", "enum": words})
}

/// A whole number.
pub fn integer() -> Value {
    json!({"type": "integer"})
}

/// A whole number that counts something.
pub fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

/// True or false.
pub fn boolean() -> Value {
    json!({"type": "boolean"})
}

/// Any JSON.
pub fn anything() -> Value {
    json!(true)
}

/// The id of a message, a broadcast or the like.
pub fn id() -> Value {
    json!({"type": "string", "format": "uuid"})
}

/// RFC 3339.
pub fn timestamp() -> Value {
    json!({"type": "string", "format": "date-time"})
}

/// A person's number, E.164 with its plus.
pub fn phone() -> Value {
    json!({"type": "string", "pattern": r"^(\+[1-9][0-9]{6,14}|[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128})$",
        "examples": ["+16505550100", "US.13491208655302741918"]})
}

/// A sender number: its phone number, or Meta's id of it.
pub fn sender() -> Value {
    json!({"type": "string", "pattern": r"^(\+[1-9][0-9]{6,14}|[0-9]{1,32})$", "examples": ["+15550001111", "2000001"]})
}

/// A public status.
pub fn status() -> Value {
    let words: Vec<&str> = PublicStatus::ALL.iter().map(|status| status.as_str()).collect();
    word(&words)
}

/// A stable reason code.
pub fn reason_code() -> Value {
    json!({"type": "string", "pattern": "^[a-z0-9_]+$", "examples": ["window_expired", "meta_131026"]})
}

/// Counts by a name that is not known before.
pub fn counts() -> Value {
    json!({"type": "object", "additionalProperties": count()})
}

/// Money: a decimal in a string, exact.
pub fn amount() -> Value {
    json!({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,6})?$", "examples": ["12.50"]})
}
