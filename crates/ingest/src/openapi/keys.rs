//! Schemas of API keys.

use domain::declaration::{MOST_PER_MINUTE, SCOPES};
use serde_json::{Value, json};

use super::messages::mode;
use super::schema::{nullable, object, object_with, request, string, text, timestamp, word};

/// `POST /api/v1/keys`.
pub(super) fn new() -> Value {
    let scopes = json!({"type": "array", "minItems": 1, "items": word(&SCOPES)});
    let networks = json!({"type": "array", "minItems": 1, "maxItems": 100, "items": string(),
        "description": "IPv4 or IPv6, in CIDR notation."});
    let limit = json!({"type": "integer", "minimum": 1, "maximum": MOST_PER_MINUTE});
    request(
        &[("name", text(1, 100)), ("scopes", scopes)],
        &[
            ("mode", json!({"enum": ["live", "test", null]})),
            ("expires_at", nullable(timestamp())),
            ("allowed_from", nullable(networks)),
            ("requests_per_minute", nullable(limit)),
        ],
    )
}

/// A key without its secret.
pub(super) fn key() -> Value {
    object(&fields())
}

/// A key that was made now.
pub(super) fn made() -> Value {
    let mut always = fields();
    always.push((
        "key",
        json!({"type": "string", "description": "The whole key, shown this once."}),
    ));
    let follows = object(&[("id", string()), ("expires_at", timestamp())]);
    object_with(&always, &[("follows", follows)])
}

fn fields() -> Vec<(&'static str, Value)> {
    let list = json!({"type": "array", "items": string()});
    vec![
        ("id", string()),
        ("name", string()),
        ("status", word(&["active", "followed", "expired", "revoked"])),
        ("mode", mode()),
        ("scopes", list.clone()),
        ("allowed_from", nullable(list)),
        ("requests_per_minute", json!({"type": ["integer", "null"]})),
        ("created_at", timestamp()),
        ("expires_at", nullable(timestamp())),
        ("revoked_at", nullable(timestamp())),
        ("followed_by", nullable(string())),
    ]
}
