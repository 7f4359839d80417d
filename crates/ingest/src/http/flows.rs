//! Pause, resume and cancel a broadcast: `POST /api/v1/broadcasts/{id}/…`. The answer comes when no POST begins any more.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use domain::FlowId;
use serde_json::json;
use store::stops::Stopped;

use super::{Api, read};
use crate::answer::Answer;
use crate::credentials::{Caller, Scope};
use crate::problem::{Code, Problem};

type Id = Result<Path<String>, PathRejection>;

pub(super) async fn pause(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    let flow = flow(&caller, id)?;
    let paused = api.0.store.pause_flow(caller.organization, flow).await;
    let Some(stopped) = paused.map_err(|error| read::failed(&error))? else {
        return Err(not_there_or_canceled(&api, &caller, flow).await);
    };
    quiet(stopped).await;
    tell(&api, flow, "paused").await
}

pub(super) async fn resume(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    let flow = flow(&caller, id)?;
    let resumed = api.0.store.resume_flow(caller.organization, flow).await;
    if !resumed.map_err(|error| read::failed(&error))? {
        return Err(not_there_or_canceled(&api, &caller, flow).await);
    }
    tell(&api, flow, "running").await
}

pub(super) async fn cancel(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    let flow = flow(&caller, id)?;
    let canceled = api.0.store.cancel_flow(caller.organization, flow).await;
    let stopped = canceled.map_err(|error| read::failed(&error))?;
    quiet(stopped.ok_or_else(read::no_broadcast)?).await;
    tell(&api, flow, "canceled").await
}

/// Waits until the slots that were given out before have passed.
pub(super) async fn quiet(stopped: Stopped) {
    tokio::time::sleep(stopped.quiet_in).await;
}

fn flow(caller: &Caller, id: Id) -> Result<FlowId, Problem> {
    caller.require(Scope::Write)?;
    read::id(id).map(FlowId).ok_or_else(read::no_broadcast)
}

async fn tell(api: &Api, flow: FlowId, status: &str) -> Result<Answer, Problem> {
    let tally = api.0.store.tally(flow, status == "canceled").await;
    let tally = tally.map_err(|error| read::failed(&error))?;
    Ok(Answer::data(
        200,
        json!({
            "broadcast_id": flow,
            "status": status,
            "handed_over": tally.handed_over,
            "canceled": tally.canceled,
            "refused": tally.refused,
            "waiting": tally.waiting,
        }),
    ))
}

async fn not_there_or_canceled(api: &Api, caller: &Caller, flow: FlowId) -> Problem {
    match api.0.store.flow_status(caller.organization, flow).await {
        Ok(None) => read::no_broadcast(),
        Ok(Some(status)) => Problem::new(Code::FlowCanceled, "The broadcast was canceled; send a new one.")
            .details(json!({"broadcast_id": flow, "status": status.as_str()})),
        Err(error) => read::failed(&error),
    }
}
