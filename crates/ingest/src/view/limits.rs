//! Limits as the public sees them. Pure.

use domain::slow_down::SlowDown;
use domain::{Reason, State, meta_error, pace};
use serde_json::{Map, Value, json};
use store::queries::{Limits, NumberLimit, Pause, ScopeLimit};

use crate::answer::{optional_timestamp, timestamp};

/// Every scope and number: what is allowed, what is used, what waits.
pub fn limits(limits: &Limits) -> Value {
    json!({
        "scopes": limits.scopes.iter().map(scope).collect::<Vec<_>>(),
        "numbers": limits.numbers.iter().map(number).collect::<Vec<_>>(),
    })
}

fn scope(scope: &ScopeLimit) -> Value {
    json!({
        "scope": scope.key,
        "limit": scope.limit,
        "used": scope.used,
        "free": scope.limit.map(|limit| (limit - scope.used).max(0)),
        "next_release": optional_timestamp(scope.next_release),
    })
}

fn number(number: &NumberLimit) -> Value {
    let rows = |state| number.by_state.get(&state).copied().unwrap_or_default();
    // An idle number's next slot is now.
    let next_slot = number.next_slot_at.map_or(number.read_at, |at| at.max(number.read_at));
    let ahead = (next_slot - number.read_at).as_seconds_f64() * number.slots_per_second;
    json!({
        "from": number.phone,
        "phone_number_id": number.phone_number_id,
        "status": number.status,
        "scope": number.scope_key,
        "throughput": number.throughput,
        "pace": {
            "slots_per_second": (number.slots_per_second * 100.0).round() / 100.0,
            "last_slot_at": optional_timestamp(number.next_slot_at),
            "next_slot_at": timestamp(next_slot),
            "slots_taken_ahead": ahead.ceil(),
            "slowed_down": number.slowed.map(|slowed| slow_down(number, slowed)),
        },
        "in_flight": {
            "queued": rows(State::Queued),
            "sending": rows(State::Sending),
            "uncertain": rows(State::Uncertain),
        },
        "waiting": waiting(number),
        "pause": number.pause.as_ref().map(|held| pause(held, &Reason::SenderPaused)),
        "restriction": number.restricted.as_ref().map(|held| pause(held, &Reason::AccountRestricted)),
    })
}

/// Why a number is slower than Meta grants, and until when at the longest.
fn slow_down(number: &NumberLimit, slowed: SlowDown) -> Value {
    let full = pace::slots_per_second(number.throughput.unsigned_abs());
    json!({
        "reason": Reason::Meta(meta_error::TOO_FAST).code(),
        "since": timestamp(slowed.at),
        "full_slots_per_second": (full * 100.0).round() / 100.0,
        "full_again_at": timestamp(slowed.ends_at()),
    })
}

/// How many rows wait, by why. Those without a reason wait for their time or for their flow's turn.
fn waiting(number: &NumberLimit) -> Value {
    let mut waiting = Map::new();
    for (reason, rows) in &number.waiting {
        let reason = if reason.is_empty() { "due" } else { reason };
        waiting.insert(reason.to_owned(), json!(rows));
    }
    if number.flow_rows > 0 {
        waiting.insert("flow_turn".to_owned(), json!(number.flow_rows));
    }
    Value::Object(waiting)
}

fn pause(pause: &Pause, kind: &Reason) -> Value {
    json!({
        "code": kind.code(),
        "reason": pause.reason,
        "until": optional_timestamp(pause.until),
    })
}
