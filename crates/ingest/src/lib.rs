//! Placeholder.

pub mod webhooks;
