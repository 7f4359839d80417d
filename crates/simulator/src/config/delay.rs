//! A time to wait: always the same, or drawn evenly from a range.

use rand::Rng;
use serde::{Deserialize, Serialize};

/// Milliseconds: `5`, or `{"min_ms": 5, "max_ms": 40}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Delay {
    /// Always this long.
    Fixed(u64),
    /// Evenly spread, both ends included.
    Uniform {
        /// Shortest wait.
        min_ms: u64,
        /// Longest wait.
        max_ms: u64,
    },
}

impl Delay {
    /// Draws a wait in milliseconds.
    pub(crate) fn draw_ms(self, rng: &mut impl Rng) -> u64 {
        match self {
            Self::Fixed(ms) => ms,
            Self::Uniform { min_ms, max_ms } => rng.random_range(min_ms..=max_ms.max(min_ms)),
        }
    }
}
