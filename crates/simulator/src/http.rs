//! The HTTP side: Meta's Graph API, and the control interface under `/_sim`.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::DefaultBodyLimit;

use crate::state::State;

mod control;
mod graph;
pub(crate) mod management;
pub(crate) mod media;
mod messages;
mod nodes;
mod server;
mod verification;

pub(crate) use server::Server;

/// When the head of a request was read: put there before anything else is done with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival(pub(crate) Instant);

/// An answer that is none: the connection ends instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Cut {
    /// An orderly end (FIN), as when a proxy gives up.
    #[error("closing the connection without an answer")]
    Close,
    /// A reset (RST).
    #[error("resetting the connection without an answer")]
    Reset,
}

/// What the routes share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) state: Arc<State>,
    pub(crate) client: reqwest::Client,
}

pub(crate) fn router(state: Arc<State>, client: reqwest::Client) -> Router {
    Router::new()
        .nest("/_sim", control::routes())
        .fallback(graph::serve)
        // Files of a hundred megabytes come in; what is too large for its kind is refused as Meta does it.
        .layer(DefaultBodyLimit::disable())
        .with_state(Shared { state, client })
}
