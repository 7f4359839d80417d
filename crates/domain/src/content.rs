//! What a message says, read from a request body and kept in the very form that Meta takes.
//!
//! One file per type or family of types. What Meta would refuse is refused here, before it costs an attempt, with the path of the field,
//! what was given and what is allowed. What is newer than this build goes through behind an explicit `raw`, unread.

pub mod components;
pub mod contacts;
pub mod interactive;
pub mod location;
pub mod media;
pub mod reaction;
mod reader;
pub mod text;

use serde_json::{Map, Value, json};

use crate::category::Category;
use crate::template::{Mismatch, Parameters, Template};
use contacts::Contact;
use interactive::Interactive;
use location::Location;
use media::Media;
use reaction::Reaction;
use reader::{At, Faults};
pub use text::MAX_TEXT;
use text::Text;

/// Every message type, in the order of Meta's documentation.
pub const KINDS: &[&str] = &[
    "text",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
    "interactive",
    "template",
];

/// Longest id of a message. Meta documents no length; this is far above what is seen.
pub const MAX_WAMID: usize = 512;

/// Names at the top of a body that are the envelope's, and so cannot be a type.
const RESERVED: &[&str] = &[
    "type",
    "raw",
    "to",
    "from",
    "context",
    "messaging_product",
    "recipient_type",
    "recipient",
    "biz_opaque_callback_data",
    "status",
    "message_id",
    "typing_indicator",
    "product_policy",
    "message_activity_sharing",
];

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A pre-approved template; allowed at any time.
    Template(TemplateContent),
    /// Everything else; allowed only inside the service window.
    Session(Session),
}

/// A session message.
#[derive(Debug, Clone, PartialEq)]
pub enum Session {
    /// `text`.
    Text(Text),
    /// `image`, `video`, `audio`, `document` or `sticker`, by that word.
    Media(&'static str, Media),
    /// `location`.
    Location(Location),
    /// `contacts`.
    Contacts(Vec<Contact>),
    /// `reaction`.
    Reaction(Reaction),
    /// `interactive`.
    Interactive(Box<Interactive>),
    /// A type that the caller vouches for, passed on unread.
    Raw {
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
    /// To be sent by Meta's Marketing Messages API.
    pub marketing: Option<Marketing>,
}

/// Options of Meta's Marketing Messages API (`POST /<number>/marketing_messages`), which chooses whom a marketing template is worth
/// sending to. The words are Meta's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marketing {
    /// Where the account is not onboarded: fail, rather than send as any other template.
    pub strict: bool,
    /// Whether Meta may share with the business what people do with the message; the account's setting decides if absent.
    pub message_activity_sharing: Option<bool>,
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
    /// a type. With `raw` in the place of the type's object, that is passed on unread, whatever the type.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub fn read(body: &Map<String, Value>) -> Result<Self, Vec<FieldError>> {
        let faults = Faults::default();
        let read = Self::read_into(body, &faults);
        match (faults.into_vec(), read) {
            (faults, Some(content)) if faults.is_empty() => Ok(content),
            (faults, _) => Err(faults),
        }
    }

    fn read_into(body: &Map<String, Value>, faults: &Faults) -> Option<Self> {
        static ABSENT: Value = Value::Null;
        let field = |name: &str| body.get(name).unwrap_or(&ABSENT);
        let given = At::new("type", field("type"), faults);
        let kind = match given.value() {
            Value::String(kind) => kind.as_str(),
            Value::Null if body.contains_key("template") => "template",
            Value::Null if body.contains_key("text") || body.contains_key("body") => "text",
            Value::Null => {
                given.fault("the kind of message, as in \"text\" or \"template\"");
                return None;
            }
            _ => {
                given.fault("a text, as in \"template\"");
                return None;
            }
        };
        if !field("raw").is_null() {
            let raw = At::new("raw", field("raw"), faults);
            return Session::read_raw(kind, &given, raw, body.contains_key(kind)).map(Self::Session);
        }
        let Some(known) = KINDS.iter().find(|known| **known == kind) else {
            given.fault(format!(
                "one of {}; a type that is newer than this build needs its object under raw",
                KINDS.join(", ")
            ));
            return None;
        };
        let marketing = At::new("marketing_messages", field("marketing_messages"), faults);
        let object = At::new(*known, field(known), faults);
        if *known == "template" {
            let template = TemplateContent::read(object);
            let marketing = Some(marketing)
                .filter(|at| !at.value().is_null())
                .and_then(Marketing::read);
            return template.map(|template| Self::Template(TemplateContent { marketing, ..template }));
        }
        if !marketing.value().is_null() {
            marketing.fault("nothing: only templates go by the Marketing Messages API");
        }
        if *known == "text" && field("text").is_null() {
            let path = if field("body").is_null() { "text.body" } else { "body" };
            let body = At::new(path, field("body"), faults).text(MAX_TEXT)?;
            let preview_url = None;
            return Some(Self::Session(Session::Text(Text { body, preview_url })));
        }
        Session::read(known, object).map(Self::Session)
    }

    /// The stored form: `{"type": …, "<type>": …}`, plus `context` for a quoted reply.
    pub fn to_json(&self, reply_to: Option<&str>) -> Value {
        let mut stored = match self {
            Self::Session(session) => json!({"type": session.kind(), session.kind(): session.object()}),
            Self::Template(template) => template.to_json(),
        };
        if let Some(wamid) = reply_to {
            stored["context"] = json!({"message_id": wamid});
        }
        stored
    }

    /// Whether it may quote another message: a reaction may not, it names one already.
    pub fn may_quote(&self) -> bool {
        !matches!(self, Self::Session(Session::Reaction(_)))
    }
}

impl Session {
    fn read(kind: &'static str, object: At<'_>) -> Option<Self> {
        match kind {
            "text" => Text::read(object).map(Self::Text),
            "location" => Location::read(object).map(Self::Location),
            "contacts" => contacts::read(object).map(Self::Contacts),
            "reaction" => Reaction::read(object).map(Self::Reaction),
            "interactive" => Interactive::read(object).map(|read| Self::Interactive(Box::new(read))),
            media => Media::read(media, object).map(|read| Self::Media(media, read)),
        }
    }

    fn read_raw(kind: &str, given: &At<'_>, raw: At<'_>, has_object: bool) -> Option<Self> {
        let is_name = (1..=64).contains(&kind.len())
            && kind
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !is_name || RESERVED.contains(&kind) {
            given.fault("a type of Meta's: lowercase letters, digits and _");
            return None;
        }
        if kind == "template" {
            raw.fault(
                "nothing: a template is checked against what Meta approved; new components go under template.raw",
            );
            return None;
        }
        if has_object {
            raw.fault(format!("only one of raw and {kind}"));
            return None;
        }
        if !matches!(raw.value(), Value::Object(_) | Value::Array(_)) {
            raw.fault("the object that Meta's messages API takes for this type");
            return None;
        }
        Some(Self::Raw {
            kind: kind.to_owned(),
            object: raw.value().clone(),
        })
    }

    /// Meta's `type`.
    pub fn kind(&self) -> &str {
        match self {
            Self::Text(_) => "text",
            Self::Media(kind, _) => kind,
            Self::Location(_) => "location",
            Self::Contacts(_) => "contacts",
            Self::Reaction(_) => "reaction",
            Self::Interactive(_) => "interactive",
            Self::Raw { kind, .. } => kind,
        }
    }

    /// The object named after the type.
    pub fn object(&self) -> Value {
        let object = match self {
            Self::Text(text) => serde_json::to_value(text),
            Self::Media(_, media) => serde_json::to_value(media),
            Self::Location(location) => serde_json::to_value(location),
            Self::Contacts(contacts) => serde_json::to_value(contacts),
            Self::Reaction(reaction) => serde_json::to_value(reaction),
            Self::Interactive(interactive) => serde_json::to_value(interactive),
            Self::Raw { object, .. } => Ok(object.clone()),
        };
        object.expect("content is plain data, which always serializes")
    }
}

impl TemplateContent {
    fn to_json(&self) -> Value {
        let mut template = json!({"name": self.name, "language": {"code": self.language}});
        if !self.parameters.components().is_empty() {
            template["components"] = Value::Array(self.parameters.components().to_vec());
        }
        let mut stored = json!({"type": "template", "template": template});
        if let Some(marketing) = &self.marketing {
            marketing.write(&mut stored);
        }
        stored
    }

    fn read(at: At<'_>) -> Option<Self> {
        if !at.value().is_object() {
            at.fault("an object, as in {\"name\": \"order_update\", \"language\": {\"code\": \"en_US\"}}");
            return None;
        }
        at.object(|fields| {
            let name = fields.need("name");
            let name = name.text_that(512, is_template_name, "1 to 512 lowercase letters, digits or _");
            let language = match fields.need("language") {
                at if at.value().is_object() => at.object(|fields| {
                    fields.find("policy").and_then(|at| at.word(&["deterministic"]));
                    code(fields.need("code"))
                }),
                at => code(At::new("template.language.code", at.value(), fields.faults())),
            };
            let components = fields
                .find("components")
                .map_or(Some(Vec::new()), components::read_list);
            let raw = fields
                .find("raw")
                .and_then(|at| at.list(1..=16, |item| item.any_object().map(Value::Object)));
            let mut components = components::values(&components?);
            components.extend(raw.unwrap_or_default());
            Some(Self {
                name: name?,
                language: language?,
                parameters: Parameters::of(components),
                marketing: None,
            })
        })
    }

    /// Whether it fits the stored template: its parameters, and the way it shall take.
    ///
    /// # Errors
    /// With the first thing that does not.
    pub fn fit(&self, template: &Template) -> Result<(), Mismatch> {
        if self.marketing.is_some() && template.category != Category::Marketing {
            return Err(Mismatch {
                field: "marketing_messages".to_owned(),
                expected: "a template of the category MARKETING".to_owned(),
                given: template.category.as_str().to_owned(),
            });
        }
        self.parameters.fit(&template.shape)
    }

    /// Reads a stored template message again. What was checked once is not checked again: a message that was accepted under other
    /// limits still goes.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_json(stored: &Value) -> Result<Self, FieldError> {
        let object = &stored["template"];
        let language = match &object["language"] {
            Value::Object(language) => language.get("code").unwrap_or(&Value::Null),
            other => other,
        };
        Ok(Self {
            name: template_name("template.name", &object["name"])?,
            language: language_code("template.language.code", language)?,
            parameters: Parameters::from_components(&object["components"])?,
            marketing: Marketing::from_json(stored),
        })
    }
}

impl Marketing {
    const POLICY: &str = "product_policy";
    const SHARING: &str = "message_activity_sharing";
    const STRICT: &str = "STRICT";
    const FALLBACK: &str = "CLOUD_API_FALLBACK";

    /// Reads `true` or `{"product_policy", "message_activity_sharing"}`; `false` is as good as absent.
    fn read(at: At<'_>) -> Option<Self> {
        match at.value() {
            Value::Bool(false) => None,
            Value::Bool(true) => Some(Self {
                strict: false,
                message_activity_sharing: None,
            }),
            Value::Object(_) => at.object(|fields| {
                let policy = fields.find(Self::POLICY);
                let policy = policy.and_then(|at| at.word(&[Self::FALLBACK, Self::STRICT]));
                let sharing = fields.find(Self::SHARING).and_then(At::flag);
                Some(Self {
                    strict: policy == Some(Self::STRICT),
                    message_activity_sharing: sharing,
                })
            }),
            _ => {
                at.fault("true, or an object, as in {\"product_policy\": \"STRICT\"}");
                None
            }
        }
    }

    /// Reads `marketing_messages` of a request other than for one message.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub fn of_request(field: &str, value: &Value) -> Result<Option<Self>, Vec<FieldError>> {
        let faults = Faults::default();
        let read = Self::read(At::new(field, value, &faults));
        match faults.into_vec() {
            faults if faults.is_empty() => Ok(read),
            faults => Err(faults),
        }
    }

    fn write(self, stored: &mut Value) {
        stored[Self::POLICY] = json!(if self.strict { Self::STRICT } else { Self::FALLBACK });
        if let Some(sharing) = self.message_activity_sharing {
            stored[Self::SHARING] = json!(sharing);
        }
    }

    fn from_json(stored: &Value) -> Option<Self> {
        Some(Self {
            strict: stored[Self::POLICY].as_str()? == Self::STRICT,
            message_activity_sharing: stored[Self::SHARING].as_bool(),
        })
    }
}

fn code(at: At<'_>) -> Option<String> {
    match language_code(at.path(), at.value()) {
        Ok(code) => Some(code),
        Err(error) => {
            at.fault(error.expected);
            None
        }
    }
}

fn is_template_name(name: &str) -> bool {
    name.bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Whether a text can be Meta's id of a message.
pub(crate) fn is_wamid(text: &str) -> bool {
    !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// A template's name: 1 to 512 lowercase letters, digits and `_` (Meta).
pub fn template_name(field: &str, value: &Value) -> Result<String, FieldError> {
    match value.as_str() {
        Some(name) if (1..=512).contains(&name.len()) && is_template_name(name) => Ok(name.to_owned()),
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
mod tests;
