//! The HTTP door: thin handlers around the core.
//!
//! Every answer of ours is an [`Answer`] until the very last moment; `exchange` gives it its request id and writes it out, so there
//! is one place that knows how an answer looks. Routes that are mounted beside ours answer as they like.

mod authenticated;
mod balance;
mod body;
mod cancel;
mod contacts;
mod exchange;
mod explain;
mod flows;
mod limits;
mod list;
mod numbers;
mod rate;
mod read;
mod resolve;
mod submit;
mod suppressions;
mod wait;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use runtime::{Clock, Shutdown};
use store::Store;

use crate::answer::Answer;
use crate::batcher::Batcher;
use crate::credentials::Credentials;
use crate::problem::{Code, Problem};
use crate::request::Kind;

/// What the handlers need. Clones are the same.
#[derive(Debug, Clone)]
pub struct Api(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    store: Store,
    clock: Clock,
    batcher: Batcher,
    credentials: Credentials,
    rates: rate::Rates,
    shutdown: Shutdown,
}

impl Api {
    /// An API in front of a batcher. Waiting callers are let go when the shutdown is asked for.
    pub fn new(store: Store, clock: Clock, batcher: Batcher, credentials: Credentials, shutdown: Shutdown) -> Self {
        Self(Arc::new(Parts {
            store,
            clock,
            batcher,
            credentials,
            rates: rate::Rates::default(),
            shutdown,
        }))
    }
}

/// Our routes, and `beside` them others that need no API key.
pub fn router(api: Api, beside: Router) -> Router {
    let ours = Router::new()
        .route(Kind::Message.path(), post(submit::message))
        .route(Kind::Broadcast.path(), post(submit::broadcast))
        .route("/api/v1/messages/whatsapp/window-status", get(read::window_status))
        .route("/api/v1/messages", get(list::messages))
        .route("/api/v1/messages/{id}", get(read::message))
        .route("/api/v1/messages/{id}/cancel", post(cancel::message))
        .route("/api/v1/messages/{id}/explain", get(explain::message))
        .route("/api/v1/messages/{id}/resolve", post(resolve::message))
        .route("/api/v1/broadcasts/{id}", get(read::broadcast))
        .route("/api/v1/broadcasts/{id}/pause", post(flows::pause))
        .route("/api/v1/broadcasts/{id}/resume", post(flows::resume))
        .route("/api/v1/broadcasts/{id}/cancel", post(flows::cancel))
        .route("/api/v1/numbers/{phone_number_id}/pause", post(numbers::pause))
        .route("/api/v1/numbers/{phone_number_id}/resume", post(numbers::resume))
        .route("/api/v1/contacts/{phone}", put(contacts::put))
        .route("/api/v1/limits", get(limits::limits))
        .route("/api/v1/balance", get(balance::show))
        .route("/api/v1/balance/top-up", post(balance::top_up))
        .route("/api/v1/suppressions", get(suppressions::list))
        .route("/api/v1/suppressions/import", post(suppressions::import))
        .route(
            "/api/v1/suppressions/{phone}",
            get(suppressions::show)
                .put(suppressions::put)
                .delete(suppressions::delete),
        )
        .route_layer(middleware::from_fn_with_state(api.clone(), authenticated::only))
        .with_state(api.clone());
    ours.merge(beside)
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
