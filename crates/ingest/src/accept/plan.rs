//! What becomes of a submission: its rows and its answer. Pure.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::destination::Policy;
use domain::{NumberId, PublicStatus, Reason, State};
use serde_json::{Value, json};
use store::intake::{Facts, Footprint, Free, NewFlow, NewMessage, Number, Start};

use super::policies::{PoliciesOf, Tally};
use super::submission::Submission;
use super::{broadcast, media, message};
use crate::answer::Answer;
use crate::problem::Problem;
use crate::request::Request;

/// What was learned from the ledger.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// The sender numbers of all organizations of the batch.
    pub(super) numbers: &'a [Number],
    /// The answers to [`super::questions`].
    pub(super) facts: &'a Facts,
    /// The organizations' own policies.
    pub(super) policies: &'a PoliciesOf,
    /// The room of numbers that requests leave a choice among; a number that is missing has none.
    pub(super) room: &'a HashMap<NumberId, Free>,
    /// Which addresses messages may name.
    pub(super) links: &'a Policy,
    /// When they were asked.
    pub(super) now: DateTime<Utc>,
}

/// What is to be kept, and what is to be said once it is.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// At least one; all from one number.
    pub(super) rows: Vec<NewMessage>,
    pub(super) flow: Option<NewFlow>,
    pub(super) answer: Answer,
}

impl Plan {
    pub(super) fn number(&self) -> NumberId {
        self.rows[0].number
    }

    /// Refuses a row after all, for a reason with these facts, and says so in the answer.
    pub(super) fn refuse(&mut self, index: usize, reason: Reason, facts: &Value) {
        let row = &mut self.rows[index];
        row.start = Start::Refused(reason.clone());
        row.footprint = Footprint::default();
        if self.flow.is_some() {
            broadcast::refuse(&mut self.answer, index, &reason, facts);
        } else {
            self.answer = message::refused(row, &reason, facts).recorded();
        }
    }
}

/// Plans one submission; a problem keeps nothing.
pub(super) fn of(submission: &Submission, known: &Known<'_>, tally: &mut Tally) -> Result<Plan, Problem> {
    media::check(submission, known)?;
    match &submission.request {
        Request::Message(message) => message::plan(submission, message, known, tally),
        Request::Broadcast(broadcast) => broadcast::plan(submission, broadcast, known, tally),
    }
}

/// The public word for a row as it begins.
pub(super) fn status(row: &NewMessage) -> PublicStatus {
    let waits = row.start.state() == State::Parked && row.scheduled_at.is_some();
    PublicStatus::of(row.start.state(), domain::Delivery::None, waits)
}

/// A reason, for people and programs.
pub(crate) fn reason_json(reason: &Reason) -> Value {
    json!({"code": reason.code(), "message": reason.sentence()})
}

/// `reason` of a row that waits for something else than its time.
pub(super) fn waiting_reason(start: &Start) -> Option<Value> {
    match start {
        Start::Refused(_) | Start::Queued { .. } => None,
        Start::Parked { reason, .. } | Start::Held { reason } => reason.as_ref().map(reason_json),
    }
}
