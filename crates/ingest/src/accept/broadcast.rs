//! Plans a broadcast: one flow, one row per recipient. A gate's no for one recipient is a failed row, never a lost record.

use domain::content::{FieldError, TemplateContent};
use domain::template::{Mismatch, Parameters, TemplateStatus};
use domain::{Content, Lane, PublicStatus, Reason, Template};
use serde_json::{Value, json};
use store::intake::{NewFlow, NewMessage, Number, Start};

use super::gate::{Case, Kind, Ruling};
use super::plan::{self, Known, Plan};
use super::policies::Tally;
use super::submission::Submission;
use super::{sender, tier};
use crate::answer::Answer;
use crate::problem::{Code, Problem};
use crate::request::{Broadcast, Row};

/// The language of a template that was not named and could not be found: undetermined (BCP 47).
const NO_LANGUAGE: &str = "und";

pub(super) fn plan(
    submission: &Submission,
    broadcast: &Broadcast,
    known: &Known<'_>,
    tally: &mut Tally,
) -> Result<Plan, Problem> {
    let number = sender::choose(submission, known)?;
    let template = template(broadcast, number, known)?;
    let mut rows = Vec::with_capacity(broadcast.recipients.len());
    let mut results = Vec::with_capacity(broadcast.recipients.len());
    for (index, recipient) in broadcast.recipients.iter().enumerate() {
        let (content, fit) = content(broadcast, recipient, template);
        let case = Case {
            number,
            to: &recipient.to,
            times: broadcast.times,
            kind: Kind::Template(template, fit),
            content: &content,
            in_flow: true,
            has_fallback: false,
        };
        let ruling = case.rule(known, tally);
        let row = row(submission, broadcast, index, &case, &ruling);
        tally.row(&row);
        results.push(result(index, &row, &ruling.facts));
        rows.push(row);
    }
    // One that goes now must fit into what its scope's messaging limit has left; a scheduled one waits for room.
    let is_approved = template.is_some_and(|template| template.status == TemplateStatus::Approved);
    if is_approved && broadcast.times.scheduled_at.is_none() {
        let fits = tier::check(&rows, number, known);
        fits.map_err(|exceeded| tier::refused_broadcast(rows.len(), &exceeded, known.now))?;
    }
    let answer = answer(submission, results).recorded();
    let last_seq = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    let flow = NewFlow {
        id: submission.flow,
        organization: submission.organization,
        number: number.id,
        starts_at: broadcast.times.scheduled_at.unwrap_or(known.now),
        last_seq,
        released_seq: 0,
        key: submission.key.as_ref().map(|key| key.text.clone()),
    };
    Ok(Plan {
        rows,
        flow: Some(flow),
        answer,
    })
}

/// The template, where there is one; which of several languages is meant is for the caller to say.
fn template<'a>(broadcast: &Broadcast, number: &Number, known: &Known<'a>) -> Result<Option<&'a Template>, Problem> {
    let same_name = known.facts.templates(number.waba, &broadcast.template_name);
    match (&broadcast.template_language, same_name) {
        (Some(language), _) => Ok(same_name.iter().find(|template| template.language == *language)),
        (None, []) => Ok(None),
        (None, [only]) => Ok(Some(only)),
        (None, several) => {
            let mut languages: Vec<&str> = several.iter().map(|template| template.language.as_str()).collect();
            languages.sort_unstable();
            let expected = format!("one of {}: the template exists in all of them", languages.join(", "));
            let wrong = FieldError::new("template_language", &Value::Null, expected);
            Err(Problem::field(Code::ValidationError, wrong))
        }
    }
}

/// What a row says, and whether its parameters fit. Parameters that do not are kept as they were given, for the record.
fn content(broadcast: &Broadcast, row: &Row, template: Option<&Template>) -> (Value, Result<(), Mismatch>) {
    let params = row.template_params.as_ref().or(broadcast.template_params.as_ref());
    let language = template.map(|template| template.language.as_str());
    let language = language
        .or(broadcast.template_language.as_deref())
        .unwrap_or(NO_LANGUAGE);
    let read = template.map(|template| Parameters::read(params, &template.shape).map(|read| (read, template)));
    match read {
        Some(Ok((parameters, template))) => {
            let content = TemplateContent {
                name: broadcast.template_name.clone(),
                language: language.to_owned(),
                parameters,
                marketing: broadcast.marketing,
            };
            let fit = content.fit(template);
            (Content::Template(content).to_json(None), fit)
        }
        not_read => {
            let content = json!({
                "type": "template",
                "template": {"name": broadcast.template_name, "language": {"code": language}},
                "template_params": params,
            });
            (content, not_read.map_or(Ok(()), |read| read.map(|_| ())))
        }
    }
}

fn row(submission: &Submission, broadcast: &Broadcast, index: usize, case: &Case<'_>, ruling: &Ruling) -> NewMessage {
    let recipient = &broadcast.recipients[index];
    let seq = u32::try_from(index + 1).unwrap_or(u32::MAX);
    NewMessage {
        id: submission.ids[index],
        organization: submission.organization,
        number: case.number.id,
        scope: case.number.scope,
        recipient: recipient.to.clone(),
        lane: Lane::Bulk,
        category: case.kind.category(),
        template: case.kind.template_id(),
        flow: Some((submission.flow, seq)),
        scheduled_at: broadcast.times.scheduled_at,
        expires_at: broadcast.times.expires_at,
        resend: false,
        price: None,
        start: ruling.start.clone(),
        content: case.content.to_string(),
        metadata: recipient.metadata.clone().or_else(|| broadcast.metadata.clone()),
        webhook_url: broadcast.webhook_url.clone(),
        traceparent: submission.trace.map(|trace| trace.to_string()),
        key: submission.key.as_ref().map(|key| key.text.clone()),
        fallback: None,
        edge_at: None,
        test: submission.test,
        flags: ruling.flags.clone(),
        footprint: submission.footprint(ruling.footprint),
    }
}

fn result(index: usize, row: &NewMessage, facts: &Value) -> Value {
    let mut result = json!({"index": index, "to": row.recipient, "message_id": row.id, "status": plan::status(row)});
    if let Start::Refused(reason) = &row.start {
        say_refused(&mut result, reason, facts);
    } else if let Some(reason) = row.start.reason() {
        result["reason"] = json!(reason.code());
    }
    result
}

/// `facts` is what the no was decided on, an object or null.
fn say_refused(result: &mut Value, reason: &Reason, facts: &Value) {
    result["reason"] = json!(reason.code());
    result["error"] = json!({"code": Code::GateRefused.as_str(), "message": reason.sentence()});
    if !facts.is_null() {
        result["error"]["details"] = facts.clone();
    }
}

/// Says in an answer that a row is refused after all.
pub(super) fn refuse(answer: &mut Answer, index: usize, reason: &Reason, facts: &Value) {
    let result = &mut answer.body["data"]["results"][index];
    result["status"] = json!(PublicStatus::Failed);
    say_refused(result, reason, facts);
    summarize(answer);
}

fn answer(submission: &Submission, results: Vec<Value>) -> Answer {
    let mut answer = Answer::data(
        200,
        json!({"broadcast_id": submission.flow, "summary": {}, "results": results}),
    );
    summarize(&mut answer);
    answer
}

/// Counts the results of a broadcast's answer, and says by its status whether to look at them.
pub(crate) fn summarize(answer: &mut Answer) {
    let results = answer.body["data"]["results"].as_array().cloned().unwrap_or_default();
    let count = |words: &[&str]| {
        let is_one = |result: &&Value| result["status"].as_str().is_some_and(|status| words.contains(&status));
        results.iter().filter(is_one).count()
    };
    let failed = count(&["failed", "expired", "canceled", "unknown"]);
    let scheduled = count(&["scheduled"]);
    let total = results.len();
    answer.body["data"]["summary"] =
        json!({"total": total, "accepted": total - failed - scheduled, "scheduled": scheduled, "failed": failed});
    answer.status = if failed > 0 { 207 } else { 200 };
}
