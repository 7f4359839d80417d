//! `GET /api/v1/limits`.

use axum::Extension;
use axum::extract::State;

use super::{Api, read};
use crate::answer::Answer;
use crate::credentials::{Caller, Scope};
use crate::problem::Problem;
use crate::view;

pub(super) async fn limits(State(api): State<Api>, Extension(caller): Extension<Caller>) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let found = api.0.store.limits(caller.organization).await;
    Ok(Answer::data(
        200,
        view::limits(&found.map_err(|error| read::failed(&error))?),
    ))
}
