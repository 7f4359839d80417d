//! What a message says, read from a request body and kept in the very form that Meta takes.

use serde_json::{Map, Value, json};

use crate::template::{Mismatch, Parameters};

/// Meta's limit for a text body, in characters. Meta does not say which; code points are the strictest reading that people
/// can count themselves, and Meta accepts what they do.
pub const MAX_TEXT: usize = 4096;

/// Meta's message types that are passed on as they are once their object is there (Meta checks them).
const PASSED_ON: &[&str] = &[
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
    "interactive",
];

/// Every message type, as `type` names it.
pub fn kinds() -> Vec<&'static str> {
    [&["text", "template"], PASSED_ON].concat()
}

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A pre-approved template; allowed at any time.
    Template(TemplateContent),
    /// Everything else: a session message, allowed only inside the service window.
    Session {
        /// Meta's `type`.
        kind: String,
        /// The object named after the type.
        object: Value,
    },
}

/// A template message before its template was looked up.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateContent {
    /// Name, as in `order_update`.
    pub name: String,
    /// Language code, as in `en_US`.
    pub language: String,
    /// Its parameters, as components for Meta.
    pub parameters: Parameters,
}

/// What is wrong with a field of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}")]
pub struct FieldError {
    /// Path of the field, as in `text.body`.
    pub field: String,
    /// What was given, short; `null` when absent.
    pub value: Value,
    /// What would have been right.
    pub expected: String,
}

impl FieldError {
    /// A field error; the value is kept short, because it is echoed.
    pub fn new(field: impl Into<String>, value: &Value, expected: impl Into<String>) -> Self {
        let value = match value {
            Value::String(text) if text.chars().count() > 64 => {
                json!(format!("{}…", text.chars().take(64).collect::<String>()))
            }
            Value::Array(items) => json!(format!("a list of {}", items.len())),
            Value::Object(_) => json!("an object"),
            other => other.clone(),
        };
        Self {
            field: field.into(),
            value,
            expected: expected.into(),
        }
    }
}

impl From<Mismatch> for FieldError {
    fn from(mismatch: Mismatch) -> Self {
        Self {
            field: mismatch.field,
            value: json!(mismatch.given),
            expected: mismatch.expected,
        }
    }
}

impl Content {
    /// Reads `type` and its object from a request body. Text may also be written as `text: {"body": …}` or `body: "…"` without
    /// a type.
    pub fn read(body: &Map<String, Value>) -> Result<Self, FieldError> {
        let absent = Value::Null;
        let kind = match body.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(other) => return Err(FieldError::new("type", other, "a text, as in \"template\"")),
            None if body.contains_key("template") => "template",
            None if body.contains_key("text") || body.contains_key("body") => "text",
            None => {
                return Err(FieldError::new(
                    "type",
                    &absent,
                    "the kind of message, as in \"text\" or \"template\"",
                ));
            }
        };
        match kind {
            "text" => text(body),
            "template" => template(body.get("template").unwrap_or(&absent)).map(Self::Template),
            kind if PASSED_ON.contains(&kind) => match body.get(kind).unwrap_or(&absent) {
                object @ (Value::Object(_) | Value::Array(_)) => Ok(Self::Session {
                    kind: kind.to_owned(),
                    object: object.clone(),
                }),
                other => Err(FieldError::new(
                    kind,
                    other,
                    "the object that Meta's messages API takes for this type",
                )),
            },
            other => Err(FieldError::new(
                "type",
                &json!(other),
                format!("one of text, template, {}", PASSED_ON.join(", ")),
            )),
        }
    }

    /// The stored form: `{"type": …, "<type>": …}`, plus `context` for a quoted reply.
    pub fn to_json(&self, reply_to: Option<&str>) -> Value {
        let mut stored = match self {
            Self::Session { kind, object } => json!({"type": kind, kind: object}),
            Self::Template(template) => template.to_json(),
        };
        if let Some(wamid) = reply_to {
            stored["context"] = json!({"message_id": wamid});
        }
        stored
    }
}

impl TemplateContent {
    fn to_json(&self) -> Value {
        let mut template = json!({"name": self.name, "language": {"code": self.language}});
        if !self.parameters.components().is_empty() {
            template["components"] = Value::Array(self.parameters.components().to_vec());
        }
        json!({"type": "template", "template": template})
    }

    /// Reads a stored template message again.
    pub fn from_json(stored: &Value) -> Result<Self, FieldError> {
        template(&stored["template"])
    }
}

fn text(body: &Map<String, Value>) -> Result<Content, FieldError> {
    let (field, said) = match (body.get("text"), body.get("body")) {
        (Some(Value::Object(text)), _) => ("text.body", text.get("body").unwrap_or(&Value::Null)),
        (Some(other), _) => return Err(FieldError::new("text", other, "an object, as in {\"body\": \"Hello\"}")),
        (None, Some(said)) => ("body", said),
        (None, None) => {
            return Err(FieldError::new(
                "text.body",
                &Value::Null,
                "what to say, 1 to 4096 characters",
            ));
        }
    };
    let length = said.as_str().map(|said| said.chars().count());
    let expected = match length {
        Some(1..=MAX_TEXT) => None,
        Some(length) => Some(format!("1 to {MAX_TEXT} characters, given {length}")),
        None => Some(format!("a text of 1 to {MAX_TEXT} characters")),
    };
    if let Some(expected) = expected {
        return Err(FieldError::new(field, said, expected));
    }
    let mut object = json!({"body": said});
    if let Some(preview) = body.get("text").and_then(|text| text.get("preview_url")) {
        if !preview.is_boolean() {
            return Err(FieldError::new("text.preview_url", preview, "true or false"));
        }
        object["preview_url"] = preview.clone();
    }
    Ok(Content::Session {
        kind: "text".to_owned(),
        object,
    })
}

fn template(object: &Value) -> Result<TemplateContent, FieldError> {
    if !object.is_object() {
        return Err(FieldError::new(
            "template",
            object,
            "an object, as in {\"name\": \"order_update\", \"language\": {\"code\": \"en_US\"}}",
        ));
    }
    let language = match &object["language"] {
        Value::Object(language) => language.get("code").unwrap_or(&Value::Null),
        other => other,
    };
    Ok(TemplateContent {
        name: template_name("template.name", &object["name"])?,
        language: language_code("template.language.code", language)?,
        parameters: Parameters::from_components(&object["components"])?,
    })
}

/// A template's name: 1 to 512 lowercase letters, digits and `_` (Meta).
pub fn template_name(field: &str, value: &Value) -> Result<String, FieldError> {
    match value.as_str() {
        Some(name)
            if (1..=512).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') =>
        {
            Ok(name.to_owned())
        }
        _ => Err(FieldError::new(field, value, "1 to 512 lowercase letters, digits or _")),
    }
}

/// A language code, as in `en` or `en_US`; a hyphen, as Meta itself writes in some webhooks, is read as `_`.
pub fn language_code(field: &str, value: &Value) -> Result<String, FieldError> {
    match value.as_str() {
        Some(code)
            if (2..=15).contains(&code.len())
                && code
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') =>
        {
            Ok(code.replace('-', "_"))
        }
        _ => Err(FieldError::new(field, value, "a language code, as in en_US")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A request body: its stored form, or the field that is wrong.
    fn check(body: Value) -> Result<Value, String> {
        Content::read(body.as_object().unwrap())
            .map(|content| content.to_json(None))
            .map_err(|error| error.field)
    }

    #[test]
    fn a_text_may_be_written_three_ways() {
        let stored = Ok(json!({"type": "text", "text": {"body": "Hello"}}));
        assert_eq!(check(json!({"type": "text", "text": {"body": "Hello"}})), stored);
        assert_eq!(check(json!({"type": "text", "body": "Hello"})), stored);
        assert_eq!(check(json!({"body": "Hello"})), stored);
    }

    #[test]
    fn each_wrong_field_is_named() {
        for (body, field) in [
            (json!({}), "type"),
            (json!({"type": 1}), "type"),
            (json!({"type": "telegram"}), "type"),
            (json!({"type": "text"}), "text.body"),
            (json!({"type": "text", "text": "Hello"}), "text"),
            (json!({"type": "text", "text": {"body": ""}}), "text.body"),
            (json!({"type": "text", "text": {"body": "é".repeat(4097)}}), "text.body"),
            (json!({"body": 5}), "body"),
            (
                json!({"type": "text", "text": {"body": "x", "preview_url": "yes"}}),
                "text.preview_url",
            ),
            (json!({"type": "template"}), "template"),
            (
                json!({"type": "template", "template": {"name": "Order Update"}}),
                "template.name",
            ),
            (
                json!({"type": "template", "template": {"name": "a"}}),
                "template.language.code",
            ),
            (
                json!({"type": "template", "template": {"name": "a", "language": {"code": "en_US"}, "components": {}}}),
                "template.components",
            ),
            (json!({"type": "image"}), "image"),
        ] {
            assert_eq!(check(body.clone()), Err(field.to_owned()), "{body}");
        }
    }

    #[test]
    fn a_template_keeps_metas_form() {
        let stored = json!({"type": "template", "template": {"name": "order_update", "language": {"code": "en_US"},
            "components": [{"type": "body", "parameters": [{"type": "text", "text": "Ana"}]}]}});
        assert_eq!(check(stored.clone()), Ok(stored.clone()));
        assert_eq!(TemplateContent::from_json(&stored).unwrap().name, "order_update");
    }

    #[test]
    fn a_reply_quotes() {
        let content = Content::read(json!({"body": "Hi"}).as_object().unwrap()).unwrap();
        assert_eq!(
            content.to_json(Some("wamid.A"))["context"],
            json!({"message_id": "wamid.A"})
        );
    }

    proptest! {
        #[test]
        fn a_text_within_the_limit_is_taken(text in "\\PC{1,50}", pad in 0..4046_usize) {
            let text = format!("{text}{}", "x".repeat(pad));
            let read = check(json!({"body": text}));
            prop_assert!(read.is_ok());
        }
    }
}
