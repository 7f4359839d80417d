//! The HTTP door: thin handlers around the core.
//!
//! Every answer of ours is an [`Answer`] until the very last moment; `exchange` gives it its request id and writes it out, so there
//! is one place that knows how an answer looks. Routes that are mounted beside ours answer as they like.

mod accounts;
mod authenticated;
mod balance;
mod body;
mod campaigns;
mod cancel;
mod contacts;
mod described;
mod events;
mod exchange;
mod explain;
mod flows;
mod inbound;
mod keys;
mod limits;
mod list;
mod mark;
mod media;
mod numbers;
mod rate;
mod read;
mod recipients;
mod resolve;
mod stream;
mod submit;
mod suppressions;
pub(crate) mod templates;
mod wait;
mod webhook_deliveries;
mod webhook_endpoints;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use domain::destination::Policy;
use domain::network::Network;
use runtime::{Clock, Shutdown};
use serde_json::Value;
use store::Store;

use crate::answer::Answer;
use crate::batcher::Batcher;
use crate::credentials::Credentials;
use crate::openapi::{self, Routes};
use crate::problem::{Code, Problem};
use crate::webhooks;

/// What the handlers need. Clones are the same.
#[derive(Debug, Clone)]
pub struct Api(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    store: Store,
    meta: meta::Client,
    clock: Clock,
    batcher: Batcher,
    credentials: Credentials,
    rates: rate::Rates,
    streams: stream::Streams,
    outbound: Policy,
    proxies: Vec<Network>,
    shutdown: Shutdown,
}

impl Api {
    /// An API in front of a batcher. What `proxies` say about where a call comes from is believed; `outbound` says which addresses of
    /// webhooks may be called. Waiting callers are let go when the shutdown is asked for.
    pub fn new(
        store: Store,
        meta: meta::Client,
        clock: Clock,
        batcher: Batcher,
        credentials: Credentials,
        (outbound, proxies): (Policy, Vec<Network>),
        shutdown: Shutdown,
    ) -> Self {
        Self(Arc::new(Parts {
            store,
            meta,
            clock,
            batcher,
            credentials,
            rates: rate::Rates::default(),
            streams: stream::Streams::default(),
            outbound,
            proxies,
            shutdown,
        }))
    }
}

/// Every route that needs an API key. A file with handlers is one line here.
fn with_key() -> Routes<Api> {
    let files = [
        submit::routes(),
        read::routes(),
        list::routes(),
        inbound::routes(),
        mark::routes(),
        cancel::routes(),
        explain::routes(),
        resolve::routes(),
        flows::routes(),
        numbers::routes(),
        contacts::routes(),
        limits::routes(),
        balance::routes(),
        keys::routes(),
        suppressions::routes(),
        campaigns::routes(),
        recipients::routes(),
        events::routes(),
        stream::routes(),
        webhook_endpoints::routes(),
        webhook_deliveries::routes(),
        media::routes(),
        templates::routes(),
        accounts::routes(),
    ];
    files.into_iter().fold(Routes::new(), Routes::merge)
}

/// The OpenAPI document of every route that ingest serves.
pub fn document() -> Value {
    let (ours, open, beside) = (with_key(), described::routes(), webhooks::described());
    let operations = [ours.operations(), open.operations(), beside.operations()].concat();
    openapi::document(&operations)
}

/// Our routes, and `beside` them others that need no API key.
pub fn router(api: Api, beside: Router) -> Router {
    let (ours, _) = with_key().into_parts();
    let ours = ours
        .route_layer(middleware::from_fn_with_state(api.clone(), authenticated::only))
        .with_state(api.clone());
    let (open, _) = described::routes().into_parts();
    ours.merge(open)
        .merge(beside)
        .fallback(async || {
            Problem::new(
                Code::NotFound,
                "There is nothing at this path; see the README for what there is.",
            )
        })
        .method_not_allowed_fallback(async || {
            Problem::new(
                Code::MethodNotAllowed,
                "This path does not take this method; see the README for what it takes.",
            )
        })
        .layer(middleware::from_fn_with_state(api, exchange::answered))
}

impl IntoResponse for Answer {
    /// Carries itself to `exchange::answered`.
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        Answer::from(self).into_response()
    }
}
