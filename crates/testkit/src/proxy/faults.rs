//! What can be wrong with a link, as plain data. The default is nothing.

use std::num::NonZeroUsize;
use std::time::Duration;

use rand::Rng;

/// Everything that is wrong at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// What becomes of new connections.
    pub arrivals: Arrivals,
    /// From the client to the server.
    pub to_upstream: Way,
    /// From the server to the client.
    pub to_client: Way,
}

impl Faults {
    /// The same in both directions.
    pub fn both_ways(way: Way) -> Self {
        Self {
            arrivals: Arrivals::Forwarded,
            to_upstream: way.clone(),
            to_client: way,
        }
    }
}

/// What becomes of new connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Arrivals {
    /// They are connected with the server.
    #[default]
    Forwarded,
    /// Nobody listens: connecting fails at once.
    Refused,
    /// A black hole: accepted, everything is read, nothing ever answered, until one end closes or is cut.
    Swallowed,
}

/// What is wrong in one direction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Way {
    /// How long bytes are under way.
    pub latency: Latency,
    /// Nothing passes. What was read waits, and passes when this is over: a partition that heals.
    pub stalled: bool,
    /// Written in pieces of at most so many bytes.
    pub slice: Option<NonZeroUsize>,
    /// The connection breaks in the middle.
    pub ends: Option<Ends>,
}

/// How long bytes are under way. Their order is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    least: Duration,
    most: Duration,
}

impl Latency {
    /// Always the same.
    pub fn fixed(time: Duration) -> Self {
        Self {
            least: time,
            most: time,
        }
    }

    /// Any time between the two, each as likely as the others.
    ///
    /// # Panics
    /// When `least` is more than `most`.
    pub fn between(least: Duration, most: Duration) -> Self {
        assert!(least <= most, "a latency between {least:?} and {most:?}");
        Self { least, most }
    }

    pub(super) fn draw(self, rng: &mut impl Rng) -> Duration {
        rng.random_range(self.least..=self.most)
    }
}

/// Where a connection breaks, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// After exactly so many bytes in this direction, counted from the connection's begin or the fault's, whichever is later.
    pub after: u64,
    /// How.
    pub how: Ending,
}

/// How a connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Both ends see a reset.
    Reset,
    /// The receiver sees the end of the stream, and may still write; what the other end writes vanishes.
    HalfClose,
}
