//! The role on a real database: webhooks go into the inbox as Meta writes them, and the ledger is looked at afterwards.

mod concurrency;
mod gates;
mod inbound;
mod inbox;
mod statuses;
mod views;
mod world;
