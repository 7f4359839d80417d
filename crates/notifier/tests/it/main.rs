//! The notifier against a real PostgreSQL and a real RabbitMQ, with a listener that is no part of Turnpike.

#![expect(clippy::unwrap_used, reason = "a stage that cannot be set fails its test")]

mod changes;
mod every_kind;
mod listener;
mod load;
mod order;
mod receiver;
mod retelling;
mod unheard;
mod verifier;
mod webhooks;
mod world;
