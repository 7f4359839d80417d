//! The schema of a suppression.

use serde_json::Value;

use super::schema::{boolean, object_with, phone, string, timestamp, word};

/// Whether an organization may write to a person, and who said that it may not.
pub(super) fn suppression() -> Value {
    object_with(
        &[("phone", phone()), ("suppressed", boolean())],
        &[
            ("scope", word(&["all", "marketing"])),
            ("source", string()),
            ("created_at", timestamp()),
        ],
    )
}
