//! The body of a POST to `/messages`: its shape, without any state.
//!
//! Checked in the order of a careful reader: JSON, envelope, addressee, content. Lenient where Meta's rule is not
//! documented, so that the simulator never refuses what Meta would take.

use serde_json::Value;

use crate::graph_error::GraphError;

mod components;
mod content;
mod free_form;
mod interactive;
mod media;
mod recipient;
mod schema;

pub(crate) use content::{Content, TemplateUse};
pub(crate) use recipient::Recipient;

/// Meta echoes this many characters of `biz_opaque_callback_data` at most.
const OPAQUE_MOST: usize = 512;

/// A well-formed body.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one is read, judged and dropped; nearly all of them are messages"
)]
pub(crate) enum Request {
    /// Mark an inbound message as read.
    ReadMark,
    /// Send something.
    Send(Message),
}

/// A well-formed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) to: Recipient,
    pub(crate) content: Content,
    /// Ids of the files that it names.
    pub(crate) media: Vec<String>,
    /// `biz_opaque_callback_data`.
    pub(crate) opaque: Option<String>,
    /// It came by the Marketing Messages API.
    pub(crate) marketing: bool,
}

impl Request {
    /// The request as it came by `/messages` or, `marketing`, by `/marketing_messages`, which takes templates only.
    ///
    /// # Errors
    /// Code 100 for what is no template.
    pub(crate) fn by(self, marketing: bool) -> Result<Self, GraphError> {
        match self {
            Self::Send(message) if marketing => match message.content {
                Content::Template(_) => Ok(Self::Send(Message { marketing, ..message })),
                Content::FreeForm | Content::Reaction => {
                    Err(GraphError::invalid("The Marketing Messages API takes templates only."))
                }
            },
            Self::ReadMark if marketing => Err(GraphError::invalid("Unexpected key \"status\"")),
            other => Ok(other),
        }
    }
}

/// Reads and checks a body.
///
/// # Errors
/// Code 100, 131008 or 131009, with details that name the parameter.
pub(crate) fn parse(body: &[u8]) -> Result<Request, GraphError> {
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(body) else {
        return Err(GraphError::invalid("The request body is not a JSON object."));
    };
    let body = Value::Object(fields);
    match body["messaging_product"].as_str() {
        Some("whatsapp") => {}
        Some(_) => return Err(GraphError::invalid("Param messaging_product must be one of {WHATSAPP}")),
        None => return Err(GraphError::invalid("The parameter messaging_product is required.")),
    }
    if let Some(status) = body.get("status") {
        return read_mark(status, &body);
    }
    check_envelope(&body)?;
    Ok(Request::Send(Message {
        to: Recipient::of(&body)?,
        content: content::of(&body)?,
        media: media::ids(&body),
        opaque: opaque(&body)?,
        marketing: false,
    }))
}

/// Whether Meta would take the shape of this body for `/messages`; the code and the words of its refusal otherwise. Whether the template
/// exists and the window is open are not asked here.
///
/// # Errors
/// With Meta's code and what is wrong.
pub fn validate(body: &[u8]) -> Result<(), (i64, String)> {
    parse(body).map(|_| ()).map_err(|error| (error.code, error.to_string()))
}

fn read_mark(status: &Value, body: &Value) -> Result<Request, GraphError> {
    if status != "read" {
        return Err(GraphError::bad_value("Param status must be one of {READ}"));
    }
    match body["message_id"].as_str() {
        Some(id) if !id.is_empty() => Ok(Request::ReadMark),
        _ => Err(GraphError::missing("message_id")),
    }
}

fn check_envelope(body: &Value) -> Result<(), GraphError> {
    if let Some(kind) = body.get("recipient_type")
        && !matches!(kind.as_str(), Some("individual" | "group"))
    {
        return Err(GraphError::bad_value(
            "Param recipient_type must be one of {INDIVIDUAL, GROUP}",
        ));
    }
    // Only Direct Send (its mark is `category`) may set the time to live of one message.
    if body.get("ttl_seconds").is_some() && body.get("category").is_none() {
        return Err(GraphError::invalid("Unexpected key \"ttl_seconds\""));
    }
    if let Some(context) = body.get("context")
        && context["message_id"].as_str().is_none_or(str::is_empty)
    {
        return Err(GraphError::missing("context.message_id"));
    }
    Ok(())
}

fn opaque(body: &Value) -> Result<Option<String>, GraphError> {
    match body.get("biz_opaque_callback_data") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= OPAQUE_MOST => Ok(Some(text.clone())),
        Some(_) => Err(GraphError::invalid(format!(
            "Param biz_opaque_callback_data must be a string of at most {OPAQUE_MOST} characters."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text() -> Value {
        json!({
            "messaging_product": "whatsapp",
            "to": "+1 (415) 555-0100",
            "type": "text",
            "text": { "body": "hello" },
            "biz_opaque_callback_data": "1.a.1.m",
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut body = text();
        body[field] = value;
        body
    }

    #[track_caller]
    fn check(body: &Value, expect: Result<(), i64>) {
        let got = parse(body.to_string().as_bytes());
        assert_eq!(
            got.as_ref().map(|_| ()).map_err(|error| error.code),
            expect,
            "{body} gave {got:?}"
        );
    }

    #[test]
    fn a_text_is_read_as_sent() {
        let Ok(Request::Send(message)) = parse(text().to_string().as_bytes()) else {
            panic!("a text message")
        };

        assert_eq!(message.opaque.as_deref(), Some("1.a.1.m"));
        assert_eq!(message.content, Content::FreeForm);
        assert_eq!(
            message.to,
            Recipient::Phone {
                input: "+1 (415) 555-0100".into(),
                digits: "14155550100".into(),
                plus: true
            }
        );
    }

    #[test]
    fn envelopes_are_checked_as_meta_checks_them() {
        check(&text(), Ok(()));
        check(&with("messaging_product", Value::Null), Err(100));
        check(&with("messaging_product", json!("sms")), Err(100));
        check(&with("to", Value::Null), Err(131_008));
        check(&with("to", json!("hello")), Err(131_009));
        check(&with("type", json!("telepathy")), Err(100));
        check(&with("text", json!({})), Err(131_008));
        check(&with("text", json!({ "body": "x".repeat(4096) })), Ok(()));
        check(&with("text", json!({ "body": "x".repeat(4097) })), Err(100));
        check(&with("biz_opaque_callback_data", json!("x".repeat(512))), Ok(()));
        check(&with("biz_opaque_callback_data", json!("x".repeat(513))), Err(100));
        check(&with("ttl_seconds", json!(60)), Err(100));
        check(&with("recipient_type", json!("crowd")), Err(131_009));
        check(&with("context", json!({})), Err(131_008));
        check(&json!([1, 2]), Err(100));
    }

    #[test]
    fn a_body_that_is_not_json_is_an_invalid_parameter() {
        assert_eq!(parse(b"{\"messaging_product\": ").unwrap_err().code, 100);
    }

    #[test]
    fn a_read_mark_names_its_message() {
        let mark = json!({ "messaging_product": "whatsapp", "status": "read", "message_id": "wamid.IN" });
        assert_eq!(parse(mark.to_string().as_bytes()).unwrap(), Request::ReadMark);

        check(
            &json!({ "messaging_product": "whatsapp", "status": "read" }),
            Err(131_008),
        );
        check(
            &json!({ "messaging_product": "whatsapp", "status": "seen", "message_id": "x" }),
            Err(131_009),
        );
    }
}
