//! `GET` of one message, one broadcast, one service window.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use domain::content::FieldError;
use domain::{FlowId, MessageId};
use serde_json::Value;
use tracing::error;
use uuid::Uuid;

use super::Api;
use super::list::Query;
use crate::accept::chain;
use crate::answer::Answer;
use crate::credentials::{Caller, Scope};
use crate::openapi::messages::window;
use crate::openapi::schema::{data, id as id_schema, named, phone, sender};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};
use crate::request::{SenderName, recipient_of_query};
use crate::view;

/// The id in a path, as a text.
pub(super) type Id = Result<Path<String>, PathRejection>;

/// What a path names. Empty where nothing can have that name: it is no UTF-8, or holds U+0000, which PostgreSQL does not keep.
pub(super) fn named_id(id: Id) -> String {
    id.map(|Path(id)| id)
        .ok()
        .filter(|id| !id.contains('\0'))
        .unwrap_or_default()
}

pub(super) fn routes() -> Routes<Api> {
    Routes::new()
        .on(
            Operation::get("/api/v1/messages/{id}", "getMessage", "A message with everything that happened to it")
                .scope(Scope::Read)
                .path_parameter("id", id_schema(), "The message.")
                .no(Code::NotFound)
                .answer(200, "The message.", data(named("Message"))),
            message,
        )
        .on(
            Operation::get("/api/v1/broadcasts/{id}", "getBroadcast", "How far a broadcast is")
                .tag("Broadcasts")
                .scope(Scope::Read)
                .path_parameter("id", id_schema(), "The broadcast.")
                .no(Code::NotFound)
                .answer(200, "Counts per status and reason.", data(named("Broadcast"))),
            broadcast,
        )
        .on(
            Operation::get(
                "/api/v1/messages/whatsapp/window-status",
                "getWindowStatus",
                "Whether a person may be answered freely now",
            )
            .about(
                "A person's message opens the service window for 24 hours; outside it only templates may be sent. Without `from`, any \
                 of the organization's numbers counts; with it, only that one, as when sending.",
            )
            .scope(Scope::Read)
            .required_query("to", phone(), "The person.")
            .query("from", sender(), "The sender number.")
            .nos(&[Code::InvalidPhoneNumber, Code::SenderNotFound])
            .answer(200, "The window.", data(window())),
            window_status,
        )
}

pub(super) async fn message(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let (id, now) = (id_or(id, no_message)?, api.0.clock.now());
    let found = api.0.store.message(caller.organization, MessageId(id), now).await;
    let found = found.map_err(|error| failed(&error))?.ok_or_else(no_message)?;
    Ok(Answer::data(200, view::message(&found, now)))
}

pub(super) async fn broadcast(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let (id, now) = (id_or(id, no_broadcast)?, api.0.clock.now());
    let found = api.0.store.broadcast(caller.organization, FlowId(id), now).await;
    let found = found.map_err(|error| failed(&error))?.ok_or_else(no_broadcast)?;
    Ok(Answer::data(200, view::broadcast(&found, now)))
}

pub(super) async fn window_status(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let query = Query::read(&uri, &["to", "from"])?;
    let to =
        recipient_of_query("to", query.get("to")).map_err(|wrong| Problem::field(Code::InvalidPhoneNumber, wrong))?;
    let number = match query.phone("from") {
        None => None,
        Some(name) => {
            let name =
                SenderName::parse("from", &name).map_err(|wrong| Problem::field(Code::InvalidPhoneNumber, wrong))?;
            let found = api.0.store.sender_number(caller.organization, name.as_str()).await;
            let number = found.map_err(|error| failed(&error))?.ok_or_else(|| {
                let expected = "a sender number of this organization: its phone number with +, or its phone_number_id";
                let wrong = FieldError::new("from", &Value::from(name.as_str()), expected);
                Problem::field(Code::SenderNotFound, wrong)
            })?;
            Some(number)
        }
    };
    let id = number.as_ref().map(|number| number.id);
    let window = api.0.store.service_window(caller.organization, id, &to).await;
    let window = window.map_err(|error| failed(&error))?;
    let from = number.map(|number| number.phone);
    Ok(Answer::data(
        200,
        view::window(&to, from.as_deref(), window, api.0.clock.now()),
    ))
}

/// The id in a path; `None` when it is none, which is as good as an id of nothing.
pub(super) fn id(id: Id) -> Option<Uuid> {
    id.ok()?.parse().ok()
}

fn id_or(given: Id, problem: fn() -> Problem) -> Result<Uuid, Problem> {
    id(given).ok_or_else(problem)
}

pub(super) fn no_message() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is no message with this id; check that it was copied whole.",
    )
}

pub(super) fn no_broadcast() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is no broadcast with this id; check that it was copied whole.",
    )
}

/// The answer to a question that the ledger could not answer.
pub(super) fn failed(failed: &store::Error) -> Problem {
    error!("answering a question failed: {}", chain(failed));
    Problem::from(failed)
}
