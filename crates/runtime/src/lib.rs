//! What every role needs, and nothing about messages: configuration, telemetry, supervision, shutdown, clock, health.
//!
//! **Invariant:** this crate knows no other crate of the workspace. A role brings its own work and asks this one only to
//! start it, watch it, tell the operator about it and stop it.

pub mod batch;
mod clock;
pub mod config;
pub mod crash;
pub mod health;
mod shutdown;
mod supervise;
pub mod telemetry;

pub use clock::Clock;
pub use shutdown::{Drained, Shutdown};
pub use supervise::{Backoff, Healthy, Supervisor, supervise};
