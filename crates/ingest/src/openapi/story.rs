//! The schema of a message's story.

use serde_json::{Value, json};

use super::messages::mode;
use super::schema::{
    anything, count, id, integer, list, named, nullable, object, phone, reason_code, status, string, timestamp, word,
};

/// Everything that is recorded of a message, and what the rules say to it now.
pub(super) fn story() -> Value {
    let at = || nullable(timestamp());
    let accepted = object(&[
        ("at", timestamp()),
        ("as", word(&["message", "broadcast"])),
        ("broadcast_id", nullable(id())),
        ("to", phone()),
        ("from", phone()),
        ("mode", mode()),
        ("flags", list(&string())),
        ("scheduled_at", at()),
        ("expires_at", timestamp()),
    ]);
    let flow = object(&[
        ("status", string()),
        ("starts_at", timestamp()),
        ("place", nullable(count())),
        ("released", count()),
        ("rows", count()),
    ]);
    let step = object(&[
        ("rule", string()),
        ("verdict", word(&["pass", "wait", "fall_back", "refuse"])),
        ("reason", nullable(reason_code())),
        ("until", at()),
        ("facts", json!({"type": ["object", "null"]})),
    ]);
    let decided = object(&[
        ("rule", string()),
        ("verdict", word(&["wait", "refuse"])),
        ("reason", reason_code()),
        ("sentence", string()),
        ("at", timestamp()),
        ("flags", list(&string())),
    ]);
    let rules = object(&[
        ("facts_at", timestamp()),
        ("note", string()),
        ("unreadable", nullable(string())),
        ("decided", nullable(decided)),
        ("steps", list(&step)),
    ]);
    let waiting = object(&[
        ("since", timestamp()),
        ("until", at()),
        ("reason", reason_code()),
        ("sentence", string()),
        ("refused_attempts", count()),
    ]);
    let attempt = object(&[
        ("attempt", count()),
        ("slot", timestamp()),
        ("ended_at", timestamp()),
        ("took_ms", nullable(integer())),
        ("outcome", string()),
        ("http_status", nullable(integer())),
        ("meta", nullable(named("MessageError"))),
        ("error", anything()),
    ]);
    let hold = object(&[
        ("since", timestamp()),
        ("webhooks_last_came_at", at()),
        ("clock", word(&["runs", "stands_still"])),
        ("ends_at", timestamp()),
        ("at_the_latest", timestamp()),
        ("sentence", string()),
    ]);
    let webhook = object(&[
        ("status", string()),
        ("at", timestamp()),
        ("received_at", timestamp()),
        ("attempt", nullable(count())),
        ("meta", nullable(named("MessageError"))),
    ]);
    let next = object(&[
        ("what", string()),
        ("at", at()),
        ("rows_before", nullable(count())),
        ("sentence", string()),
    ]);
    object(&[
        ("message_id", id()),
        ("status", status()),
        ("reason", nullable(named("Why"))),
        ("accepted", accepted),
        ("flow", nullable(flow)),
        ("fallback", nullable(named("Fallback"))),
        ("rules", rules),
        ("waiting", nullable(waiting)),
        ("attempts", list(&attempt)),
        (
            "open_attempt",
            nullable(object(&[("attempt", count()), ("claimed_at", at())])),
        ),
        ("hold", nullable(hold)),
        ("webhooks", list(&webhook)),
        ("changed_at", timestamp()),
        ("next", next),
    ])
}
