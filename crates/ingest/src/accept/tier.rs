//! The messaging limit at the door. Pure.
//!
//! A batch that surely fits asks nothing: how many members a scope has is read together with its numbers, and members that are over
//! are still in it, so it is never less than what is used.

use chrono::{DateTime, Utc};
use domain::Reason;
use domain::rules::tier::{self, Exceeded};
use serde_json::{Value, json};
use store::intake::{NewMessage, Number, Start};

use super::plan::Known;
use crate::answer::{Answer, optional_timestamp};
use crate::problem::{Code, Problem};

/// Whether so many rows could break the limit of a number's scope.
pub(super) fn may_break(number: &Number, rows: usize) -> bool {
    let left = number.limit.map(|limit| limit.max.saturating_sub(limit.used));
    left.is_some_and(|left| rows > usize::try_from(left).unwrap_or(usize::MAX))
}

/// Whether what these rows ask for fits into what their scope has left.
pub(super) fn check(rows: &[NewMessage], number: &Number, known: &Known<'_>) -> Result<(), Exceeded> {
    let Some(room) = known.facts.room(number.scope) else {
        return Ok(());
    };
    let takes_a_place = |row: &&NewMessage| {
        let person = row.recipient.as_str();
        let window = known.facts.window(number.id, person);
        let is_member = known.facts.is_member(number.scope, person);
        !matches!(row.start, Start::Refused(_)) && tier::takes_a_place(row.category, window, is_member, known.now)
    };
    let requested = rows.iter().filter(takes_a_place).count();
    room.take(u32::try_from(requested).unwrap_or(u32::MAX))
}

/// The answer to a single message that found no room.
pub(super) fn refused(row: &NewMessage, exceeded: &Exceeded, now: DateTime<Utc>) -> Answer {
    let mut details = details(exceeded);
    details["message_id"] = json!(row.id);
    let message = format!(
        "The account may write to {} people in any 24 hours and {} are used; try again when a place is free, or schedule it and it waits for one.",
        exceeded.limit, exceeded.used
    );
    problem(message, details, exceeded, now).into()
}

/// The answer to a broadcast that found no room; nothing of it is kept.
pub(super) fn refused_broadcast(rows: usize, exceeded: &Exceeded, now: DateTime<Utc>) -> Problem {
    let mut details = details(exceeded);
    details["field"] = json!("recipients");
    details["value"] = json!(rows);
    details["expected"] = json!("no more new people than the messaging limit has left");
    let message = format!(
        "The account may write to {} more new people in these 24 hours and this broadcast asks for {}; send to fewer, or schedule it.",
        exceeded.limit.saturating_sub(exceeded.used),
        exceeded.requested
    );
    problem(message, details, exceeded, now)
}

fn problem(message: String, details: Value, exceeded: &Exceeded, now: DateTime<Utc>) -> Problem {
    let problem = Problem::new(Code::TierLimitExceeded, message).details(details);
    match exceeded.frees_at {
        Some(at) => problem.retry_after(u32::try_from((at - now).num_seconds() + 1).unwrap_or(1)),
        None => problem,
    }
}

fn details(exceeded: &Exceeded) -> Value {
    json!({
        "reason": Reason::TierLimit.code(),
        "limit": exceeded.limit,
        "used": exceeded.used,
        "requested": exceeded.requested,
        "frees_at": optional_timestamp(exceeded.frees_at),
    })
}
