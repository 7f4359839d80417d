//! Everything that is said to Meta and heard from Meta: the Graph API client, the bytes of a message, webhooks.
//!
//! **Invariant:** one call of [`Client::send_message`] is at most one POST, and its [`domain::attempt::Outcome`] never claims
//! more than the wire proves. Nothing here writes a log line: tokens, phone numbers and texts pass through, and what callers
//! may log (causes, reasons) is made without them.

mod client;
mod graph;
mod lenient;
pub mod media;
pub mod message;
mod numbers;
pub mod templates;
pub mod webhook;

pub use client::{Client, ClientConfig, Error, Step, Watch, install_crypto, judge};
pub use hyper::body::Bytes;
pub use numbers::PhoneNumber;
