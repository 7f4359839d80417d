//! `GET /api/v1/messages/{id}/explain`.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use domain::MessageId;

use super::{Api, read};
use crate::answer::Answer;
use crate::credentials::{Caller, Scope};
use crate::openapi::schema::{data, id as id_schema, named};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};
use crate::view;

pub(super) fn routes() -> Routes<Api> {
    Routes::new().on(
        Operation::get("/api/v1/messages/{id}/explain", "explainMessage", "The whole story of a message")
            .about("In order: how it came in, every rule with its facts and verdict, waits, attempts, webhooks, what comes next and when.")
            .scope(Scope::Read)
            .path_parameter("id", id_schema(), "The message.")
            .no(Code::NotFound)
            .answer(200, "The story.", data(named("Story"))),
        message,
    )
}

pub(super) async fn message(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let (id, now) = (read::id(id).ok_or_else(read::no_message)?, api.0.clock.now());
    let told = api.0.store.story(caller.organization, MessageId(id), now).await;
    let told = told
        .map_err(|error| read::failed(&error))?
        .ok_or_else(read::no_message)?;
    Ok(Answer::data(200, view::story(&told, now)))
}
