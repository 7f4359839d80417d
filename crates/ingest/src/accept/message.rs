//! Plans a single message.

use domain::{Content, Reason};
use serde_json::{Value, json};
use store::intake::{NewMessage, Number, Start};

use super::gate::{Case, Kind};
use super::plan::{self, Known, Plan};
use super::policies::Tally;
use super::sender;
use super::submission::Submission;
use crate::answer::{Answer, optional_timestamp, timestamp};
use crate::problem::{Code, Problem};
use crate::request::Message;

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
    };
    let ruling = case.rule(known, tally);
    let row = NewMessage {
        id: submission.ids[0],
        organization: submission.organization,
        number: number.id,
        scope: number.scope,
        recipient: message.to.clone(),
        lane: message.lane,
        category: case.kind.category(),
        template: case.kind.template_id(),
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
        flags: ruling.flags,
        footprint: ruling.footprint,
    };
    tally.row(&row);
    let answer = match &row.start {
        Start::Refused(reason) => refused(&row, reason, &ruling.facts).recorded(),
        Start::Parked { .. } | Start::Held { .. } | Start::Queued { .. } => taken(submission, &row, number).recorded(),
    };
    Ok(Plan {
        rows: vec![row],
        flow: None,
        answer,
    })
}

fn kind<'a>(message: &Message, number: &Number, known: &Known<'a>) -> Kind<'a> {
    let Content::Template(content) = &message.content else {
        return Kind::Session;
    };
    let same_name = known.facts.templates(number.waba, &content.name);
    let template = same_name.iter().find(|template| template.language == content.language);
    let fit = template.map_or(Ok(()), |template| content.fit(template));
    Kind::Template(template, fit)
}

fn taken(submission: &Submission, row: &NewMessage, number: &Number) -> Answer {
    let mut data = json!({
        "message_id": row.id,
        "status": plan::status(row),
        "channel": "whatsapp",
        "to": row.recipient,
        "from": number.phone,
        "created_at": timestamp(submission.received_at),
        "scheduled_at": optional_timestamp(row.scheduled_at),
    });
    if let Some(reason) = plan::waiting_reason(&row.start) {
        data["reason"] = reason;
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
