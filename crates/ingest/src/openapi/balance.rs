//! The schema of a prepaid balance.

use serde_json::Value;

use super::schema::{amount, object, string};

/// What is there, and where the rest of what was paid in went.
pub(super) fn balance() -> Value {
    object(&[
        ("currency", string()),
        ("available", amount()),
        ("reserved", amount()),
        ("spent", amount()),
        ("topped_up", amount()),
    ])
}
