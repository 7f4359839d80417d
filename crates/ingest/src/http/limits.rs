//! `GET /api/v1/limits`.

use axum::Extension;
use axum::extract::State;

use super::{Api, read};
use crate::answer::Answer;
use crate::credentials::{Caller, Scope};
use crate::openapi::schema::{data, named};
use crate::openapi::{Operation, Routes};
use crate::problem::Problem;
use crate::view;

pub(super) fn routes() -> Routes<Api> {
    Routes::new().on(
        Operation::get(
            "/api/v1/limits",
            "getLimits",
            "What each messaging limit and sender number has left",
        )
        .tag("Numbers")
        .scope(Scope::Read)
        .answer(200, "Every scope and number.", data(named("Limits"))),
        limits,
    )
}

pub(super) async fn limits(State(api): State<Api>, Extension(caller): Extension<Caller>) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let found = api.0.store.limits(caller.organization).await;
    Ok(Answer::data(
        200,
        view::limits(&found.map_err(|error| read::failed(&error))?),
    ))
}
