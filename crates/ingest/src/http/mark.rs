//! `POST /api/v1/messages/{id}/read`: the blue ticks, and "is typing…".
//!
//! Said to Meta at once, by this process, while the caller waits. It is no message: nothing is kept but the time, nothing is lost when it
//! fails, saying it twice is harmless, and a typing indicator that came out of a queue would come too late. So it takes no way through
//! the pipeline, and the answer is Meta's own.

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use domain::content::FieldError;
use serde_json::{Value, json};

use super::inbound::no_inbound;
use super::{Api, body, read};
use crate::answer::Answer;
use crate::credentials::{Caller, Scope};
use crate::openapi::schema::{boolean, data, nullable, object, request, string};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};

pub(super) fn routes() -> Routes<Api> {
    let answer = object(&[("wamid", string()), ("read", boolean()), ("typing", boolean())]);
    Routes::new().on(
        Operation::post(
            "/api/v1/messages/{id}/read",
            "markRead",
            "Show a person that their message was read, or that somebody is typing",
        )
        .about(
            "Marks the messages before it in the conversation as read too. Typing is shown until the reply, for 25 seconds at most. \
             Within 30 days of the message.",
        )
        .tag("Inbound")
        .scope(Scope::Write)
        .path_parameter("id", string(), "The message of the person: our id, or Meta's.")
        .optional_json(request(&[], &[("typing", nullable(boolean()))]))
        .nos(&[Code::NotFound, Code::MetaRefused, Code::MetaUnavailable, Code::RateLimited])
        .answer(200, "WhatsApp was told.", data(answer)),
        mark,
    )
}

pub(super) async fn mark(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    caller.require(Scope::Write)?;
    let Ok(Path(id)) = id else { return Err(no_inbound()) };
    let fields = body::object(&headers, body).await?;
    body::known(&fields, &["typing"])?;
    let typing = match fields.get("typing") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(typing)) => *typing,
        Some(other) => {
            let wrong = FieldError::new("typing", other, "true or false");
            return Err(Problem::field(Code::ValidationError, wrong));
        }
    };
    if id.is_empty() || id.len() > domain::content::MAX_WAMID || id.contains('\0') {
        return Err(no_inbound());
    }
    let found = api.0.store.unread(caller.organization, &id).await;
    let message = found.map_err(|error| read::failed(&error))?.ok_or_else(no_inbound)?;
    let answer = json!({"wamid": message.wamid, "read": true, "typing": typing});
    // Read stays read; only typing has to be told again.
    if message.read_at.is_some() && !typing {
        return Ok(Answer::data(200, answer));
    }
    let token = message.token.as_ref().map_err(read::failed)?;
    let told = api
        .0
        .meta
        .mark_read(&message.phone_number_id, token, &message.wamid, typing)
        .await;
    told.map_err(|error| Problem::meta(&error))?;
    let kept = api.0.store.mark_read(&message).await;
    kept.map_err(|error| read::failed(&error))?;
    Ok(Answer::data(200, answer))
}
