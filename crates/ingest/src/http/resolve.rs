//! `POST /api/v1/messages/{id}/resolve`: an operator says what became of a message whose outcome nobody could learn.

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use domain::MessageId;
use domain::content::FieldError;
use serde_json::{Value, json};
use store::resolve::{Resolution, Resolved};

use super::{Api, body, read};
use crate::answer::{Answer, timestamp};
use crate::credentials::{Caller, Scope};
use crate::openapi::messages::resolved as resolved_schema;
use crate::openapi::schema::{data, id as id_schema, request, word};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};

pub(super) fn routes() -> Routes<Api> {
    let body = request(&[("as", word(&["accepted", "failed", "resend"]))], &[]);
    Routes::new().on(
        Operation::post(
            "/api/v1/messages/{id}/resolve",
            "resolveMessage",
            "Say what became of a message whose outcome is in doubt",
        )
        .about("`resend` takes the risk of a second copy.")
        .scope(Scope::Admin)
        .path_parameter("id", id_schema(), "The message.")
        .json(body)
        .nos(&[Code::NotFound, Code::NotResolvable])
        .answer(200, "It is so.", data(resolved_schema())),
        message,
    )
}

pub(super) async fn message(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let id = read::id(id).ok_or_else(read::no_message)?;
    let fields = body::object(&headers, body).await?;
    body::known(&fields, &["as"])?;
    let word = fields.get("as").unwrap_or(&Value::Null);
    let resolution = match word.as_str() {
        Some("accepted") => Resolution::Accepted,
        Some("failed") => Resolution::Failed,
        Some("resend") => Resolution::Resend,
        _ => {
            let wrong = FieldError::new("as", word, "one of accepted, failed, resend");
            return Err(Problem::field(Code::ValidationError, wrong));
        }
    };
    let resolved = api
        .0
        .store
        .resolve(caller.organization, MessageId(id), resolution)
        .await;
    match resolved.map_err(|error| read::failed(&error))? {
        Resolved::Done => Ok(Answer::data(200, json!({"message_id": id, "resolved_as": word}))),
        Resolved::NotFound => Err(read::no_message()),
        Resolved::NotUncertain(status) => {
            let message =
                "The outcome of this message is not in question; only uncertain and unknown ones can be resolved.";
            Err(Problem::new(Code::NotResolvable, message).details(json!({"message_id": id, "status": status})))
        }
        Resolved::Expired(at) => {
            let message = "The message's time is over, so it is not sent again; resolve it as accepted or failed.";
            let details = json!({"message_id": id, "expires_at": timestamp(at)});
            Err(Problem::new(Code::NotResolvable, message).details(details))
        }
    }
}
