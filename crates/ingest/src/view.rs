//! How what was read of the ledger looks to the public. Pure.

pub(crate) mod campaign;
mod limits;
mod story;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::meta_error::{self, ErrorCategory};
use domain::rules::FlowStatus;
use domain::rules::window::{Standing, Window};
use domain::{PublicStatus, Reason, Recipient, State};
use serde::Deserialize;
use serde_json::{Value, json};
use store::inbound::InboundView;
use store::queries::{AttemptView, BroadcastView, FallbackView, MessageView};

use crate::answer::{optional_timestamp, timestamp};

pub use limits::limits;
pub use story::story;

/// A message with everything that happened to it.
pub fn message(message: &MessageView, now: DateTime<Utc>) -> Value {
    let status = message.status(now);
    json!({
        "id": message.id,
        "status": status,
        "reason": message.reason.as_ref().map(reason),
        "channel": "whatsapp",
        "mode": mode(message.test),
        "to": message.to,
        "from": message.from,
        "type": content(message).and_then(kind),
        "fallback": message.fallback.as_ref().map(fallback),
        "broadcast_id": message.flow,
        "created_at": timestamp(message.created_at()),
        "scheduled_at": optional_timestamp(message.scheduled_at),
        "expires_at": timestamp(message.expires_at),
        "timestamps": timestamps(message),
        "wamid": message.wamid,
        "metadata": message.metadata,
        "flags": message.flags,
        "attempts": message.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "error": (status == PublicStatus::Failed).then(|| error(message)),
    })
}

/// Whether a message goes to Meta or to a stand-in.
pub fn mode(test: bool) -> &'static str {
    if test { "test" } else { "live" }
}

/// A message of a person: who, when, to which number, and what it says.
pub fn inbound(message: &InboundView) -> Value {
    let phone = Some(&message.person).filter(|person| person.starts_with('+'));
    let mut public = domain::inbound::said(&message.content);
    let envelope = json!({
        "id": message.id,
        "wamid": message.wamid,
        "from": phone,
        "user_id": message.user_id,
        "to": message.to,
        "phone_number_id": message.phone_number_id,
        "at": timestamp(message.at),
        "received_at": timestamp(message.received_at),
        "read_at": optional_timestamp(message.read_at),
    });
    for (name, value) in envelope.as_object().into_iter().flatten() {
        public[name] = value.clone();
    }
    public
}

fn reason(reason: &Reason) -> Value {
    json!({"code": reason.code(), "message": reason.sentence()})
}

/// What it says: from the moment it fell back, its template.
fn content(message: &MessageView) -> Option<&str> {
    let taken = message.fallback.as_ref().filter(|fallback| fallback.taken.is_some());
    taken
        .map(|fallback| fallback.content.as_str())
        .or(message.content.as_deref())
}

/// The template that a session message falls back to, and whether it did.
pub fn fallback(fallback: &FallbackView) -> Value {
    let content: Value = serde_json::from_str(&fallback.content).unwrap_or_default();
    let template = &content["template"];
    let taken = fallback.taken.as_ref();
    json!({
        "template": {"name": template["name"], "language": template["language"]["code"]},
        "taken_at": optional_timestamp(taken.map(|(at, _)| *at)),
        "reason": taken.map(|(_, why)| reason(why)),
    })
}

fn kind(content: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Typed {
        r#type: String,
    }
    serde_json::from_str::<Typed>(content)
        .ok()
        .map(|content| content.r#type)
}

fn timestamps(message: &MessageView) -> Value {
    let told = |words: &[&str]| {
        let event = message
            .events
            .iter()
            .find(|event| words.contains(&event.status.as_str()));
        event.map(|event| event.at)
    };
    // Where the answer to the POST was lost, the first webhook is what proves acceptance.
    let answered = message.attempts.iter().find(|attempt| attempt.outcome == "accepted");
    let accepted = answered
        .map(|attempt| attempt.ended_at)
        .or_else(|| message.events.first().map(|event| event.at));
    let failed = (message.state == State::Failed).then_some(message.changed_at);
    json!({
        "accepted_at": optional_timestamp(accepted),
        "sent_at": optional_timestamp(told(&["sent"])),
        "delivered_at": optional_timestamp(told(&["delivered"])),
        "read_at": optional_timestamp(told(&["read", "played"])),
        "failed_at": optional_timestamp(told(&["failed"]).or(failed)),
    })
}

fn attempt(attempt: &AttemptView) -> Value {
    json!({
        "attempt": attempt.attempt,
        "slot": timestamp(attempt.slot),
        "ended_at": timestamp(attempt.ended_at),
        "post_ms": attempt.post_ms,
        "outcome": attempt.outcome,
        "http_status": attempt.http_status,
        "error": attempt.error,
    })
}

/// Why a message failed: Meta's code where Meta said no, ours where a gate did.
fn error(message: &MessageView) -> Value {
    let last = message.events.iter().rev().find(|event| event.status == "failed");
    let told = last.and_then(|event| event.errors.as_ref()?.get(0)?.get("code")?.as_i64());
    match (&message.reason, told) {
        (Some(Reason::Meta(code)), _) => of_meta(*code),
        (Some(reason), _) => of_gate(reason),
        (None, Some(code)) => of_meta(code),
        (None, None) => Value::Null,
    }
}

fn of_meta(code: i64) -> Value {
    let known = meta_error::lookup(code);
    json!({
        "code": code.to_string(),
        "title": known.title,
        "category": known.category.as_str(),
        "retriable": known.retriable(),
        "advice": known.advice,
    })
}

fn of_gate(reason: &Reason) -> Value {
    let code = reason.code();
    let (category, retriable) = match reason {
        Reason::TemplateNotFound | Reason::TemplateNotApproved | Reason::TemplatePaused => {
            (ErrorCategory::Template, true)
        }
        Reason::TemplateParameterMismatch => (ErrorCategory::Template, false),
        Reason::WindowExpired | Reason::NoInboundHistory => (ErrorCategory::Window, false),
        Reason::OptedOut => (ErrorCategory::Recipient, false),
        Reason::FrequencyCap => (ErrorCategory::Recipient, true),
        Reason::QuotaExceeded => (ErrorCategory::Account, true),
        Reason::InsufficientBalance => (ErrorCategory::Account, true),
        Reason::TierLimit | Reason::Throughput | Reason::PairLimit => (ErrorCategory::Throttle, true),
        Reason::SenderNotFound | Reason::SenderNotConnected | Reason::SenderPaused | Reason::AccountRestricted => {
            (ErrorCategory::Account, true)
        }
        Reason::NotSent => (ErrorCategory::Service, true),
        _ => (ErrorCategory::Other, false),
    };
    json!({
        "code": code,
        "title": code.replace('_', " "),
        "category": category.as_str(),
        "retriable": retriable,
        "advice": reason.sentence(),
    })
}

/// The check before a session message is written.
pub fn window(to: &Recipient, from: Option<&str>, window: Window, now: DateTime<Utc>) -> Value {
    let standing = window.standing(now);
    let ends_at = match standing {
        Standing::Within { until } => Some(until),
        Standing::Expired { at } => Some(at),
        Standing::NoInboundHistory => None,
    };
    json!({
        "to": to,
        "from": from,
        "within_window": matches!(standing, Standing::Within { .. }),
        "reason": standing.code(),
        "last_inbound_at": optional_timestamp(window.last_inbound_at),
        "hours_since_last_inbound": window.last_inbound_at.map(|at| hours(now - at)),
        "window_expires_at": optional_timestamp(ends_at),
    })
}

/// Hours with two decimals; what is a moment ahead of our clock is now.
#[expect(clippy::cast_precision_loss, reason = "hundredths of hours are far below 2^52")]
fn hours(span: TimeDelta) -> f64 {
    (span.num_seconds().max(0) / 36) as f64 / 100.0
}

/// How far a broadcast is.
pub fn broadcast(broadcast: &BroadcastView, now: DateTime<Utc>) -> Value {
    let (mut counts, mut reasons) = (BTreeMap::new(), BTreeMap::new());
    let (mut total, mut under_way) = (0, 0);
    for count in &broadcast.counts {
        total += count.rows;
        *counts.entry(count.status.as_str()).or_insert(0) += count.rows;
        if is_under_way(count.status) {
            under_way += count.rows;
        }
        if let Some(reason) = &count.reason {
            *reasons.entry(reason.code().into_owned()).or_insert(0) += count.rows;
        }
    }
    let status = match broadcast.status {
        FlowStatus::Canceled => "canceled",
        _ if under_way == 0 => "completed",
        FlowStatus::Paused => "paused",
        FlowStatus::Running if broadcast.starts_at > now => "scheduled",
        FlowStatus::Running => "running",
    };
    json!({
        "broadcast_id": broadcast.id,
        "status": status,
        "from": broadcast.from,
        "created_at": timestamp(broadcast.created_at),
        "starts_at": timestamp(broadcast.starts_at),
        "completed_at": optional_timestamp(broadcast.completed_at),
        "total": total,
        "left": under_way,
        "counts": counts,
        "reasons": reasons,
    })
}

/// Whether the pipeline still has to do with a message of this status.
fn is_under_way(status: PublicStatus) -> bool {
    use PublicStatus::{Pending, Scheduled, Sending, Uncertain};
    matches!(status, Scheduled | Pending | Sending | Uncertain)
}
