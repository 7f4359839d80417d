//! Admission and outcomes against a real PostgreSQL: one gate after another, then many at once.

#![expect(clippy::unwrap_used, reason = "a stage that cannot be set fails its test")]

mod balance;
mod bench;
mod books;
mod contention;
mod gates;
mod model;
mod money;
mod outcomes;
mod pace;
mod test_mode;
