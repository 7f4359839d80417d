//! Schemas of broadcasts.

use serde_json::{Value, json};

use super::messages::{marketing_messages, metadata, url};
use super::schema::{
    anything, count, counts, id, list, named, nullable, object, object_with, phone, reason_code, request, sender,
    status, string, timestamp, word,
};
use crate::request::MAX_RECIPIENTS;

/// `POST /api/v1/messages/whatsapp/broadcast`, and routing key `broadcast`.
pub(super) fn new() -> Value {
    let params = || nullable(named("TemplateParams"));
    let recipient = request(
        &[("to", phone())],
        &[("template_params", params()), ("metadata", nullable(metadata()))],
    );
    let recipients = json!({"type": "array", "minItems": 1, "maxItems": MAX_RECIPIENTS, "items": recipient,
        "description": "Each number once."});
    let language = json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{2,15}$",
        "description": "May be left out where the template has one language only."});
    request(
        &[
            ("recipients", recipients),
            (
                "template_name",
                json!({"type": "string", "pattern": "^[a-z0-9_]{1,512}$"}),
            ),
        ],
        &[
            ("template_language", nullable(language)),
            ("from", nullable(sender())),
            ("template_params", params()),
            ("marketing_messages", marketing_messages()),
            ("scheduled_at", nullable(timestamp())),
            ("expires_at", nullable(timestamp())),
            ("webhook_url", nullable(url())),
            ("metadata", nullable(metadata())),
        ],
    )
}

/// Any of the forms that parameters may have.
pub(super) fn template_params() -> Value {
    json!({
        "type": ["array", "object"],
        "description": "A list of values for the body; an object of names for a named template; an object of the parts header, body and \
            buttons; or Meta's own component list. A row's own replace the shared ones as a whole.",
        "examples": [["Ana", 17], {"first_name": "Ana"}, {"header": {"link": "https://example.com/a.png"}, "body": ["Ana"], "buttons": ["17"]}],
    })
}

/// What became of each recipient.
pub(super) fn results() -> Value {
    let error = object_with(&[("code", string()), ("message", string())], &[("details", anything())]);
    let result = object_with(
        &[
            ("index", count()),
            ("to", phone()),
            ("message_id", id()),
            ("status", status()),
        ],
        &[("reason", reason_code()), ("error", error)],
    );
    let summary = object(&[
        ("total", count()),
        ("accepted", count()),
        ("scheduled", count()),
        ("failed", count()),
    ]);
    object(&[("broadcast_id", id()), ("summary", summary), ("results", list(&result))])
}

/// How far a broadcast is.
pub(super) fn broadcast() -> Value {
    object(&[
        ("broadcast_id", id()),
        (
            "status",
            word(&["scheduled", "running", "paused", "completed", "canceled"]),
        ),
        ("from", phone()),
        ("created_at", timestamp()),
        ("starts_at", timestamp()),
        ("completed_at", nullable(timestamp())),
        ("total", count()),
        ("left", count()),
        ("counts", counts()),
        ("reasons", counts()),
    ])
}

/// What was stopped, and what was too late for it.
pub(super) fn stopped() -> Value {
    object(&[
        ("broadcast_id", id()),
        ("status", word(&["running", "paused", "canceled"])),
        ("handed_over", count()),
        ("canceled", count()),
        ("refused", count()),
        ("waiting", count()),
    ])
}
