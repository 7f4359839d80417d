//! The sender against real servers, with the simulator as the referee: what it posts, what it does not, and what it leaves behind.

#![expect(clippy::unwrap_used, reason = "a stage that cannot be set fails its test")]

mod drain;
mod fallbacks;
mod faults;
mod gates;
mod pace;
mod policies;
mod stage;
mod test_mode;
