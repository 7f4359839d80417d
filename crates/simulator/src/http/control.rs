//! The control interface: what tests, demos and curious people use to look into the simulator and to steer it.

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Shared, verification};
use crate::error::Error;
use crate::fault::Fault;
use crate::handle::Handle;
use crate::referee::Inbound;
use crate::report::Report;

/// Ledger entries in one page when `limit` is not given.
const LEDGER_PAGE: usize = 1_000;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/health", get(health))
        .route("/report", get(report))
        .route("/ledger", get(ledger))
        .route("/faults", put(set_faults).get(faults))
        .route("/config", put(patch_config))
        .route("/inbound", post(inbound))
        .route("/media", post(media))
        .route("/media/expire", post(expire_media))
        .route("/template", post(template))
        .route("/tell", post(tell))
        .route("/reset", post(reset))
        .route("/verify-webhook", post(verify_webhook))
}

impl Shared {
    fn handle(&self) -> Handle {
        Handle::new(self.state.clone())
    }
}

async fn health() -> Json<Value> {
    Json(json!({ "ok": true }))
}

async fn report(State(shared): State<Shared>) -> Json<Report> {
    Json(shared.handle().report())
}

#[derive(Debug, Deserialize)]
struct Page {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
}

async fn ledger(State(shared): State<Shared>, Query(page): Query<Page>) -> Json<Value> {
    let entries = shared
        .handle()
        .ledger_after(page.after, page.limit.unwrap_or(LEDGER_PAGE));
    let next = entries.last().map_or(page.after, |entry| entry.seq);
    Json(json!({ "entries": entries, "next": next }))
}

async fn faults(State(shared): State<Shared>) -> Json<Vec<Fault>> {
    Json(shared.handle().config().faults.clone())
}

async fn set_faults(State(shared): State<Shared>, body: Bytes) -> Result<Json<Vec<Fault>>, Refused> {
    let faults: Vec<Fault> = read(&body)?;
    shared.handle().set_faults(faults.clone())?;
    Ok(Json(faults))
}

async fn patch_config(State(shared): State<Shared>, body: Bytes) -> Result<Json<Value>, Refused> {
    let patch: Value = read(&body)?;
    shared.handle().patch_config(&patch)?;
    Ok(Json(json!({ "ok": true })))
}

async fn inbound(State(shared): State<Shared>, body: Bytes) -> Result<Json<Value>, Refused> {
    let inbound: Inbound = read(&body)?;
    let wamid = shared.handle().inbound(&inbound)?;
    Ok(Json(json!({ "wamid": wamid })))
}

#[derive(Debug, Deserialize)]
struct NewFile {
    phone_number_id: String,
    mime_type: String,
    /// Base64.
    content: String,
}

async fn media(State(shared): State<Shared>, body: Bytes) -> Result<Json<Value>, Refused> {
    let file: NewFile = read(&body)?;
    let content = data_encoding::BASE64.decode(file.content.as_bytes());
    let content = content.map_err(|_| Refused("content: not base64".to_owned()))?;
    let id = shared
        .handle()
        .inbound_media(&file.phone_number_id, &file.mime_type, content);
    Ok(Json(json!({ "id": id })))
}

async fn expire_media(State(shared): State<Shared>) -> Json<Value> {
    shared.handle().expire_media();
    Json(json!({ "ok": true }))
}

#[derive(Debug, Deserialize)]
struct TemplateEvent {
    name: String,
    language: String,
    event: String,
}

async fn template(State(shared): State<Shared>, body: Bytes) -> Result<Json<Value>, Refused> {
    let event: TemplateEvent = read(&body)?;
    shared
        .handle()
        .template_event(&event.name, &event.language, &event.event)?;
    Ok(Json(json!({ "ok": true })))
}

#[derive(Debug, Deserialize)]
struct Told {
    waba_id: String,
    field: String,
    value: Value,
}

async fn tell(State(shared): State<Shared>, body: Bytes) -> Result<Json<Value>, Refused> {
    let told: Told = read(&body)?;
    shared.handle().tell(&told.waba_id, &told.field, told.value);
    Ok(Json(json!({ "ok": true })))
}

async fn reset(State(shared): State<Shared>) -> Json<Value> {
    shared.handle().reset().await;
    Json(json!({ "ok": true }))
}

async fn verify_webhook(State(shared): State<Shared>) -> Result<Json<Value>, Refused> {
    verification::verify(&shared.state.config(), &shared.client).await?;
    Ok(Json(json!({ "ok": true })))
}

/// Reads JSON without asking for a content type, so that plain `curl -d` works.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused(error.to_string()))
}

/// A control request that cannot be: 400 with a sentence.
#[derive(Debug)]
struct Refused(String);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({ "error": self.0 }))).into_response()
    }
}
