//! The only place that reads the wall clock; everywhere else, time is an argument.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// Tells the time: the machine's, or in tests one that moves only when told to. Clones share the same hands.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<Mutex<DateTime<Utc>>>),
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `start` until [`advance`](Self::advance) or [`set`](Self::set) moves it.
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self(Source::Manual(Arc::new(Mutex::new(start))))
    }

    /// The time now.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            #[expect(clippy::disallowed_methods, reason = "this is the one clock everybody else is given")]
            Source::System => Utc::now(),
            Source::Manual(hands) => *hands.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Moves a manual clock (and all its clones) forward.
    ///
    /// # Panics
    /// On the system clock: a test that moves real time is a mistake.
    pub fn advance(&self, by: TimeDelta) {
        *self.hands().lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// Sets a manual clock (and all its clones), backwards too.
    ///
    /// # Panics
    /// On the system clock, as [`advance`](Self::advance).
    pub fn set(&self, to: DateTime<Utc>) {
        *self.hands().lock().unwrap_or_else(PoisonError::into_inner) = to;
    }

    fn hands(&self) -> &Mutex<DateTime<Utc>> {
        match &self.0 {
            Source::Manual(hands) => hands,
            Source::System => panic!("the system clock cannot be moved, use Clock::manual in tests"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap()
    }

    #[test]
    fn a_manual_clock_stands_still_until_it_is_moved() {
        let clock = Clock::manual(noon());

        assert_eq!(clock.now(), clock.now());
        clock.advance(TimeDelta::seconds(90));
        assert_eq!(clock.now(), noon() + TimeDelta::seconds(90));
        clock.set(noon());
        assert_eq!(clock.now(), noon());
    }

    #[test]
    fn clones_of_a_manual_clock_show_the_same_time() {
        let clock = Clock::manual(noon());
        let clone = clock.clone();

        clone.advance(TimeDelta::hours(1));

        assert_eq!(clock.now(), noon() + TimeDelta::hours(1));
    }

    #[test]
    fn the_system_clock_does_not_run_backwards_between_two_looks() {
        let clock = Clock::system();
        let first = clock.now();

        assert!(clock.now() >= first);
    }
}
