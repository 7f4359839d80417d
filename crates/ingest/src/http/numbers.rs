//! Pause and resume a sender number: `POST /api/v1/numbers/{phone_number_id}/…`.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use domain::content::FieldError;
use serde_json::{Map, Value, json};

use super::read::Id;
use super::{Api, body, flows, read};
use crate::answer::{Answer, optional_timestamp};
use crate::credentials::{Caller, Scope};
use crate::openapi::schema::{boolean, count, data, nullable, object, request, string, text as text_schema, timestamp};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};
use crate::request::timestamp_of_query;

/// Longest reason, in characters.
const MAX_REASON: usize = 200;

pub(super) fn routes() -> Routes<Api> {
    let body = request(
        &[],
        &[
            ("until", nullable(timestamp())),
            ("reason", nullable(text_schema(0, MAX_REASON))),
        ],
    );
    let paused = object(&[
        ("phone_number_id", string()),
        ("paused", boolean()),
        ("until", nullable(timestamp())),
        ("reason", string()),
    ]);
    let resumed = object(&[("phone_number_id", string()), ("paused", boolean()), ("woken", count())]);
    let operation = |path, id, summary| {
        Operation::post(path, id, summary)
            .tag("Numbers")
            .scope(Scope::Admin)
            .path_parameter("phone_number_id", string(), "Meta's id of the sender number.")
            .no(Code::NotFound)
    };
    Routes::new()
        .on(
            operation(
                "/api/v1/numbers/{phone_number_id}/pause",
                "pauseNumber",
                "Stop sending from a number",
            )
            .about("Answered when no POST of it begins any more. Its messages wait.")
            .optional_json(body)
            .answer(200, "It is paused.", data(paused)),
            pause,
        )
        .on(
            operation(
                "/api/v1/numbers/{phone_number_id}/resume",
                "resumeNumber",
                "Let a paused number send again",
            )
            .answer(200, "It sends.", data(resumed)),
            resume,
        )
}

pub(super) async fn pause(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let id = read::named_id(id);
    let fields = body::object(&headers, body).await?;
    let invalid = |wrong| Problem::field(Code::ValidationError, wrong);
    body::known(&fields, &["until", "reason"])?;
    let until = text(&fields, "until").map_err(invalid)?;
    let until = until
        .map(|until| timestamp_of_query("until", until))
        .transpose()
        .map_err(invalid)?;
    if let Some(until) = until.filter(|until| *until <= api.0.clock.now()) {
        let value = optional_timestamp(Some(until));
        return Err(invalid(FieldError::new("until", &value, "a time to come")));
    }
    let reason = match text(&fields, "reason").map_err(invalid)? {
        Some(reason) if reason.chars().count() > MAX_REASON || reason.contains('\0') => {
            let expected = format!("at most {MAX_REASON} characters, without U+0000");
            return Err(invalid(FieldError::new("reason", &fields["reason"], expected)));
        }
        Some(reason) => format!("operator: {reason}"),
        None => "operator".to_owned(),
    };
    let paused = api.0.store.pause_number(caller.organization, &id, until, &reason).await;
    let stopped = paused.map_err(|error| read::failed(&error))?.ok_or_else(no_number)?;
    flows::quiet(stopped).await;
    Ok(Answer::data(
        200,
        json!({"phone_number_id": id, "paused": true, "until": optional_timestamp(until), "reason": reason}),
    ))
}

pub(super) async fn resume(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let id = read::named_id(id);
    let woken = api.0.store.resume_number(caller.organization, &id).await;
    let woken = woken.map_err(|error| read::failed(&error))?.ok_or_else(no_number)?;
    Ok(Answer::data(
        200,
        json!({"phone_number_id": id, "paused": false, "woken": woken}),
    ))
}

/// A text, when there is one.
fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, FieldError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(FieldError::new(name, other, "a text")),
    }
}

fn no_number() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is no sender number with this phone_number_id; `GET /api/v1/limits` lists those there are.",
    )
}
