//! One template to many people: `POST /api/v1/messages/whatsapp/broadcast`, or routing key `broadcast`.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::Recipient;
use domain::content::{self, FieldError, Marketing};
use serde_json::{Map, Value};

use super::MAX_RECIPIENTS;
use super::values::{self, SenderName, Times, given};
use super::wrong::Wrong;
use crate::problem::Problem;

const FIELDS: &[&str] = &[
    "recipients",
    "template_name",
    "template_language",
    "from",
    "template_params",
    "marketing_messages",
    "scheduled_at",
    "expires_at",
    "webhook_url",
    "metadata",
];

/// A well-formed broadcast.
#[derive(Debug, Clone, PartialEq)]
pub struct Broadcast {
    /// 1 to 256, all different.
    pub recipients: Vec<Row>,
    /// The template.
    pub template_name: String,
    /// Its language; `None` where it has only one.
    pub template_language: Option<String>,
    /// From which number; `None` leaves the choice to us.
    pub from: Option<SenderName>,
    /// Parameters for rows that have none of their own.
    pub template_params: Option<Value>,
    /// To be sent by Meta's Marketing Messages API.
    pub marketing: Option<Marketing>,
    /// When it may go.
    pub times: Times,
    /// Where the caller wants to hear of it.
    pub webhook_url: Option<String>,
    /// The caller's own, for rows that have none of their own.
    pub metadata: Option<Value>,
}

/// One recipient of a broadcast.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// To whom.
    pub to: Recipient,
    /// Replaces the shared ones as a whole.
    pub template_params: Option<Value>,
    /// Replaces the shared one as a whole.
    pub metadata: Option<Value>,
}

impl Broadcast {
    pub(super) fn read(fields: &Map<String, Value>, now: DateTime<Utc>) -> Result<Self, Problem> {
        let mut wrong = Wrong::default();
        let recipients = recipients(fields.get("recipients").unwrap_or(&Value::Null), &mut wrong);
        let name = fields.get("template_name").unwrap_or(&Value::Null);
        let template_name = wrong.check(content::template_name("template_name", name));
        let template_language = given(fields, "template_language")
            .and_then(|value| wrong.check(content::language_code("template_language", value)));
        let mut from = None;
        if let Some(value) = given(fields, "from") {
            from = wrong.phone(values::sender("from", value));
        }
        let template_params = params(fields, "", &mut wrong);
        let marketing = given(fields, "marketing_messages")
            .and_then(|value| wrong.check_all(Marketing::of_request("marketing_messages", value)))
            .flatten();
        let times = values::times(fields, now, &mut wrong);
        let webhook_url =
            given(fields, "webhook_url").and_then(|value| wrong.check(values::webhook_url("webhook_url", value)));
        let metadata = given(fields, "metadata").and_then(|value| wrong.check(values::metadata("metadata", value)));
        wrong.unknown(fields, FIELDS, "");
        wrong.into_result()?;
        let checked = "a field that could not be read was noted as wrong";
        Ok(Self {
            recipients,
            template_name: template_name.expect(checked),
            template_language,
            from,
            template_params,
            marketing,
            times: times.expect(checked),
            webhook_url,
            metadata,
        })
    }
}

fn recipients(value: &Value, wrong: &mut Wrong) -> Vec<Row> {
    let count = value.as_array().map_or(0, Vec::len);
    let Some(items) = value.as_array().filter(|_| (1..=MAX_RECIPIENTS).contains(&count)) else {
        let expected = format!("a list of 1 to {MAX_RECIPIENTS} recipients, each {{\"to\": \"+15550001111\"}}");
        wrong.add(FieldError::new("recipients", value, expected));
        return Vec::new();
    };
    let mut rows = Vec::with_capacity(items.len());
    let mut seen = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let Some(row) = row(index, item, wrong) else { continue };
        let field = format!("recipients[{index}].to");
        match seen.insert(row.to.clone(), index) {
            None => rows.push(row),
            Some(first) => {
                seen.insert(row.to.clone(), first);
                let expected = format!("each number once; recipients[{first}].to is the same");
                wrong.add(FieldError::new(field, &Value::from(row.to.as_str()), expected));
            }
        }
    }
    rows
}

fn row(index: usize, item: &Value, wrong: &mut Wrong) -> Option<Row> {
    let at = format!("recipients[{index}]");
    let Value::Object(fields) = item else {
        wrong.add(FieldError::new(at, item, "an object, as in {\"to\": \"+15550001111\"}"));
        return None;
    };
    let at = format!("{at}.");
    wrong.unknown(fields, &["to", "template_params", "metadata"], &at);
    let to = wrong.phone(values::recipient(&format!("{at}to"), fields.get("to")));
    let template_params = params(fields, &at, wrong);
    let metadata =
        given(fields, "metadata").and_then(|value| wrong.check(values::metadata(&format!("{at}metadata"), value)));
    Some(Row {
        to: to?,
        template_params,
        metadata,
    })
}

/// Whether they fit is for the template to say, which is not known yet.
fn params(fields: &Map<String, Value>, at: &str, wrong: &mut Wrong) -> Option<Value> {
    match given(fields, "template_params")? {
        value @ (Value::Array(_) | Value::Object(_)) => Some(value.clone()),
        other => {
            wrong.add(FieldError::new(
                format!("{at}template_params"),
                other,
                "a list of values, or an object",
            ));
            None
        }
    }
}
