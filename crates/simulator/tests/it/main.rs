//! The simulator as its users see it: over HTTP, with a receiver of webhooks beside it.

#![expect(clippy::unwrap_used, reason = "a test helper that fails fails its test")]

mod caller;
mod receiver;

mod answers;
mod control;
mod faults;
mod limits;
mod webhooks;
