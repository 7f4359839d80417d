//! Schemas of campaigns.

use serde_json::{Value, json};

use super::messages::{metadata, url};
use super::schema::{
    amount, anything, boolean, count, counts, id, list, named, nullable, object, object_with, phone, reason_code,
    request, sender, string, text, timestamp, word,
};

fn language() -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{2,15}$",
        "description": "May be left out where the template has one language only."})
}

fn template_name() -> Value {
    json!({"type": "string", "pattern": "^[a-z0-9_]{1,512}$"})
}

fn local() -> Value {
    json!({"type": "string", "description": "A time without a zone: by each recipient's own clock.", "examples": ["2027-03-01T09:00"]})
}

fn ramp() -> Value {
    request(
        &[(
            "first_hour",
            json!({"type": "integer", "minimum": 1, "maximum": u32::MAX}),
        )],
        &[("factor", json!({"type": "number", "minimum": 1, "maximum": 10}))],
    )
}

fn safety() -> Value {
    request(
        &[],
        &[
            (
                "max_error_percent",
                json!({"type": "integer", "minimum": 0, "maximum": 100}),
            ),
            (
                "min_attempts",
                json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
            ),
            ("codes", list(&json!({"type": "integer"}))),
            ("quality", boolean()),
        ],
    )
}

/// `POST /api/v1/campaigns`.
pub(super) fn new() -> Value {
    let params = || nullable(named("TemplateParams"));
    let variant = request(
        &[("template_name", template_name())],
        &[
            ("name", nullable(text(1, 200))),
            ("template_language", nullable(language())),
            ("template_params", params()),
            (
                "weight",
                json!({"type": ["integer", "null"], "minimum": 0, "maximum": 1000}),
            ),
        ],
    );
    let variants = json!({"type": ["array", "null"], "minItems": 1, "maxItems": 10, "items": variant,
        "description": "Templates that share the audience by weight; instead of template_name."});
    let from = json!({"oneOf": [sender(), {"type": "array", "minItems": 1, "maxItems": 100, "items": sender()}, {"type": "null"}]});
    request(
        &[],
        &[
            ("name", nullable(text(1, 200))),
            ("template_name", nullable(template_name())),
            ("template_language", nullable(language())),
            ("template_params", params()),
            ("variants", variants),
            ("from", from),
            ("scheduled_at", nullable(timestamp())),
            ("scheduled_local", nullable(local())),
            ("expires_at", nullable(timestamp())),
            ("webhook_url", nullable(url())),
            ("metadata", nullable(metadata())),
            (
                "tier_reserve_percent",
                json!({"type": ["integer", "null"], "minimum": 0, "maximum": 90}),
            ),
            ("ramp", nullable(ramp())),
            ("safety", nullable(safety())),
        ],
    )
}

/// `POST …/reschedule`.
pub(crate) fn times() -> Value {
    request(
        &[],
        &[
            ("scheduled_at", nullable(timestamp())),
            ("scheduled_local", nullable(local())),
            ("expires_at", nullable(timestamp())),
        ],
    )
}

/// One line of a list.
pub(super) fn recipient() -> Value {
    request(
        &[("to", phone())],
        &[
            ("template_params", nullable(named("TemplateParams"))),
            ("metadata", nullable(metadata())),
            (
                "zone",
                json!({"type": ["string", "null"], "examples": ["Europe/Berlin"]}),
            ),
        ],
    )
}

fn status() -> Value {
    let words: Vec<&str> = domain::campaign::Status::ALL
        .iter()
        .map(|status| status.as_str())
        .collect();
    word(&words)
}

/// Of which status.
pub(crate) fn status_parameter() -> Value {
    status()
}

fn variants() -> Value {
    list(&object(&[
        ("name", string()),
        ("template_name", string()),
        ("template_language", string()),
        ("weight", count()),
    ]))
}

/// The answer to a new one.
pub(crate) fn created() -> Value {
    object(&[
        ("campaign_id", id()),
        ("name", string()),
        ("status", status()),
        ("created_at", timestamp()),
        ("variants", variants()),
    ])
}

/// A campaign; its progress where one was asked for.
pub(super) fn campaign() -> Value {
    let at = || nullable(timestamp());
    let paused = object(&[
        ("at", timestamp()),
        ("code", nullable(string())),
        ("facts", nullable(string())),
    ]);
    let number = object(&[("from", phone()), ("audience", count()), ("messages", count())]);
    let progress = object(&[
        ("counts", counts()),
        ("reasons", list(&named("CountedReason"))),
        ("percent", json!({"type": "number"})),
        ("rate_per_second", json!({"type": "number"})),
        ("eta", at()),
        ("waits_for_tier", boolean()),
        ("numbers", list(&number)),
    ]);
    object_with(
        &[
            ("campaign_id", id()),
            ("name", string()),
            ("status", status()),
            ("retry_of", nullable(id())),
            ("audience", count()),
            ("duplicates", count()),
            ("invalid", count()),
            ("created_at", timestamp()),
            ("scheduled_at", at()),
            ("scheduled_local", nullable(string())),
            ("expires_at", at()),
            ("starts_at", at()),
            ("ended_at", at()),
            ("paused", nullable(paused)),
            ("variants", variants()),
            ("tier_reserve_percent", nullable(count())),
            ("ramp", anything()),
            ("safety", anything()),
        ],
        &[("progress", progress)],
    )
}

/// So many, for this reason.
pub(super) fn counted_reason() -> Value {
    object_with(
        &[("code", reason_code()), ("message", string()), ("count", count())],
        &[("status", string())],
    )
}

/// What was stopped, and what was too late for it.
pub(super) fn stopped() -> Value {
    object(&[
        ("campaign_id", id()),
        ("status", status()),
        ("audience", count()),
        ("handed_over", count()),
        ("canceled", count()),
        ("refused", count()),
        ("waiting", count()),
    ])
}

/// What a chunk added.
pub(crate) fn added() -> Value {
    let error = object(&[
        ("line", count()),
        ("field", string()),
        ("value", anything()),
        ("expected", string()),
    ]);
    object(&[
        ("campaign_id", id()),
        ("added", count()),
        ("duplicates", count()),
        ("invalid", count()),
        ("audience", count()),
        ("errors", list(&error)),
    ])
}

/// What will go when.
pub(crate) fn plan() -> Value {
    let hour = object(&[("hour", timestamp()), ("messages", count())]);
    object(&[
        ("campaign_id", id()),
        ("status", status()),
        ("made_at", timestamp()),
        ("remaining", count()),
        ("hours", list(&hour)),
        ("ends_at", nullable(timestamp())),
        ("left_over", count()),
        ("waits_for_tier", boolean()),
        ("tier_left", nullable(count())),
    ])
}

/// What would become of it.
pub(crate) fn preflight() -> Value {
    let country = object(&[("calling_code", string()), ("count", count())]);
    let cost = object(&[
        ("amount", amount()),
        ("currency", string()),
        ("available", amount()),
        ("is_covered", boolean()),
    ]);
    object(&[
        ("campaign_id", id()),
        ("status", status()),
        ("audience", count()),
        ("duplicates", count()),
        ("invalid", count()),
        ("go", count()),
        ("wait", list(&named("CountedReason"))),
        ("fail", list(&named("CountedReason"))),
        ("countries", list(&country)),
        ("cost", nullable(cost)),
        ("tier_left", nullable(count())),
        ("waits_for_tier", boolean()),
        ("ends_at", nullable(timestamp())),
        ("left_over", count()),
    ])
}
