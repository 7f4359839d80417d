//! Plans a single message.

use std::slice;

use domain::content::TemplateContent;
use domain::{Content, Reason};
use serde_json::{Value, json};
use store::intake::{Footprint, NewMessage, Number, Start};
use store::queries::FallbackView;

use super::gate::{Case, Kind};
use super::plan::{self, Known, Plan};
use super::policies::Tally;
use super::submission::Submission;
use super::{fallback, sender, tier};
use crate::answer::{Answer, optional_timestamp, timestamp};
use crate::problem::{Code, Problem};
use crate::request::Message;
use crate::view;

pub(super) fn plan(
    submission: &Submission,
    message: &Message,
    known: &Known<'_>,
    tally: &mut Tally,
) -> Result<Plan, Problem> {
    let number = sender::choose(submission, known)?;
    let content = message.content.to_json(message.reply_to.as_deref());
    let case = Case {
        number,
        to: &message.to,
        times: message.times,
        kind: kind(message, number, known),
        content: &content,
        in_flow: false,
        has_fallback: message.fallback.is_some(),
    };
    let (ruling, fallback) = fallback::rule(message, &case, known, tally);
    let taken = fallback.as_ref().filter(|fallback| fallback.taken.is_some());
    let is_session = matches!(case.kind, Kind::Session) && taken.is_none();
    let window = known.facts.window(number.id, message.to.as_str());
    let mut row = NewMessage {
        id: submission.ids[0],
        organization: submission.organization,
        number: number.id,
        scope: number.scope,
        recipient: message.to.clone(),
        lane: message.lane,
        category: taken.map_or_else(|| case.kind.category(), |fallback| fallback.category),
        template: taken.map_or_else(|| case.kind.template_id(), |fallback| Some(fallback.template)),
        flow: None,
        scheduled_at: message.times.scheduled_at,
        expires_at: message.times.expires_at,
        resend: message.resend,
        price: None,
        start: ruling.start,
        content: content.to_string(),
        metadata: message.metadata.clone(),
        webhook_url: message.webhook_url.clone(),
        traceparent: submission.trace.map(|trace| trace.to_string()),
        key: submission.key.as_ref().map(|key| key.text.clone()),
        edge_at: window.edge().filter(|_| is_session),
        test: submission.test,
        fallback,
        flags: ruling.flags,
        footprint: submission.footprint(ruling.footprint),
    };
    // What waits for something else may find room when its time comes.
    let goes_now = matches!(row.start, Start::Parked { reason: None, .. }) && row.scheduled_at.is_none();
    let room = match goes_now {
        true => tier::check(slice::from_ref(&row), number, known),
        false => Ok(()),
    };
    if let Err(exceeded) = room {
        row.start = Start::Refused(Reason::TierLimit);
        row.footprint = Footprint::default();
        let answer = tier::refused(&row, &exceeded, known.now).recorded();
        return Ok(Plan {
            rows: vec![row],
            flow: None,
            answer,
        });
    }
    tally.row(&row);
    let answer = match &row.start {
        Start::Refused(reason) => refused(&row, reason, &ruling.facts).recorded(),
        Start::Parked { .. } | Start::Held { .. } | Start::Queued { .. } => {
            accepted(submission, &row, number).recorded()
        }
    };
    Ok(Plan {
        rows: vec![row],
        flow: None,
        answer,
    })
}

fn kind<'a>(message: &Message, number: &Number, known: &Known<'a>) -> Kind<'a> {
    match &message.content {
        Content::Template(content) => template_kind(content, number, known),
        Content::Session { .. } => Kind::Session,
    }
}

/// A template with the parameters of a message.
pub(super) fn template_kind<'a>(content: &TemplateContent, number: &Number, known: &Known<'a>) -> Kind<'a> {
    let same_name = known.facts.templates(number.waba, &content.name);
    let template = same_name.iter().find(|template| template.language == content.language);
    let fit = template.map_or(Ok(()), |template| content.fit(template));
    Kind::Template(template, fit)
}

fn accepted(submission: &Submission, row: &NewMessage, number: &Number) -> Answer {
    let mut data = json!({
        "message_id": row.id,
        "status": plan::status(row),
        "channel": "whatsapp",
        "mode": view::mode(row.test),
        "to": row.recipient,
        "from": number.phone,
        "created_at": timestamp(submission.received_at),
        "scheduled_at": optional_timestamp(row.scheduled_at),
    });
    if let Some(reason) = plan::waiting_reason(&row.start) {
        data["reason"] = reason;
    }
    if let Some(fallback) = &row.fallback {
        let taken = fallback.taken.clone().map(|reason| (submission.received_at, reason));
        data["fallback"] = view::fallback(&FallbackView {
            content: fallback.content.clone(),
            taken,
        });
    }
    Answer::data(202, data)
}

/// The answer to a message that a gate refused; `facts` is what that was decided on, an object or null.
pub(super) fn refused(row: &NewMessage, reason: &Reason, facts: &Value) -> Answer {
    let mut details = json!({"reason": reason.code(), "message_id": row.id});
    for (name, fact) in facts.as_object().into_iter().flatten() {
        details[name] = fact.clone();
    }
    Problem::new(Code::GateRefused, reason.sentence())
        .details(details)
        .into()
}
