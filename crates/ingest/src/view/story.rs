//! The story of a message, in order: accepted, the rules as they would decide now, waits, attempts, webhooks, what comes next. Pure.

use chrono::{DateTime, Utc};
use domain::rules::{self, Step, Verdict};
use domain::{State, hold, story};
use serde_json::{Value, json};
use store::queries::{AttemptView, EventView, Story};

use super::{fallback, mode, of_meta, reason};
use crate::answer::{optional_timestamp, timestamp};

/// Everything that is recorded of a message, and what the rules say to it now.
pub fn story(told: &Story, now: DateTime<Utc>) -> Value {
    let message = &told.message;
    let next = story::next(&told.standing);
    json!({
        "message_id": message.id,
        "status": message.status(now),
        "reason": message.reason.as_ref().map(reason),
        "accepted": {
            "at": timestamp(message.created_at()),
            "as": if message.flow.is_some() { "broadcast" } else { "message" },
            "broadcast_id": message.flow,
            "to": message.to,
            "from": message.from,
            "mode": mode(message.test),
            "flags": message.flags,
            "scheduled_at": optional_timestamp(message.scheduled_at),
            "expires_at": timestamp(message.expires_at),
        },
        "flow": told.flow.as_ref().map(|flow| json!({
            "status": flow.status.as_str(),
            "starts_at": timestamp(flow.starts_at),
            "place": flow.seq,
            "released": flow.released_seq,
            "rows": flow.last_seq,
        })),
        "fallback": message.fallback.as_ref().map(fallback),
        "rules": rules(told),
        "waiting": waiting(told),
        "attempts": message.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "open_attempt": open_attempt(told),
        "hold": hold(told),
        "webhooks": message.events.iter().map(webhook).collect::<Vec<_>>(),
        "changed_at": timestamp(message.changed_at),
        "next": {
            "what": next.code(),
            "at": optional_timestamp(told.standing.wake_at),
            "rows_before": next.rows_before(),
            "sentence": next.sentence(),
        },
    })
}

/// Every rule in order. A message that was handed over passed them once; these are the facts of today.
fn rules(told: &Story) -> Value {
    let (steps, unreadable) = match &told.facts {
        Ok(facts) => (rules::trace(facts, told.read_at), None),
        Err(why) => (Vec::new(), Some(why.to_string())),
    };
    json!({
        "facts_at": timestamp(told.read_at),
        "note": "The facts are those of now, not of an earlier decision. Pace, pair rate and messaging limit are counted at the claim.",
        "unreadable": unreadable,
        "decided": decided(told),
        "steps": steps.iter().map(step).collect::<Vec<_>>(),
    })
}

/// The no that is on record: a gate's last word on the message, whatever it would say today. Also of gates that only the door asks
/// (quota), and of those that count at the claim.
fn decided(told: &Story) -> Value {
    let message = &told.message;
    let Some((why, gate)) = message.reason.as_ref().and_then(|why| Some((why, why.gate()?))) else {
        return Value::Null;
    };
    json!({
        "rule": gate,
        "verdict": if message.state.is_final() { "refuse" } else { "wait" },
        "reason": why.code(),
        "sentence": why.sentence(),
        "at": timestamp(message.changed_at),
        "flags": message.flags,
    })
}

fn step(step: &Step) -> Value {
    let (verdict, until, reason) = match &step.no {
        None | Some(Verdict::Send) => ("pass", None, None),
        Some(Verdict::Defer { until, reason }) => ("wait", *until, Some(reason)),
        Some(Verdict::FallBack { reason }) => ("fall_back", None, Some(reason)),
        Some(Verdict::Drop { reason }) => ("refuse", None, Some(reason)),
    };
    json!({
        "rule": step.rule,
        "verdict": verdict,
        "reason": reason.map(|reason| reason.code()),
        "until": optional_timestamp(until),
        "facts": step.facts,
    })
}

/// Why it waits, while it does.
fn waiting(told: &Story) -> Value {
    let message = &told.message;
    match (&message.reason, message.state) {
        (Some(why), State::Parked) => json!({
            "since": timestamp(message.changed_at),
            "until": optional_timestamp(told.standing.wake_at),
            "reason": why.code(),
            "sentence": why.sentence(),
            "refused_attempts": told.failures,
        }),
        _ => Value::Null,
    }
}

fn attempt(attempt: &AttemptView) -> Value {
    let code = attempt.error.as_ref().and_then(|error| error["code"].as_i64());
    json!({
        "attempt": attempt.attempt,
        "slot": timestamp(attempt.slot),
        "ended_at": timestamp(attempt.ended_at),
        "took_ms": attempt.post_ms,
        "outcome": attempt.outcome,
        "http_status": attempt.http_status,
        "meta": code.map(of_meta),
        "error": attempt.error,
    })
}

/// The newest attempt while nothing is recorded of how it ended.
fn open_attempt(told: &Story) -> Value {
    let message = &told.message;
    let ended = message.attempts.iter().any(|ended| ended.attempt == told.attempt);
    match message.state {
        State::Sending | State::Uncertain if !ended => json!({
            "attempt": told.attempt,
            "claimed_at": optional_timestamp(message.claimed_at),
        }),
        _ => Value::Null,
    }
}

/// How long it still waits for a webhook, and whether that clock runs.
fn hold(told: &Story) -> Value {
    let Some((hold, heard)) = &told.hold else {
        return Value::Null;
    };
    let now = told.read_at;
    let from = hold.counted_until.unwrap_or(hold.began);
    let stood_still = heard.silence(hold.began, from, now);
    let stands_still = heard.stands_still(hold.began, now);
    json!({
        "since": timestamp(hold.began),
        "webhooks_last_came_at": optional_timestamp(heard.last),
        "clock": if stands_still { "stands_still" } else { "runs" },
        "ends_at": timestamp((hold.alarm + stood_still).min(hold.began + hold::LONGEST)),
        "at_the_latest": timestamp(hold.began + hold::LONGEST),
        "sentence": if stands_still {
            "No webhooks come for its number, so that none came for it proves nothing: the end moves away until some do."
        } else {
            "Webhooks come for its number; if none tells of it by then, its outcome stays unknown."
        },
    })
}

fn webhook(event: &EventView) -> Value {
    let code = event
        .errors
        .as_ref()
        .and_then(|errors| errors.get(0)?.get("code")?.as_i64());
    json!({
        "status": event.status,
        "at": timestamp(event.at),
        "received_at": timestamp(event.received_at),
        "attempt": event.attempt,
        "meta": code.map(of_meta),
    })
}
