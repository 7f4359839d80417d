//! Pause, resume and cancel a broadcast: `POST /api/v1/broadcasts/{id}/…`. The answer comes when no POST begins any more.

use axum::Extension;
use axum::extract::State;
use domain::FlowId;
use serde_json::json;
use store::stops::Stopped;

use super::read::Id;
use super::{Api, read};
use crate::answer::Answer;
use crate::credentials::{Caller, Scope};
use crate::openapi::schema::{data, id as id_schema, named};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};

pub(super) fn routes() -> Routes<Api> {
    let operation = |path, id, summary, about| {
        Operation::post(path, id, summary)
            .about(about)
            .tag("Broadcasts")
            .scope(Scope::Write)
            .path_parameter("id", id_schema(), "The broadcast.")
            .no(Code::NotFound)
            .answer(
                200,
                "What goes, what waits, what was stopped.",
                data(named("StoppedBroadcast")),
            )
    };
    let paused = operation(
        "/api/v1/broadcasts/{id}/pause",
        "pauseBroadcast",
        "Pause a broadcast",
        "Answered when no POST of it begins any more.",
    );
    let resumed = operation(
        "/api/v1/broadcasts/{id}/resume",
        "resumeBroadcast",
        "Let a paused broadcast go on",
        "Where it stopped.",
    );
    let canceled = operation(
        "/api/v1/broadcasts/{id}/cancel",
        "cancelBroadcast",
        "Cancel a broadcast",
        "What was handed over stays handed over, the rest never goes. Answered when no POST of it begins any more.",
    );
    Routes::new()
        .on(paused.no(Code::FlowCanceled), pause)
        .on(resumed.no(Code::FlowCanceled), resume)
        .on(canceled, cancel)
}

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
