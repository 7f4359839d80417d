//! The role on a real database: webhooks go into the inbox as Meta writes them, and the ledger is looked at afterwards.

#![expect(clippy::unwrap_used, reason = "a helper of a test that cannot go on has failed")]

mod concurrency;
mod fields;
mod fuzz;
mod gates;
mod inbound;
mod inbox;
mod people;
mod statuses;
mod views;
mod world;
