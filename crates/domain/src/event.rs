//! What others can be told: every kind of event, with what it says.
//!
//! The same on every way out: the events exchange, `GET /api/v1/events` and its stream, and webhooks. A test provokes each kind and
//! compares its fields with this table.

mod told;

use std::fmt;

pub use told::{Data, Details, Event};

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// `<subject>.<what happened>`.
    pub name: &'static str,
    /// When it is told, one line.
    pub when: &'static str,
    /// The fields of its `data`, all of them always there; what does not apply is null.
    pub fields: &'static [&'static str],
}

const MESSAGE: &[&str] = &["message_id", "status", "reason", "broadcast_id"];
const BROADCAST: &[&str] = &["broadcast_id", "status", "total", "from"];
const BROADCAST_END: &[&str] = &["broadcast_id", "status", "total", "from", "counts"];
const CAMPAIGN: &[&str] = &["campaign_id", "name", "status", "audience", "reason", "starts_at"];
const NUMBER: &[&str] = &["phone_number_id", "phone", "status", "throughput"];
const NUMBER_CHANGE: &[&str] = &["phone_number_id", "phone", "status", "throughput", "before"];
const ACCOUNT: &[&str] = &["waba_id", "until"];
const TEMPLATE: &[&str] = &["waba_id", "name", "language", "status", "category", "quality"];
const TEMPLATE_CHANGE: &[&str] = &["waba_id", "name", "language", "status", "category", "quality", "before"];
const ENDPOINT: &[&str] = &["endpoint_id", "url", "reason", "failing_since"];
const CONTACT: &[&str] = &["phone", "source"];

/// Every kind, by subject.
pub const KINDS: &[Kind] = &[
    kind(
        "message.scheduled",
        "it was accepted, and its time is yet to come",
        MESSAGE,
    ),
    kind(
        "message.pending",
        "it was accepted, or its time has come; it waits for its turn",
        MESSAGE,
    ),
    kind(
        "message.fell_back",
        "its service window is closed, so it goes as its fallback template; it waits for its turn",
        MESSAGE,
    ),
    kind("message.sending", "an attempt is under way", MESSAGE),
    kind("message.uncertain", "whether Meta took it is not known yet", MESSAGE),
    kind("message.accepted", "Meta took it", MESSAGE),
    kind("message.sent", "Meta sent it on", MESSAGE),
    kind("message.delivered", "it is on the person's phone", MESSAGE),
    kind("message.read", "the person read it", MESSAGE),
    kind(
        "message.failed",
        "a gate or Meta refused it; the reason says why",
        MESSAGE,
    ),
    kind("message.expired", "it was not sent in time", MESSAGE),
    kind("message.canceled", "it was canceled before it was handed over", MESSAGE),
    kind("message.unknown", "whether Meta took it could not be learned", MESSAGE),
    kind("broadcast.created", "a broadcast was accepted", BROADCAST),
    kind("broadcast.paused", "its messages wait until it is resumed", BROADCAST),
    kind("broadcast.resumed", "its messages go again", BROADCAST),
    kind("broadcast.canceled", "what was not handed over never goes", BROADCAST),
    kind(
        "broadcast.completed",
        "every message has left the pipeline; counts says how many have which status",
        BROADCAST_END,
    ),
    kind("campaign.created", "a campaign was drafted", CAMPAIGN),
    kind("campaign.scheduled", "it will start at its time", CAMPAIGN),
    kind("campaign.rescheduled", "it will start at another time", CAMPAIGN),
    kind("campaign.started", "its messages go", CAMPAIGN),
    kind(
        "campaign.paused",
        "its messages wait; the reason is null where an operator said so",
        CAMPAIGN,
    ),
    kind("campaign.resumed", "its messages go again", CAMPAIGN),
    kind("campaign.done", "every message has left the pipeline", CAMPAIGN),
    kind("campaign.canceled", "what was not handed over never goes", CAMPAIGN),
    kind("number.created", "a sender number was declared", NUMBER),
    kind(
        "number.status_changed",
        "Meta or an operator changed whether it may send",
        NUMBER_CHANGE,
    ),
    kind(
        "number.throughput_changed",
        "it may send more or fewer messages per second",
        NUMBER_CHANGE,
    ),
    kind(
        "number.paused",
        "it sends nothing until then; null is until it is resumed",
        &["phone_number_id", "phone", "until", "reason"],
    ),
    kind(
        "number.resumed",
        "a pause was lifted before its end",
        &["phone_number_id", "phone"],
    ),
    kind(
        "limit.changed",
        "a messaging limit was raised or lowered; null is unlimited",
        &["scope", "limit", "before", "used"],
    ),
    kind(
        "account.restricted",
        "Meta restricts a WABA; null is until Meta lifts it",
        ACCOUNT,
    ),
    kind("account.unrestricted", "the restriction was lifted", ACCOUNT),
    kind("template.created", "a template was declared or found at Meta", TEMPLATE),
    kind(
        "template.edited",
        "its text, buttons or other components changed",
        TEMPLATE,
    ),
    kind(
        "template.status_changed",
        "approved, paused, disabled and so on",
        TEMPLATE_CHANGE,
    ),
    kind(
        "template.category_changed",
        "Meta moved it to another category, and so to another price",
        TEMPLATE_CHANGE,
    ),
    kind(
        "template.quality_changed",
        "people's reactions changed its quality",
        TEMPLATE_CHANGE,
    ),
    kind("template.deleted", "it is gone", TEMPLATE),
    kind(
        "contact.opted_out",
        "a person is not written to any more; source says whose word it is",
        CONTACT,
    ),
    kind("contact.opted_in", "that was taken back", CONTACT),
    kind(
        "webhook_endpoint.disabled",
        "an endpoint of yours gets nothing any more",
        ENDPOINT,
    ),
    kind("webhook_endpoint.enabled", "it does again", ENDPOINT),
    kind(
        TEST,
        "somebody asked for a test; only the endpoint itself gets it as a webhook",
        &["endpoint_id"],
    ),
    kind(
        "inbound.received",
        "a person wrote",
        &[
            "inbound_id",
            "wamid",
            "from",
            "user_id",
            "to",
            "phone_number_id",
            "type",
            "at",
            "content",
        ],
    ),
];

/// A test, told to the endpoint that asked for it.
pub const TEST: &str = "webhook_endpoint.test";

const fn kind(name: &'static str, when: &'static str, fields: &'static [&'static str]) -> Kind {
    Kind { name, when, fields }
}

/// Why a word is no filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a kind of event as in message.delivered, a subject as in message.*, or * for all")]
pub struct NoFilter;

/// Which events somebody wants to hear: all, a subject's, or one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// Reads `*`, `message.*` or `message.delivered`.
    ///
    /// # Errors
    /// When nothing that is ever told matches it.
    pub fn parse(text: &str) -> Result<Self, NoFilter> {
        let filter = Self(text.to_owned());
        let is_known = KINDS.iter().any(|kind| filter.matches(kind.name));
        if is_known { Ok(filter) } else { Err(NoFilter) }
    }

    /// Whether an event of this kind is wanted.
    pub fn matches(&self, kind: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some("") => true,
            Some(subject) if subject.ends_with('.') => kind.starts_with(subject),
            _ => kind == self.0,
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PublicStatus;

    #[test]
    fn every_status_of_a_message_has_its_event() {
        let mut told: Vec<&str> = KINDS
            .iter()
            .filter_map(|kind| kind.name.strip_prefix("message."))
            // That a message goes as its fallback is no status of it.
            .filter(|name| *name != "fell_back")
            .collect();
        let mut known: Vec<&str> = PublicStatus::ALL.iter().map(|status| status.as_str()).collect();
        told.sort_unstable();
        known.sort_unstable();

        assert_eq!(told, known);
    }

    #[test]
    fn a_filter_wants_all_a_subject_or_a_kind() {
        for (text, wanted, unwanted) in [
            ("*", "message.read", None),
            ("message.*", "message.read", Some("number.paused")),
            ("message.read", "message.read", Some("message.sent")),
            ("campaign.*", "campaign.started", Some("message.read")),
        ] {
            let filter = Filter::parse(text).unwrap();
            assert!(filter.matches(wanted), "{text}");
            assert!(unwanted.is_none_or(|kind| !filter.matches(kind)), "{text}");
        }
    }

    #[test]
    fn what_is_never_told_is_no_filter() {
        for text in [
            "",
            "message",
            "message.",
            "message.rea*",
            "messages.*",
            "message.opened",
            "**",
            "Message.read",
            "campaign.",
        ] {
            assert_eq!(Filter::parse(text), Err(NoFilter), "{text}");
        }
    }
}
