//! Policies against a real PostgreSQL: quotas and frequency caps from many connections at once, what is remembered, what is forgotten.

#![expect(clippy::unwrap_used, reason = "a stage that cannot be set fails its test")]

mod declaring;
mod frequency;
mod memory;
mod quota;
mod rows;
