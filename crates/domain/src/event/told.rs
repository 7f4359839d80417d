//! The form of an event, the same on every way out. Fields are added, never renamed.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::{FlowId, MessageId};

/// One change, as the body of a message on the events exchange, of a webhook, and an item of the list and the stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event<'a> {
    /// The same whenever this event is told again.
    pub id: String,
    /// Its number in the organization, from 1, without gaps.
    pub sequence: i64,
    /// As in [`KINDS`](super::KINDS).
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// When the change was made.
    pub at: DateTime<Utc>,
    /// What changed.
    pub data: Data<'a>,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Data<'a> {
    /// A message.
    Message {
        /// Its id.
        message_id: MessageId,
        /// Its public status from then on.
        status: &'a str,
        /// Why, as a reason code.
        reason: Option<&'a str>,
        /// The broadcast it belongs to.
        broadcast_id: Option<FlowId>,
        /// Only over HTTP: the exchange carries ids and no personal data.
        #[serde(flatten)]
        details: Option<Details<'a>>,
    },
    /// Anything else, as the ledger wrote it down.
    Other(&'a Value),
}

/// What else is known of a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Details<'a> {
    /// The recipient.
    pub to: &'a str,
    /// The sender number.
    pub from: &'a str,
    /// The caller's own.
    pub metadata: &'a Value,
}

impl<'a> Data<'a> {
    /// A message after an event of this kind.
    pub fn message(
        kind: &'a str,
        message_id: MessageId,
        reason: Option<&'a str>,
        broadcast_id: Option<FlowId>,
        details: Option<Details<'a>>,
    ) -> Self {
        Self::Message {
            message_id,
            status: status_of(kind),
            reason,
            broadcast_id,
            details,
        }
    }
}

impl<'a> Event<'a> {
    /// An event of the organization with this slug.
    pub fn new(slug: &str, sequence: i64, kind: &'a str, at: DateTime<Utc>, data: Data<'a>) -> Self {
        Self {
            id: format!("{slug}-{sequence}"),
            sequence,
            kind,
            at,
            data,
        }
    }

    /// `<slug>.<type>`.
    pub fn routing_key(&self, slug: &str) -> String {
        format!("{slug}.{}", self.kind)
    }

    /// The body.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an event is plain data, which always serializes")
    }
}

/// The public status that a kind of event tells of.
fn status_of(kind: &str) -> &str {
    match kind {
        // Told although the status stays.
        "message.fell_back" => "pending",
        _ => kind.strip_prefix("message.").unwrap_or(kind),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn check(kind: &str, data: Data<'_>, expected: &str) {
        let event = Event::new("acme", 7, kind, DateTime::UNIX_EPOCH, data);

        assert_eq!(event.routing_key("acme"), format!("acme.{kind}"));
        let expected =
            format!(r#"{{"id":"acme-7","sequence":7,"type":"{kind}","at":"1970-01-01T00:00:00Z","data":{expected}}}"#);
        assert_eq!(String::from_utf8(event.encode()).unwrap(), expected);
    }

    #[test]
    fn the_form_of_an_event_is_stable() {
        let id = MessageId(Uuid::from_u128(1));
        check(
            "message.failed",
            Data::message("message.failed", id, Some("window_expired"), None, None),
            r#"{"message_id":"00000000-0000-0000-0000-000000000001","status":"failed","reason":"window_expired","broadcast_id":null}"#,
        );
    }

    #[test]
    fn over_http_it_says_more_of_a_message() {
        let metadata = json!({"order": 17});
        let details = Details {
            to: "+16505550100",
            from: "+15550001111",
            metadata: &metadata,
        };
        check(
            "message.sent",
            Data::message("message.sent", MessageId(Uuid::from_u128(1)), None, None, Some(details)),
            r#"{"message_id":"00000000-0000-0000-0000-000000000001","status":"sent","reason":null,"broadcast_id":null,"to":"+16505550100","from":"+15550001111","metadata":{"order":17}}"#,
        );
    }

    #[test]
    fn what_is_not_a_message_is_told_as_it_was_written_down() {
        let data = json!({"phone": "+16505550100", "source": "api"});
        check(
            "contact.opted_out",
            Data::Other(&data),
            r#"{"phone":"+16505550100","source":"api"}"#,
        );
    }
}
