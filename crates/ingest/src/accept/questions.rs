//! What to ask the ledger, so that a batch of submissions can be planned without asking again.

use domain::Content;
use store::intake::{Number, Questions};

use super::policies::{self, PoliciesOf};
use super::sender;
use super::submission::Submission;
use crate::request::{Broadcast, Message, Request};

/// Everything that planning these submissions looks at.
pub(super) fn of<'a>(
    submissions: impl Iterator<Item = &'a Submission>,
    numbers: &[Number],
    policies: &PoliciesOf,
) -> Questions {
    let mut questions = Questions::default();
    for submission in submissions {
        let candidates = sender::candidates(submission, numbers);
        policies::ask(&mut questions.policies, submission, policies);
        match &submission.request {
            Request::Message(message) => about_message(&mut questions, submission, message, &candidates),
            Request::Broadcast(broadcast) => about_broadcast(&mut questions, submission, broadcast, &candidates),
        }
    }
    questions
}

fn about_message(questions: &mut Questions, submission: &Submission, message: &Message, candidates: &[&Number]) {
    let to = message.to.as_str().to_owned();
    if let Content::Template(template) = &message.content {
        for number in candidates {
            let language = Some(template.language.clone());
            questions.templates.push((number.waba, template.name.clone(), language));
        }
    }
    // A template from a number that is named needs no window, neither for a choice nor for a rule.
    if message.from.is_none() || matches!(message.content, Content::Session { .. }) {
        let windows = candidates.iter().map(|number| (number.id, to.clone()));
        questions.inbound.extend(windows);
    }
    questions.opted_out.push((submission.organization, to));
}

fn about_broadcast(questions: &mut Questions, submission: &Submission, broadcast: &Broadcast, candidates: &[&Number]) {
    let Some(number) = candidates.first() else { return };
    let (name, language) = (broadcast.template_name.clone(), broadcast.template_language.clone());
    questions.templates.push((number.waba, name, language));
    for row in &broadcast.recipients {
        let to = row.to.as_str().to_owned();
        if broadcast.times.scheduled_at.is_none() {
            questions.members.push((number.scope, to.clone()));
            questions.inbound.push((number.id, to.clone()));
        }
        questions.opted_out.push((submission.organization, to));
    }
}
