//! What an event says to others. Fields are added, never renamed.

use chrono::{DateTime, Utc};
use domain::{FlowId, MessageId};
use serde::Serialize;
use store::events::Change;

/// One change, as the body of a message on the events exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event<'a> {
    /// The same whenever this event is told again.
    pub id: String,
    /// Its number in the organization, from 1, without gaps.
    pub sequence: i64,
    /// `message.<status>`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// When the change was made.
    pub at: DateTime<Utc>,
    /// What changed.
    pub data: Data<'a>,
}

/// The message that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Data<'a> {
    /// Its id.
    pub message_id: MessageId,
    /// Its public status from then on.
    pub status: &'a str,
    /// Why, as a reason code.
    pub reason: Option<&'a str>,
    /// The broadcast it belongs to.
    pub broadcast_id: Option<FlowId>,
}

impl<'a> Event<'a> {
    /// A change of the organization with this slug.
    pub fn new(slug: &str, change: &'a Change) -> Self {
        Self {
            id: format!("{slug}-{}", change.sequence),
            sequence: change.sequence,
            kind: &change.kind,
            at: change.at,
            data: Data {
                message_id: change.message,
                status: change.kind.strip_prefix("message.").unwrap_or(&change.kind),
                reason: change.reason.as_deref(),
                broadcast_id: change.flow,
            },
        }
    }

    /// `<slug>.message.<status>`.
    pub fn routing_key(&self, slug: &str) -> String {
        format!("{slug}.{}", self.kind)
    }

    /// The body.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an event is plain data, which always serializes")
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_form_of_an_event_is_stable() {
        let change = Change {
            sequence: 7,
            at: DateTime::UNIX_EPOCH,
            kind: "message.failed".to_owned(),
            message: MessageId(Uuid::from_u128(1)),
            reason: Some("window_expired".to_owned()),
            flow: None,
        };

        let event = Event::new("acme", &change);

        assert_eq!(event.routing_key("acme"), "acme.message.failed");
        assert_eq!(
            String::from_utf8(event.encode()).unwrap(),
            r#"{"id":"acme-7","sequence":7,"type":"message.failed","at":"1970-01-01T00:00:00Z","data":{"message_id":"00000000-0000-0000-0000-000000000001","status":"failed","reason":"window_expired","broadcast_id":null}}"#
        );
    }
}
