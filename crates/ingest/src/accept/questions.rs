//! What to ask the ledger, so that a batch of submissions can be planned without asking again.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{Content, NumberId};
use store::intake::{Free, Number, Questions};

use super::policies::{self, PoliciesOf};
use super::submission::Submission;
use super::{media, sender, tier};
use crate::request::{Broadcast, Message, Request};

/// What is known before anything is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) numbers: &'a [Number],
    pub(super) policies: &'a PoliciesOf,
    pub(super) room: &'a HashMap<NumberId, Free>,
    pub(super) now: DateTime<Utc>,
}

impl Asking<'_> {
    /// Everything that planning these submissions looks at.
    pub(super) fn of(&self, submissions: &[&Submission]) -> Questions {
        let mut questions = Questions::default();
        let rows: usize = submissions.iter().map(|submission| submission.rows()).sum();
        for submission in submissions {
            let candidates = sender::candidates(submission, self.numbers);
            media::ask(&mut questions, submission);
            policies::ask(&mut questions.policies, submission, self.policies);
            match &submission.request {
                Request::Message(message) => about_message(&mut questions, submission, message, &candidates, rows),
                Request::Broadcast(broadcast) => {
                    let number = sender::of_broadcast(&candidates, self.room, self.now);
                    about_broadcast(&mut questions, submission, broadcast, number, rows);
                }
            }
        }
        questions
    }
}

/// `rows` is how many the batch has: it may take no more places of a messaging limit.
fn about_message(
    questions: &mut Questions,
    submission: &Submission,
    message: &Message,
    candidates: &[&Number],
    rows: usize,
) {
    let to = || message.to.as_str().to_owned();
    let own = match &message.content {
        Content::Template(template) => Some(template),
        Content::Session { .. } => None,
    };
    for template in own.into_iter().chain(&message.fallback) {
        for number in candidates {
            let language = Some(template.language.clone());
            questions.templates.push((number.waba, template.name.clone(), language));
        }
    }
    // A session message without a fallback takes no place, and what is for later waits for one.
    let takes_a_place = message.times.scheduled_at.is_none() && (own.is_some() || message.fallback.is_some());
    for number in candidates {
        let limit_is_near = takes_a_place && tier::may_break(number, rows);
        if limit_is_near {
            questions.members.push((number.scope, to()));
        }
        // Without a choice, a template needs no window unless its place counts.
        if limit_is_near || message.from.is_none() || own.is_none() {
            questions.inbound.push((number.id, to()));
        }
    }
    questions.opted_out.push((submission.organization, to()));
}

fn about_broadcast(
    questions: &mut Questions,
    submission: &Submission,
    broadcast: &Broadcast,
    number: Option<&Number>,
    rows: usize,
) {
    let Some(number) = number else { return };
    let (name, language) = (broadcast.template_name.clone(), broadcast.template_language.clone());
    questions.templates.push((number.waba, name, language));
    let limit_is_near = broadcast.times.scheduled_at.is_none() && tier::may_break(number, rows);
    for row in &broadcast.recipients {
        let to = row.to.as_str().to_owned();
        if limit_is_near {
            questions.members.push((number.scope, to.clone()));
            questions.inbound.push((number.id, to.clone()));
        }
        questions.opted_out.push((submission.organization, to));
    }
}
