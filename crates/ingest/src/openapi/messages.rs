//! Schemas of single messages.

use serde_json::{Value, json};

use super::schema::{
    anything, boolean, count, id, integer, list, named, nullable, object, object_with, phone, reason_code, request,
    sender, status, string, text, timestamp, word,
};

/// `POST /api/v1/messages/whatsapp`, and routing key `message`.
pub(super) fn new() -> Value {
    let body = text(1, domain::content::MAX_TEXT);
    let mut may = vec![
        ("from", nullable(sender())),
        (
            "type",
            json!({"type": "string", "examples": domain::content::KINDS, "description": "May be left out where the object tells it."}),
        ),
        ("body", json!({"type": "string", "description": "Short for text.body."})),
        ("context", nullable(request(&[("message_id", text(1, 512))], &[]))),
        ("scheduled_at", nullable(timestamp())),
        ("expires_at", nullable(timestamp())),
        ("priority", json!({"enum": ["high", "normal", "low", null]})),
        ("on_uncertain", json!({"enum": ["hold", "resend", null]})),
        (
            "fallback_template",
            nullable(described(
                template(),
                "Of a session message: the template to send should the service window be closed.",
            )),
        ),
        ("webhook_url", nullable(url())),
        ("metadata", nullable(metadata())),
    ];
    may.push(("raw", raw()));
    may.push(("marketing_messages", marketing_messages()));
    for kind in domain::content::KINDS.iter().copied() {
        let object = match kind {
            "text" => object_with(&[("body", body.clone())], &[("preview_url", boolean())]),
            "template" => template(),
            _ => json!({"type": ["object", "array"], "description": "As in Meta's messages API."}),
        };
        may.push((kind, object));
    }
    request(&[("to", phone())], &may)
}

/// What is newer than this version.
fn raw() -> Value {
    json!({"type": ["object", "array", "null"], "description": "In the place of the type's object: passed on to Meta unread, whatever the type."})
}

/// The other way that a marketing template can go.
pub(super) fn marketing_messages() -> Value {
    let options = object_with(
        &[],
        &[
            (
                "product_policy",
                json!({"enum": ["CLOUD_API_FALLBACK", "STRICT", null]}),
            ),
            ("message_activity_sharing", nullable(boolean())),
        ],
    );
    json!({"oneOf": [options, {"type": ["boolean", "null"]}], "description": "To be sent by Meta's Marketing Messages API; marketing templates only."})
}

fn described(mut schema: Value, about: &str) -> Value {
    schema["description"] = json!(about);
    schema
}

/// The template that a session message falls back to, or fell back to.
pub(super) fn fallback() -> Value {
    let template = object(&[("name", string()), ("language", string())]);
    object(&[
        ("template", template),
        ("taken_at", nullable(timestamp())),
        ("reason", nullable(named("Why"))),
    ])
}

/// Whether it goes to Meta, or to the stand-in for test keys.
pub(super) fn mode() -> Value {
    word(&["live", "test"])
}

fn template() -> Value {
    let language = json!({"oneOf": [object(&[("code", string())]), string()]});
    let name = json!({"type": "string", "pattern": "^[a-z0-9_]{1,512}$"});
    let components = nullable(list(
        &json!({"type": "object", "description": "As in Meta's messages API."}),
    ));
    let raw = json!({"type": ["array", "null"], "description": "Components that are newer than this version, passed on unread."});
    object_with(
        &[("name", name), ("language", language)],
        &[("components", components), ("raw", raw)],
    )
}

/// An address that is told of a message's way.
pub(super) fn url() -> Value {
    json!({"type": "string", "maxLength": 2048, "pattern": "^https?://", "examples": ["https://example.com/hooks"]})
}

/// The caller's own.
pub(super) fn metadata() -> Value {
    json!({"type": "object", "description": "The caller's own; at most 4096 bytes of JSON."})
}

/// The answer to one that was taken.
pub(super) fn taken() -> Value {
    object_with(
        &[
            ("message_id", id()),
            ("status", status()),
            ("channel", word(&["whatsapp"])),
            ("mode", mode()),
            ("to", phone()),
            ("from", phone()),
            ("created_at", timestamp()),
            ("scheduled_at", nullable(timestamp())),
        ],
        &[("reason", named("Why")), ("fallback", named("Fallback"))],
    )
}

/// Why it waits, or failed.
pub(super) fn why() -> Value {
    object_with(
        &[("code", reason_code()), ("message", string())],
        &[("until", nullable(timestamp()))],
    )
}

/// A message with everything that happened to it.
pub(super) fn message() -> Value {
    let at = || nullable(timestamp());
    let timestamps = object(&[
        ("accepted_at", at()),
        ("sent_at", at()),
        ("delivered_at", at()),
        ("read_at", at()),
        ("failed_at", at()),
    ]);
    object(&[
        ("id", id()),
        ("status", status()),
        ("reason", nullable(named("Why"))),
        ("channel", word(&["whatsapp"])),
        ("mode", mode()),
        ("to", phone()),
        ("from", phone()),
        ("type", nullable(string())),
        ("fallback", nullable(named("Fallback"))),
        ("broadcast_id", nullable(id())),
        ("created_at", timestamp()),
        ("scheduled_at", at()),
        ("expires_at", timestamp()),
        ("timestamps", timestamps),
        ("wamid", nullable(string())),
        ("metadata", nullable(metadata())),
        ("flags", list(&string())),
        ("attempts", list(&named("Attempt"))),
        ("error", nullable(named("MessageError"))),
    ])
}

/// A message of a person. Beside these stands the object named after the type, as Meta wrote it.
pub(super) fn inbound() -> Value {
    let reply = object(&[("id", anything()), ("title", anything()), ("response", anything())]);
    let context = object(&[
        ("message_id", nullable(string())),
        ("forwarded", boolean()),
        ("frequently_forwarded", boolean()),
        ("product", anything()),
    ]);
    let always = [
        ("id", id()),
        ("wamid", string()),
        ("from", nullable(phone())),
        ("user_id", nullable(string())),
        ("to", phone()),
        ("phone_number_id", string()),
        ("at", timestamp()),
        ("received_at", timestamp()),
        ("read_at", nullable(timestamp())),
        ("type", string()),
        ("text", anything()),
        ("reply", nullable(reply)),
        ("context", nullable(context)),
    ];
    let as_meta_wrote_it = domain::inbound::KINDS
        .iter()
        .filter(|kind| **kind != "text")
        .map(|kind| (*kind, anything()));
    let sometimes: Vec<_> = as_meta_wrote_it
        .chain([("referral", anything()), ("errors", anything()), ("group_id", string())])
        .collect();
    object_with(&always, &sometimes)
}

/// One call to Meta.
pub(super) fn attempt() -> Value {
    object(&[
        ("attempt", count()),
        ("slot", timestamp()),
        ("ended_at", timestamp()),
        ("post_ms", nullable(integer())),
        ("outcome", string()),
        ("http_status", nullable(integer())),
        ("error", anything()),
    ])
}

/// Why a message failed, for people.
pub(super) fn error() -> Value {
    object(&[
        ("code", string()),
        ("title", string()),
        ("category", string()),
        ("retriable", boolean()),
        ("advice", string()),
    ])
}

/// The answer to `…/cancel`.
pub(crate) fn canceled() -> Value {
    object(&[("message_id", id()), ("canceled", boolean())])
}

/// The answer to `…/resolve`.
pub(crate) fn resolved() -> Value {
    object(&[
        ("message_id", id()),
        ("resolved_as", word(&["accepted", "failed", "resend"])),
    ])
}

/// The answer of the check before a session message.
pub(crate) fn window() -> Value {
    object(&[
        ("to", phone()),
        ("from", nullable(phone())),
        ("within_window", boolean()),
        (
            "reason",
            word(&["within_window", "window_expired", "no_inbound_history"]),
        ),
        ("last_inbound_at", nullable(timestamp())),
        ("hours_since_last_inbound", json!({"type": ["number", "null"]})),
        ("window_expires_at", nullable(timestamp())),
    ])
}
