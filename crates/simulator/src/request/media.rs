//! The files that a message names by id, wherever they stand.

use serde_json::Value;

/// Ids under `image`, `video`, `audio`, `document` and `sticker`.
pub(super) fn ids(body: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(body, &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if matches!(name.as_str(), "image" | "video" | "audio" | "document" | "sticker") {
                    found.extend(value["id"].as_str().map(str::to_owned));
                }
                collect(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}
