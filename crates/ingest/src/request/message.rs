//! One message: `POST /api/v1/messages/whatsapp`, or routing key `message`.

use chrono::{DateTime, Utc};
use domain::content::{self, FieldError, TemplateContent};
use domain::{Content, Lane, Recipient};
use serde_json::{Map, Value};

use super::values::{self, SenderName, Times, given};
use super::wrong::Wrong;
use crate::problem::Problem;

const FIELDS: &[&str] = &[
    "to",
    "from",
    "type",
    "context",
    "scheduled_at",
    "expires_at",
    "priority",
    "on_uncertain",
    "fallback_template",
    "webhook_url",
    "metadata",
];

/// A well-formed message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// To whom.
    pub to: Recipient,
    /// From which number; `None` leaves the choice to us.
    pub from: Option<SenderName>,
    /// What it says.
    pub content: Content,
    /// The template to send should the service window be closed; only of a session message.
    pub fallback: Option<TemplateContent>,
    /// The message it quotes.
    pub reply_to: Option<String>,
    /// When it may go.
    pub times: Times,
    /// Single messages go in the fast lane, unless the caller says `low`.
    pub lane: Lane,
    /// Send again when the outcome stays unknown.
    pub resend: bool,
    /// Where the caller wants to hear of it.
    pub webhook_url: Option<String>,
    /// The caller's own.
    pub metadata: Option<Value>,
}

impl Message {
    pub(super) fn read(fields: &Map<String, Value>, now: DateTime<Utc>) -> Result<Self, Problem> {
        let mut wrong = Wrong::default();
        let to = wrong.phone(values::recipient("to", fields.get("to")));
        let mut from = None;
        if let Some(value) = given(fields, "from") {
            from = wrong.phone(values::sender("from", value));
        }
        let content = wrong.check_all(Content::read(fields));
        let fallback =
            given(fields, "fallback_template").and_then(|value| wrong.check_all(fallback(value, content.as_ref())));
        let times = values::times(fields, now, &mut wrong);
        let reply_to = given(fields, "context").and_then(|value| context(value, &mut wrong));
        if let (Some(content), Some(quoted)) = (&content, given(fields, "context"))
            && !content.may_quote()
        {
            let expected = "nothing: a reaction names its message in reaction.message_id";
            wrong.add(FieldError::new("context", quoted, expected));
        }
        let lanes = [("high", Lane::Rt), ("normal", Lane::Rt), ("low", Lane::Bulk)];
        let lane = given(fields, "priority").and_then(|value| wrong.check(values::word("priority", value, &lanes)));
        let choices = [("hold", false), ("resend", true)];
        let resend =
            given(fields, "on_uncertain").and_then(|value| wrong.check(values::word("on_uncertain", value, &choices)));
        let webhook_url =
            given(fields, "webhook_url").and_then(|value| wrong.check(values::webhook_url("webhook_url", value)));
        let metadata = given(fields, "metadata").and_then(|value| wrong.check(values::metadata("metadata", value)));
        wrong.unknown(fields, &known(fields), "");
        wrong.into_result()?;
        let checked = "a field that could not be read was noted as wrong";
        Ok(Self {
            to: to.expect(checked),
            from,
            content: content.expect(checked),
            fallback,
            reply_to,
            times: times.expect(checked),
            lane: lane.unwrap_or(Lane::Rt),
            resend: resend.unwrap_or(false),
            webhook_url,
            metadata,
        })
    }
}

/// The fields of a message of its type. Without a type, those from which it could be told.
fn known(fields: &Map<String, Value>) -> Vec<&str> {
    let content: &[&str] = match fields.get("type").and_then(Value::as_str) {
        Some("text") => &["text", "body"],
        Some(kind) => &[kind],
        None => &["text", "body", "template"],
    };
    [FIELDS, &["raw", "marketing_messages"], content].concat()
}

/// Reads the same object as `template` has.
fn fallback(value: &Value, content: Option<&Content>) -> Result<TemplateContent, Vec<FieldError>> {
    if matches!(content, Some(Content::Template(_))) {
        let expected = "none: the message is a template itself, which needs no open window";
        return Err(vec![FieldError::new("fallback_template", value, expected)]);
    }
    let body = Map::from_iter([("template".to_owned(), value.clone())]);
    match Content::read(&body) {
        Ok(Content::Template(template)) => Ok(template),
        Ok(Content::Session(_)) => Err(vec![FieldError::new("fallback_template", value, "a template")]),
        Err(wrong) => Err(wrong.into_iter().map(of_fallback).collect()),
    }
}

fn of_fallback(wrong: FieldError) -> FieldError {
    FieldError {
        field: format!("fallback_{}", wrong.field),
        ..wrong
    }
}

fn context(value: &Value, wrong: &mut Wrong) -> Option<String> {
    let Value::Object(context) = value else {
        let expected = "an object, as in {\"message_id\": \"wamid.…\"}";
        wrong.add(FieldError::new("context", value, expected));
        return None;
    };
    wrong.unknown(context, &["message_id"], "context.");
    let id = context.get("message_id").unwrap_or(&Value::Null);
    match id.as_str() {
        Some(id) if (1..=content::MAX_WAMID).contains(&id.len()) => Some(id.to_owned()),
        _ => {
            wrong.add(FieldError::new(
                "context.message_id",
                id,
                "Meta's id of the message to quote, as in wamid.…",
            ));
            None
        }
    }
}
