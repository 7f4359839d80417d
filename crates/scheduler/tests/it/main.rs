//! The scheduler against a real PostgreSQL and a real RabbitMQ.

#![expect(clippy::unwrap_used, reason = "a stage that cannot be set fails its test")]

mod broadcasts;
mod campaigns;
mod fairness;
mod forgetting;
mod pacing;
mod punctuality;
mod releasing;
mod repairing;
mod upkeep;
mod watching;
mod world;
