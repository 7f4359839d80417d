//! The schemas of events, webhook endpoints and what became of webhooks.

use domain::event::KINDS;
use serde_json::{Value, json};
use store::webhooks::DeliveryState;

use super::schema::{
    anything, boolean, count, id, integer, list, nullable, object, request, string, text, timestamp, word,
};

/// One change, as it is told everywhere. What `data` holds depends on the type: `domain::event::KINDS` has every field.
pub(super) fn event() -> Value {
    object(&[
        ("id", string()),
        ("sequence", integer()),
        ("type", kind()),
        ("at", timestamp()),
        ("data", json!({"type": "object", "additionalProperties": true})),
    ])
}

/// Every type, with when it is told and what its `data` holds.
fn kind() -> Value {
    let kinds: Vec<String> = KINDS
        .iter()
        .map(|kind| format!("`{}`: {} ({})", kind.name, kind.when, kind.fields.join(", ")))
        .collect();
    json!({"type": "string", "pattern": "^[a-z_]+\\.[a-z_]+$", "description": kinds.join("\n\n")})
}

fn filters() -> Value {
    let filter = json!({"type": "string", "examples": ["*", "message.*", "message.failed"]});
    let mut filters = list(&filter);
    filters["minItems"] = json!(1);
    filters["maxItems"] = json!(50);
    filters
}

fn concurrency() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": 50, "default": 5})
}

fn secret() -> Value {
    json!({"type": "string", "pattern": "^whsec_[A-Za-z0-9+/=]+$"})
}

fn url() -> Value {
    json!({"type": "string", "maxLength": 2048, "examples": ["https://example.com/hook"]})
}

/// What an endpoint begins with.
pub(super) fn new_endpoint() -> Value {
    let may = [
        ("description", nullable(text(0, 200))),
        ("events", nullable(filters())),
        ("concurrency", nullable(concurrency())),
        ("secret", nullable(secret())),
    ];
    request(&[("url", url())], &may)
}

/// What may be changed of an endpoint.
pub(super) fn endpoint_change() -> Value {
    let may = [
        ("url", nullable(url())),
        ("description", nullable(text(0, 200))),
        ("events", nullable(filters())),
        ("concurrency", nullable(concurrency())),
        ("enabled", nullable(boolean())),
    ];
    request(&[], &may)
}

/// Another secret.
pub(crate) fn rotation() -> Value {
    let hours = json!({"type": "integer", "minimum": 0, "maximum": 720, "default": 24});
    request(&[], &[("overlap_hours", hours), ("secret", nullable(secret()))])
}

/// What to tell again.
pub(crate) fn replay() -> Value {
    let number = || nullable(json!({"type": "integer", "minimum": 1}));
    let may = [
        ("failed", nullable(boolean())),
        ("sequence", number()),
        ("from_sequence", number()),
        ("to_sequence", number()),
        ("since", nullable(timestamp())),
        ("until", nullable(timestamp())),
    ];
    request(&[], &may)
}

/// An endpoint, and how it is doing.
pub(super) fn endpoint() -> Value {
    object(&endpoint_fields())
}

/// The same when it was just made: with its secret.
pub(super) fn endpoint_with_secret() -> Value {
    object(&[&endpoint_fields()[..], &[("secret", secret())]].concat())
}

fn endpoint_fields() -> [(&'static str, Value); 15] {
    [
        ("endpoint_id", id()),
        ("url", string()),
        ("of_messages", boolean()),
        ("description", nullable(string())),
        ("events", list(&string())),
        ("concurrency", integer()),
        ("enabled", boolean()),
        ("disabled_reason", nullable(word(&["failing", "gone", "operator"]))),
        ("status", word(&["healthy", "failing", "resting", "disabled"])),
        ("failures", count()),
        ("failing_since", nullable(timestamp())),
        ("rests_until", nullable(timestamp())),
        ("waiting", count()),
        ("old_secret_until", nullable(timestamp())),
        ("created_at", timestamp()),
    ]
}

/// An endpoint's secret.
pub(crate) fn shown_secret() -> Value {
    object(&[("endpoint_id", id()), ("secret", secret())])
}

/// The secret after a rotation.
pub(crate) fn rotated() -> Value {
    object(&[
        ("endpoint_id", id()),
        ("secret", secret()),
        ("old_secret_until", timestamp()),
    ])
}

/// What became of one event for one endpoint.
pub(super) fn delivery() -> Value {
    let words: Vec<&str> = DeliveryState::ALL.iter().map(|state| state.as_str()).collect();
    let attempt = object(&[
        ("ended_at", timestamp()),
        ("http_status", nullable(integer())),
        ("took_ms", nullable(count())),
        ("error", nullable(string())),
    ]);
    object(&[
        ("event_id", string()),
        ("sequence", integer()),
        ("type", nullable(string())),
        ("status", word(&words)),
        ("attempts", count()),
        ("next_attempt_at", nullable(timestamp())),
        ("created_at", timestamp()),
        ("last_attempt", nullable(attempt.clone())),
        ("earlier_attempts", list(&attempt)),
    ])
}

/// How much is told again.
pub(crate) fn replayed() -> Value {
    super::schema::object_with(
        &[("endpoint_id", id()), ("replayed", count())],
        &[("from_sequence", integer()), ("to_sequence", integer())],
    )
}

/// Server-sent events.
pub(crate) fn stream() -> Value {
    anything()
}
