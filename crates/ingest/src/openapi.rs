//! The OpenAPI document of everything that ingest serves, made from the very list that the routes are made from.
//!
//! **To add a route**: in the handler's file, put it into that file's `routes()` with its [`Operation`]:
//!
//! ```text
//! pub(super) fn routes() -> Routes<Api> {
//!     Routes::new().on(
//!         Operation::get("/api/v1/balance", "getBalance", "The prepaid balance")   // method, path, operationId, one line
//!             .tag("Balance")
//!             .scope(Scope::Read)                       // what the key needs; without it, the call needs no key
//!             .no(Code::NotFound)                       // every no of its own; those of keys and bodies come by themselves
//!             .answer(200, "The balance.", data(schema())),
//!         show,
//!     )
//! }
//! ```
//!
//! and a new file's `routes()` into the list in [`http`](crate::http). There is no other way to mount a route, so none can be missing
//! here. [`schema`] has the building blocks; what is used twice gets a name in `components`. Path parameters are described with
//! [`Operation::path_parameter`], bodies with [`Operation::json`].
//!
//! What an answer may look like is checked wherever tests call ingest (`testkit::Conformance`): a status, a code or a field that the
//! document does not have fails the test that met it. Bodies are generated from the document too: `tests/hostile`.
//!
//! **Invariant:** schemas of requests refuse only what the code refuses; schemas of answers tell every field there is. For callers,
//! answers may gain fields (the document leaves them open); the tests close them.

mod balance;
pub(crate) mod broadcasts;
pub(crate) mod campaigns;
mod components;
pub(crate) mod events;
mod keys;
mod limits;
mod media;
pub(crate) mod messages;
mod operation;
mod routes;
pub mod schema;
mod story;
mod suppressions;

use serde_json::{Map, Value, json};

pub use operation::Operation;
pub use routes::Routes;

const ABOUT: &str = "The open, self-hosted send pipeline for the WhatsApp Business Platform.\n\nSuccess is `{\"data\": …, \"meta\": …}`, \
    a no is `{\"error\": {\"code\", \"message\", \"status\", \"details\"}, \"meta\": …}`; `code` is stable. Fields may be added to answers, never \
    renamed. The bodies of the two POSTs under `/api/v1/messages/whatsapp` are taken over AMQP as well (`turnpike asyncapi`).";

/// The document of these operations.
pub fn document(operations: &[Operation]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let path = paths.entry(operation.path()).or_insert_with(|| json!({}));
        path[operation.method().as_str().to_ascii_lowercase()] = operation.to_json();
    }
    let mut tags: Vec<&str> = operations.iter().map(Operation::tag_name).collect();
    tags.sort_unstable();
    tags.dedup();
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Turnpike", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT, "license": {"name": "MIT", "identifier": "MIT"}},
        "servers": [{"url": "/", "description": "The ingest role that serves this document."}],
        "tags": tags.iter().map(|tag| json!({"name": tag})).collect::<Vec<_>>(),
        "security": [],
        "paths": paths,
        "components": components::all(),
    })
}
