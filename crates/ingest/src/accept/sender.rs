//! Which sender number a request goes from.

use domain::Content;
use domain::content::FieldError;
use domain::rules::window::Standing;
use serde_json::Value;
use store::intake::Number;

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

/// The number that a request goes from.
///
/// Without a `from`, a message goes from the number that its recipient can answer in the same thread: the one with an open service
/// window, the latest first; a session message also from the one they last wrote to, so that its reason tells of that window. All
/// else goes from the oldest connected number.
pub(super) fn choose<'a>(submission: &Submission, known: &Known<'a>) -> Result<&'a Number, Problem> {
    let candidates = candidates(submission, known.numbers);
    let oldest = candidates.first().copied();
    let chosen = match &submission.request {
        Request::Message(message) if message.from.is_none() => known_to(message, &candidates, known).or(oldest),
        Request::Message(_) | Request::Broadcast(_) => oldest,
    };
    chosen.ok_or_else(|| not_found(submission))
}

fn known_to<'a>(message: &Message, candidates: &[&'a Number], known: &Known<'_>) -> Option<&'a Number> {
    let window = |number: &Number| known.facts.window(number.id, message.to.as_str());
    let latest = candidates
        .iter()
        .filter(|number| window(number).last_inbound_at.is_some())
        .max_by_key(|number| window(number).last_inbound_at)?;
    let is_open = matches!(window(latest).standing(known.now), Standing::Within { .. });
    let is_session = matches!(message.content, Content::Session { .. });
    (is_open || is_session).then_some(*latest)
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
