//! Webhooks out of the simulator: which updates follow a message, how they are packed and signed, and how they travel.
//!
//! `plan` decides and `outbox` orders, both without IO; `engine` is the one task that posts. There is no timer per
//! message: one heap, one sleep.

pub(crate) mod engine;
pub(crate) mod outbox;
pub(crate) mod payload;
pub(crate) mod plan;
pub(crate) mod signature;
pub(crate) mod update;
