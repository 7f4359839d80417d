//! Both doors of ingest over real sockets, with a real database and a real broker.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod amqp;
mod bad_input;
mod balance;
mod broadcasts;
mod calling_back;
mod campaigns;
mod client;
mod described;
mod events;
mod explaining;
mod fallbacks;
mod idempotency;
mod keys;
mod leaving;
mod limits;
mod media;
mod messages;
mod policies;
mod reading;
mod repeating;
mod resolving;
mod rig;
mod stopping;
mod suppressions;
mod test_mode;
mod webhook_endpoints;
mod windows;
