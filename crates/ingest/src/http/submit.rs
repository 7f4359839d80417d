//! `POST` of messages and broadcasts.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use domain::content::FieldError;
use domain::trace::SpanKind;
use serde_json::Value;

use super::{Api, body, wait};
use crate::accept::Submission;
use crate::credentials::{Caller, Scope};
use crate::followed::Followed;
use crate::openapi::schema::{data, named};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};
use crate::request::Kind;

pub(super) fn routes() -> Routes<Api> {
    let noes = [
        Code::InvalidPhoneNumber,
        Code::SenderNotFound,
        Code::InsufficientBalance,
        Code::TierLimitExceeded,
        Code::GateRefused,
    ];
    Routes::new()
        .on(
            Operation::post(Kind::Message.path(), "sendMessage", "Send one message")
                .about(
                    "Kept before anything else. A gate's no is answered with 422 (balance 402, messaging limit 429) and kept as a failed \
                     message, whose id is in `details.message_id`. What only has to wait is taken, with the reason it waits for.",
                )
                .scope(Scope::Write)
                .idempotent()
                .waits()
                .json(named("NewMessage"))
                .nos(&noes)
                .answer(202, "Taken: it is kept, and will be sent.", data(named("TakenMessage"))),
            message,
        )
        .on(
            Operation::post(Kind::Broadcast.path(), "sendBroadcast", "Send one template to up to 256 people")
                .about(
                    "Every recipient is kept in one transaction, then gated: a gate's no is a failed row with its reason, never a lost \
                     record.",
                )
                .tag("Broadcasts")
                .scope(Scope::Write)
                .idempotent()
                .waits()
                .json(named("NewBroadcast"))
                .nos(&noes)
                .answer(200, "Every recipient is well.", data(named("BroadcastResults")))
                .answer(207, "At least one recipient failed: look at the results.", data(named("BroadcastResults"))),
            broadcast,
        )
}

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
    let mut submission = Submission::read(
        (caller.organization, caller.test),
        kind,
        &body,
        ("Idempotency-Key", key),
        now,
    )?;
    let followed = Followed::of(headers.get("traceparent").and_then(|value| value.to_str().ok()), now);
    submission.trace = followed.as_ref().map(Followed::context);
    let mut answer = api.0.batcher.accept(submission).await;
    if let Some(followed) = followed {
        followed.end("accept", SpanKind::Server, &answer, api.0.clock.now());
    }
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
