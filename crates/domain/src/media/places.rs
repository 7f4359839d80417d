//! Where a message's content names files: at every place where Meta's API takes a media object, in templates and interactive messages
//! too.

use std::collections::HashMap;

use serde_json::Value;

use super::{Kind, MediaId, PREFIX};

/// Deeper than any message of Meta's; a content that goes deeper names nothing there.
const DEEPEST: usize = 16;

/// A place in a content that names a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'a> {
    /// As in `template.components[0].parameters[0].image`.
    pub field: String,
    /// What the file is to be.
    pub kind: Kind,
    /// The file.
    pub target: Target<'a>,
}

/// What a place names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A file that was uploaded here.
    Ours(MediaId),
    /// An `id` that is not ours: Meta's.
    Id(&'a str),
    /// An address that Meta fetches.
    Link(&'a str),
}

/// Every place of a content, or of template parameters, that names a file.
pub fn places(content: &Value) -> Vec<Place<'_>> {
    let mut found = Vec::new();
    walk(content, &mut String::new(), 0, &mut found);
    found
}

fn walk<'a>(value: &'a Value, field: &mut String, depth: usize, found: &mut Vec<Place<'a>>) {
    if depth == DEEPEST {
        return;
    }
    let length = field.len();
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if !field.is_empty() {
                    field.push('.');
                }
                field.push_str(name);
                if let (Some(kind), Value::Object(object)) = (Kind::parse(name), value) {
                    let text = |name: &str| object.get(name).and_then(Value::as_str);
                    let id = text("id").map(|id| id.parse().map_or(Target::Id(id), Target::Ours));
                    let targets = [id, text("link").map(Target::Link)];
                    found.extend(targets.into_iter().flatten().map(|target| Place {
                        field: field.clone(),
                        kind,
                        target,
                    }));
                }
                walk(value, field, depth + 1, found);
                field.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                field.push_str(&format!("[{index}]"));
                walk(value, field, depth + 1, found);
                field.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether a stored content may name a file of ours: a cheap look, so that the others need not be taken apart.
pub fn may_name_ours(content: &str) -> bool {
    content.contains(PREFIX)
}

/// The content with Meta's ids in the places of ours. `None` when it is not JSON, or one of them is not among `ids`.
pub fn fill(content: &str, ids: &HashMap<MediaId, String>) -> Option<String> {
    let mut content: Value = serde_json::from_str(content).ok()?;
    put(&mut content, ids, 0).then(|| content.to_string())
}

fn put(value: &mut Value, ids: &HashMap<MediaId, String>, depth: usize) -> bool {
    if depth == DEEPEST {
        return true;
    }
    match value {
        Value::Object(fields) => fields.iter_mut().all(|(name, value)| {
            if Kind::parse(name).is_some()
                && let Some(id) = value.get_mut("id")
                && let Some(ours) = id.as_str().and_then(|id| id.parse::<MediaId>().ok())
            {
                let Some(theirs) = ids.get(&ours) else { return false };
                *id = Value::from(theirs.as_str());
            }
            put(value, ids, depth + 1)
        }),
        Value::Array(items) => items.iter_mut().all(|value| put(value, ids, depth + 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    const OURS: MediaId = MediaId(Uuid::from_u128(7));

    fn fields(content: &Value) -> Vec<(String, Kind)> {
        places(content)
            .into_iter()
            .map(|place| (place.field, place.kind))
            .collect()
    }

    #[test]
    fn files_are_found_wherever_meta_takes_them() {
        let ours = OURS.to_string();
        for (content, field, kind) in [
            (
                json!({"type": "image", "image": {"id": ours, "caption": "med_"}}),
                "image",
                Kind::Image,
            ),
            (
                json!({"type": "sticker", "sticker": {"link": "https://example.com/a.webp"}}),
                "sticker",
                Kind::Sticker,
            ),
            (
                json!({"interactive": {"header": {"type": "document", "document": {"id": ours}}}}),
                "interactive.header.document",
                Kind::Document,
            ),
            (
                json!({"template": {"components": [{"type": "header", "parameters": [{"type": "video", "video": {"id": ours}}]}]}}),
                "template.components[0].parameters[0].video",
                Kind::Video,
            ),
            (
                json!({"template": {"components": [{"cards": [{"components": [{"parameters": [{"image": {"id": "12"}}]}]}]}]}}),
                "template.components[0].cards[0].components[0].parameters[0].image",
                Kind::Image,
            ),
        ] {
            assert_eq!(fields(&content), [(field.to_owned(), kind)], "{content}");
        }
    }

    #[test]
    fn what_only_looks_like_a_file_is_none() {
        let ours = OURS.to_string();
        for content in [
            json!({"text": {"body": ours}}),
            json!({"interactive": {"action": {"buttons": [{"reply": {"id": ours, "title": "Yes"}}]}}}),
            json!({"image": ours}),
            json!({"image": [ours]}),
        ] {
            assert_eq!(fields(&content), [], "{content}");
            assert_eq!(fill(&content.to_string(), &HashMap::new()), Some(content.to_string()));
        }
    }

    #[test]
    fn metas_ids_take_the_places_of_ours() {
        let content =
            json!({"type": "image", "image": {"id": OURS.to_string(), "caption": OURS.to_string()}}).to_string();

        let filled = fill(&content, &HashMap::from([(OURS, "4711".to_owned())])).unwrap();

        let expected = json!({"type": "image", "image": {"id": "4711", "caption": OURS.to_string()}});
        assert_eq!(serde_json::from_str::<Value>(&filled).unwrap(), expected);
        assert_eq!(fill(&content, &HashMap::new()), None, "without the id it must not go");
        assert!(may_name_ours(&content) && !may_name_ours(&filled.replace("med_", "")));
    }
}
