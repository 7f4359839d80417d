//! The broker crate against a real RabbitMQ. Every test has a prefix of its own and deletes it at the end.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod connecting;
mod consuming;
mod harness;
mod proxy;
mod publishing;
