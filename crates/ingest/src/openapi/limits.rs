//! The schema of limits.

use serde_json::{Value, json};

use super::schema::{count, counts, list, nullable, object, phone, reason_code, string, timestamp};

/// Every scope and number: what is allowed, what is used, what waits.
pub(super) fn limits() -> Value {
    let scope = object(&[
        ("scope", string()),
        ("limit", nullable(count())),
        ("used", count()),
        ("free", nullable(count())),
        ("next_release", nullable(timestamp())),
    ]);
    let slowed_down = object(&[
        ("reason", reason_code()),
        ("since", timestamp()),
        ("full_slots_per_second", json!({"type": "number"})),
        ("full_again_at", timestamp()),
    ]);
    let pace = object(&[
        ("slots_per_second", json!({"type": "number"})),
        ("last_slot_at", nullable(timestamp())),
        ("next_slot_at", timestamp()),
        ("slots_taken_ahead", json!({"type": "number"})),
        ("slowed_down", nullable(slowed_down)),
    ]);
    let in_flight = object(&[("queued", count()), ("sending", count()), ("uncertain", count())]);
    let pause = || {
        nullable(object(&[
            ("code", reason_code()),
            ("reason", nullable(string())),
            ("until", nullable(timestamp())),
        ]))
    };
    let number = object(&[
        ("from", phone()),
        ("phone_number_id", string()),
        ("status", string()),
        ("scope", string()),
        ("throughput", count()),
        ("pace", pace),
        ("in_flight", in_flight),
        ("waiting", counts()),
        ("pause", pause()),
        ("restriction", pause()),
    ]);
    object(&[("scopes", list(&scope)), ("numbers", list(&number))])
}
