//! The simulator's clock: nanoseconds since its start, and the wall time that belongs to them.
//!
//! The wall is read once; from then on only monotonic time counts, so a step of the system clock cannot bend a limit.

use std::time::{Duration, Instant, SystemTime};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    started_wall_ms: i64,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the simulator stands for another company's server: it has its own clock"
    )]
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            started: Instant::now(),
            started_wall_ms: i64::try_from(wall.as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// Nanoseconds since the start; 584 years fit.
    pub(crate) fn ns(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.started).as_nanos()).unwrap_or(u64::MAX)
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.ns(Instant::now())
    }

    /// The instant of a time given in nanoseconds since the start.
    pub(crate) fn instant(&self, ns: u64) -> Instant {
        self.started + Duration::from_nanos(ns)
    }

    /// Unix milliseconds of a time given in nanoseconds since the start.
    pub(crate) fn wall_ms(&self, ns: u64) -> i64 {
        self.started_wall_ms.saturating_add_unsigned(ns / 1_000_000)
    }
}
