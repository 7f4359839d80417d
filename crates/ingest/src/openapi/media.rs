//! The schema of files.

use domain::media::Kind;
use serde_json::{Value, json};

use super::schema::{count, nullable, object, string, timestamp, word};

/// What is known of an upload.
pub(super) fn media() -> Value {
    let kinds = Kind::ALL.map(Kind::as_str);
    object(&[
        ("media_id", json!({"type": "string", "pattern": "^med_[0-9a-f]{32}$"})),
        ("type", word(&kinds)),
        ("mime_type", string()),
        ("size", count()),
        ("sha256", json!({"type": "string", "pattern": "^[0-9a-f]{64}$"})),
        ("filename", nullable(string())),
        ("created_at", timestamp()),
        ("kept_until", timestamp()),
    ])
}
