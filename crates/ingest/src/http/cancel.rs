//! `POST /api/v1/messages/{id}/cancel`.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde_json::json;
use store::cancel::Cancel;

use super::{Api, read};
use crate::answer::{Answer, optional_timestamp};
use crate::credentials::{Caller, Scope};
use crate::openapi::messages::canceled;
use crate::openapi::schema::{data, id as id_schema};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};

pub(super) fn routes() -> Routes<Api> {
    Routes::new().on(
        Operation::post("/api/v1/messages/{id}/cancel", "cancelMessage", "Call a message back")
            .about("Definite: after 200 the message is never sent; 409 says when it was handed over. Repeating it changes nothing.")
            .scope(Scope::Write)
            .path_parameter("id", id_schema(), "The message.")
            .nos(&[Code::NotFound, Code::NotCancelable])
            .answer(200, "It will never be sent.", data(canceled())),
        message,
    )
}

pub(super) async fn message(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Answer, Problem> {
    caller.require(Scope::Write)?;
    let id = read::id(id).ok_or_else(read::no_message)?;
    let canceled = api
        .0
        .store
        .cancel(caller.organization, domain::MessageId(id), api.0.clock.now())
        .await;
    match canceled.map_err(|error| read::failed(&error))? {
        Cancel::Canceled => Ok(Answer::data(200, json!({"message_id": id, "canceled": true}))),
        Cancel::NotFound => Err(read::no_message()),
        Cancel::TooLate { status, handed_over_at } => {
            let message = match handed_over_at {
                Some(_) => "The message was handed over already and cannot be called back.",
                None => "The message is over already; there is nothing to call back.",
            };
            let details =
                json!({"message_id": id, "status": status, "handed_over_at": optional_timestamp(handed_over_at)});
            Err(Problem::new(Code::NotCancelable, message).details(details))
        }
    }
}
