//! Which sender number a request goes from.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use domain::content::FieldError;
use domain::rules::window::Standing;
use domain::{Content, NumberId};
use serde_json::Value;
use store::intake::{Free, Number};

use super::plan::Known;
use super::submission::Submission;
use crate::problem::{Code, Problem};
use crate::request::{Message, Request};

/// The numbers that a request may go from: the one it names, else every connected one of its organization, the oldest first.
pub(super) fn candidates<'a>(submission: &Submission, numbers: &'a [Number]) -> Vec<&'a Number> {
    let own = numbers
        .iter()
        .filter(|number| number.organization == submission.organization);
    match submission.request.from().map(|name| name.as_str()) {
        Some(name) => own
            .filter(|number| number.phone == name || number.phone_number_id == name)
            .take(1)
            .collect(),
        None => own.filter(|number| number.connected).collect(),
    }
}

/// The numbers among which the choice is ours, where there is one to make.
pub(super) fn choosing<'a>(submissions: impl Iterator<Item = &'a Submission>, numbers: &[Number]) -> Vec<NumberId> {
    let mut choosing = BTreeSet::new();
    for submission in submissions.filter(|submission| submission.request.from().is_none()) {
        let candidates = candidates(submission, numbers);
        if candidates.len() > 1 {
            choosing.extend(candidates.iter().map(|number| number.id));
        }
    }
    choosing.into_iter().collect()
}

/// The number that a request goes from.
///
/// Without a `from`, a message goes from the number that its recipient can answer in the same thread: the one with an open service
/// window, the latest first; a session message also from the one they last wrote to, so that its reason tells of that window. All
/// else goes from a number that nothing holds and that has room left with the broker, the oldest of those.
pub(super) fn choose<'a>(submission: &Submission, known: &Known<'a>) -> Result<&'a Number, Problem> {
    let candidates = candidates(submission, known.numbers);
    let best = |room: fn(Free) -> u32| best(&candidates, known.room, room, known.now);
    let chosen = match &submission.request {
        Request::Message(message) if message.from.is_none() => {
            known_to(message, &candidates, known).or_else(|| best(|free| free.rt))
        }
        Request::Broadcast(broadcast) if broadcast.from.is_none() => of_broadcast(&candidates, known.room, known.now),
        Request::Message(_) | Request::Broadcast(_) => candidates.first().copied(),
    };
    chosen.ok_or_else(|| not_found(submission))
}

/// The number that a broadcast goes from.
pub(super) fn of_broadcast<'a>(
    candidates: &[&'a Number],
    room: &HashMap<NumberId, Free>,
    now: DateTime<Utc>,
) -> Option<&'a Number> {
    best(candidates, room, |free| free.bulk, now)
}

/// The oldest number among the best: nothing holds it, and it has room. Without a choice, nobody asked for the room.
fn best<'a>(
    candidates: &[&'a Number],
    room: &HashMap<NumberId, Free>,
    of_lane: fn(Free) -> u32,
    now: DateTime<Utc>,
) -> Option<&'a Number> {
    let has_room = |number: &Number| room.get(&number.id).is_some_and(|free| of_lane(*free) > 0);
    let worst_last = |number: &&Number| (is_held(number, now), !has_room(number));
    candidates.iter().copied().min_by_key(worst_last)
}

fn is_held(number: &Number, now: DateTime<Utc>) -> bool {
    number.restricted || number.paused_until.is_some_and(|until| until > now)
}

fn known_to<'a>(message: &Message, candidates: &[&'a Number], known: &Known<'_>) -> Option<&'a Number> {
    let window = |number: &Number| known.facts.window(number.id, message.to.as_str());
    let is_open = |number: &Number| matches!(window(number).standing(known.now), Standing::Within { .. });
    let best = candidates
        .iter()
        .copied()
        .filter(|number| window(number).last_inbound_at.is_some())
        .max_by_key(|number| {
            let is_open = is_open(number);
            (
                is_open,
                is_open && !is_held(number, known.now),
                window(number).last_inbound_at,
            )
        })?;
    match message.content {
        // Only the number that they wrote to may answer them.
        Content::Session { .. } => Some(best),
        Content::Template(_) => (is_open(best) && !is_held(best, known.now)).then_some(best),
    }
}

fn not_found(submission: &Submission) -> Problem {
    let (value, expected) = match submission.request.from() {
        Some(name) => (
            Value::from(name.as_str()),
            "a sender number of this organization: its phone number with +, or its phone_number_id",
        ),
        None => (
            Value::Null,
            "a sender number: the organization has none that is connected",
        ),
    };
    Problem::field(Code::SenderNotFound, FieldError::new("from", &value, expected))
}
