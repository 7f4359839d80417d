//! The ingest role: takes messages in over HTTP and AMQP, keeps them, rings for them; and takes Meta's webhooks in.
//!
//! Two doors, one core: [`http`] and [`intake`] only translate, [`accept`] decides. The same input gets the same answer at both.
//!
//! A route is mounted together with its description, from which the OpenAPI document is made: [`openapi`] says how to add one.
//!
//! **Invariant:** what was answered with 2xx, or acknowledged on AMQP, is committed. What could not be kept is answered so, or stays
//! with the broker.

pub mod accept;
pub mod answer;
pub mod batcher;
pub mod credentials;
mod followed;
pub mod http;
pub mod intake;
pub mod jobs;
pub mod openapi;
pub mod problem;
pub mod request;
mod role;
pub mod view;
pub mod webhooks;

pub use role::{Ingest, run};
