//! `POST` of messages and broadcasts.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use domain::content::FieldError;
use serde_json::Value;

use super::{Api, body, wait};
use crate::accept::Submission;
use crate::credentials::{Caller, Scope};
use crate::problem::{Code, Problem};
use crate::request::Kind;

pub(super) async fn message(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    submit(&api, &caller, Kind::Message, &headers, body)
        .await
        .into_response()
}

pub(super) async fn broadcast(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    submit(&api, &caller, Kind::Broadcast, &headers, body)
        .await
        .into_response()
}

async fn submit(api: &Api, caller: &Caller, kind: Kind, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    caller.require(Scope::Write)?;
    let body = body::read(kind, headers, body).await?;
    let key = key(headers)?;
    let now = api.0.clock.now();
    let submission = Submission::read(caller.organization, kind, &body, ("Idempotency-Key", key), now)?;
    let mut answer = api.0.batcher.accept(submission).await;
    let asked = wait::asked(headers);
    if let Some(patience) = asked {
        wait::until_out(api, caller.organization, &mut answer, patience).await;
    }
    let mut response = answer.into_response();
    if let Some(applied) = asked.and_then(|patience| format!("wait={}", patience.as_secs()).parse::<HeaderValue>().ok())
    {
        response.headers_mut().insert("preference-applied", applied);
    }
    Ok(response)
}

/// The request's idempotency key, as it came.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let given = headers.get("idempotency-key");
    given.map(|value| text("Idempotency-Key", value)).transpose()
}

fn text<'a>(field: &str, value: &'a HeaderValue) -> Result<&'a str, Problem> {
    value.to_str().map_err(|_| {
        let wrong = FieldError::new(field, &Value::Null, "visible ASCII characters");
        Problem::field(Code::ValidationError, wrong)
    })
}
