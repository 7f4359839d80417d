//! Meta's webhooks: the subscription check, and deliveries into the durable inbox.
//!
//! **Invariant:** nothing looks into a body before its signature is verified over the bytes as they came, and 200 is answered only
//! after the commit that keeps it: Meta offers no history, so what was answered must not be lost. Applying is another role's work.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use runtime::crash::{CrashPoint, crash_at};
use runtime::{Clock, Shutdown, batch};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use store::Store;
use subtle::ConstantTimeEq;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::warn;

use crate::openapi::schema::{anything, string};
use crate::openapi::{Operation, Routes};

/// Meta sends up to 3 MB.
const LARGEST_BODY: usize = 4 << 20;
/// Bytes in one commit, more or less.
const BYTES_AT_ONCE: usize = 64 << 20;
/// What a body weighs at least, so that a commit holds 512 bodies at most.
const LIGHTEST_BODY: usize = BYTES_AT_ONCE / 512;
/// How long the first body of a commit waits for others.
const WINDOW: Duration = Duration::from_millis(3);
/// Bodies that wait for the commit before theirs; more wait in their connections.
const WAITING: usize = 512;

/// What the endpoint needs.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// Where bodies are kept.
    pub store: Store,
    /// The app secrets that Meta may sign with; several while one is being replaced.
    pub app_secrets: Vec<SecretString>,
    /// The word of the subscription check. An empty one lets nobody in.
    pub verify_token: SecretString,
    /// Tells when a body came.
    pub clock: Clock,
}

/// `GET` and `POST /webhooks/meta`. The task that commits bodies ends once this router and its clones are gone.
pub fn routes(webhooks: Webhooks, shutdown: &Shutdown) -> Router {
    let (inbox, bodies) = mpsc::channel(WAITING);
    shutdown.spawn("webhook inbox", keep(webhooks.store, webhooks.clock, bodies));
    let endpoint = Endpoint {
        app_secrets: webhooks.app_secrets.into(),
        verify_token: webhooks.verify_token,
        inbox,
    };
    let (router, _) = described().into_parts();
    router.layer(DefaultBodyLimit::max(LARGEST_BODY)).with_state(endpoint)
}

/// The routes before they have what they need.
pub(crate) fn described() -> Routes<Endpoint> {
    const PATH: &str = "/webhooks/meta";
    Routes::new()
        .on(
            Operation::get(PATH, "subscribeMeta", "Meta's check of the subscription")
                .tag("Meta's webhooks")
                .query("hub.mode", string(), "`subscribe`.")
                .query("hub.verify_token", string(), "The word that the app's settings hold.")
                .query("hub.challenge", string(), "What to answer.")
                .answer_as(200, "The challenge.", "text/plain", string())
                .answer_as(400, "The query string cannot be read.", "text/plain", string())
                .answer_as(403, "The word differs.", "text/plain", string()),
            subscribe,
        )
        .on(
            Operation::post(PATH, "receiveMeta", "A delivery of Meta's webhooks")
                .about("Signed over the bytes with the app secret: `X-Hub-Signature-256`.")
                .tag("Meta's webhooks")
                .body("application/json", anything(), true)
                .empty_answer(200, "It is kept.")
                .answer_as(400, "The body broke off.", "text/plain", string())
                .answer_as(401, "The signature does not match.", "text/plain", string())
                .answer_as(413, "The body is longer than Meta's ever are.", "text/plain", string())
                .answer_as(503, "Deliver it again.", "text/plain", string()),
            receive,
        )
}

/// What the handlers need.
#[derive(Clone)]
pub(crate) struct Endpoint {
    app_secrets: std::sync::Arc<[SecretString]>,
    verify_token: SecretString,
    inbox: mpsc::Sender<Delivery>,
}

/// A verified body, and who waits for its commit.
struct Delivery {
    body: Bytes,
    kept: oneshot::Sender<bool>,
}

#[derive(Deserialize)]
struct Subscription {
    #[serde(rename = "hub.mode", default)]
    mode: String,
    #[serde(rename = "hub.verify_token", default)]
    verify_token: String,
    #[serde(rename = "hub.challenge", default)]
    challenge: String,
}

/// Meta asks whether we are who the app's settings say.
async fn subscribe(State(endpoint): State<Endpoint>, Query(asked): Query<Subscription>) -> Response {
    let expected = endpoint.verify_token.expose_secret().as_bytes();
    let matches = bool::from(asked.verify_token.as_bytes().ct_eq(expected)) && !expected.is_empty();
    if asked.mode == "subscribe" && matches {
        // A String is answered as text/plain, which is what Meta wants.
        asked.challenge.into_response()
    } else {
        warn!("a webhook subscription was refused: the verify token differs from TURNPIKE_META_VERIFY_TOKEN");
        (StatusCode::FORBIDDEN, "the verify token does not match\n").into_response()
    }
}

/// Takes a delivery. Anything but 200 makes Meta try again, for days.
async fn receive(State(endpoint): State<Endpoint>, headers: HeaderMap, body: Bytes) -> Response {
    let started = Instant::now();
    let signature = headers
        .get("x-hub-signature-256")
        .and_then(|header| header.to_str().ok());
    if !meta::webhook::verify(&endpoint.app_secrets, &body, signature) {
        count("bad_signature");
        warn!("a webhook was refused: its signature does not fit TURNPIKE_META_APP_SECRET");
        return (StatusCode::UNAUTHORIZED, "the signature does not match\n").into_response();
    }
    let (kept, answer) = oneshot::channel();
    let sent = endpoint.inbox.send(Delivery { body, kept }).await.is_ok();
    if sent && answer.await.unwrap_or(false) {
        count("kept");
        metrics::histogram!("turnpike_webhook_answer_seconds").record(started.elapsed().as_secs_f64());
        StatusCode::OK.into_response()
    } else {
        count("unavailable");
        (StatusCode::SERVICE_UNAVAILABLE, "try again\n").into_response()
    }
}

/// Commits bodies, many at a time, until nobody can hand one in any more.
async fn keep(store: Store, clock: Clock, mut deliveries: mpsc::Receiver<Delivery>) {
    let weigh = |delivery: &Delivery| delivery.body.len().max(LIGHTEST_BODY);
    while let Some(batch) = batch::next_weighed(&mut deliveries, BYTES_AT_ONCE, WINDOW, weigh).await {
        let started = Instant::now();
        let bodies: Vec<&[u8]> = batch.iter().map(|delivery| delivery.body.as_ref()).collect();
        crash_at(CrashPoint::H1);
        let kept = store.keep_webhooks(clock.now(), &bodies).await;
        crash_at(CrashPoint::H2);
        if let Err(error) = &kept {
            let state = error.sql_state().map_or("", |state| state.code());
            let bodies = batch.len();
            warn!(
                sql.state = state,
                bodies, "{error} failed, Meta is told to send {bodies} of them again"
            );
        }
        metrics::histogram!("turnpike_webhook_commit_seconds").record(started.elapsed().as_secs_f64());
        metrics::counter!("turnpike_webhook_commits_total").increment(1);
        for delivery in batch {
            // Who has hung up meanwhile will deliver again, which does no harm.
            let _ = delivery.kept.send(kept.is_ok());
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("turnpike_webhooks_total", "outcome" => outcome).increment(1);
}
