//! How many arrivals any one-second window held: the strictest reading of "messages per second".
//!
//! A window is half open, `[t, t + length)`: two arrivals exactly one length apart are never in one window.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The fullest window seen so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Busiest {
    /// Arrivals inside the window.
    pub count: u64,
    /// Where the window begins, in nanoseconds since the simulator started.
    pub from_ns: u64,
}

/// An arrival is known up to this many windows after it happened (a body may take that long to be read).
const KEPT_WINDOWS: u64 = 5;

/// Counts arrivals in every possible window of one length.
///
/// Arrivals may be recorded late and out of order; the counts stay exact as long as none is more than four windows late.
#[derive(Debug)]
pub(crate) struct SlidingWindow {
    length: u64,
    arrivals: VecDeque<u64>,
    busiest: Busiest,
}

impl SlidingWindow {
    pub(crate) fn new(length: u64) -> Self {
        Self {
            length,
            arrivals: VecDeque::new(),
            busiest: Busiest::default(),
        }
    }

    pub(crate) fn busiest(&self) -> Busiest {
        self.busiest
    }

    /// Records an arrival and returns the count of the fullest window that holds it, itself included.
    pub(crate) fn record(&mut self, at: u64) -> u64 {
        let place = self.arrivals.partition_point(|&arrival| arrival <= at);
        self.arrivals.insert(place, at);
        let fullest = self.fullest_around(place);
        if fullest.count > self.busiest.count {
            self.busiest = fullest;
        }
        self.forget_old();
        fullest.count
    }

    /// Arrivals in the window that ends with (and includes) `at`, counting only what is recorded.
    pub(crate) fn count_ending_at(&self, at: u64) -> u64 {
        let first = self.arrivals.partition_point(|&arrival| arrival + self.length <= at);
        let end = self.arrivals.partition_point(|&arrival| arrival <= at);
        end.saturating_sub(first) as u64
    }

    fn fullest_around(&self, place: usize) -> Busiest {
        let at = self.arrivals[place];
        let first_start = self.arrivals.partition_point(|&arrival| arrival + self.length <= at);
        let mut fullest = Busiest::default();
        let mut end = place + 1;
        for start in first_start..=place {
            let from_ns = self.arrivals[start];
            while self
                .arrivals
                .get(end)
                .is_some_and(|&arrival| arrival < from_ns + self.length)
            {
                end += 1;
            }
            let count = (end - start) as u64;
            if count > fullest.count {
                fullest = Busiest { count, from_ns };
            }
            if end == self.arrivals.len() {
                break; // a later start can only lose arrivals: in-order traffic ends here at the first step
            }
        }
        fullest
    }

    fn forget_old(&mut self) {
        let Some(&newest) = self.arrivals.back() else { return };
        let keep_from = newest.saturating_sub(self.length.saturating_mul(KEPT_WINDOWS));
        while self.arrivals.front().is_some_and(|&oldest| oldest < keep_from) {
            self.arrivals.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The fullest window by brute force: try every arrival as the start.
    fn naive_busiest(arrivals: &[u64], length: u64) -> u64 {
        let inside = |start: u64| arrivals.iter().filter(|&&a| a >= start && a < start + length).count() as u64;
        arrivals.iter().map(|&start| inside(start)).max().unwrap_or(0)
    }

    #[test]
    fn arrivals_one_length_apart_share_no_window() {
        let mut window = SlidingWindow::new(100);

        assert_eq!(window.record(0), 1);
        assert_eq!(window.record(100), 1);
        assert_eq!(window.record(199), 2);

        assert_eq!(window.busiest(), Busiest { count: 2, from_ns: 100 });
    }

    #[test]
    fn a_late_report_counts_in_the_windows_after_it() {
        let mut window = SlidingWindow::new(100);
        for at in [50, 120, 160] {
            window.record(at);
        }
        assert_eq!(window.busiest().count, 2);

        assert_eq!(window.record(140), 3);
        assert_eq!(window.busiest(), Busiest { count: 3, from_ns: 50 });
    }

    proptest! {
        #[test]
        fn the_busiest_window_is_what_brute_force_finds(steps in prop::collection::vec((0u64..60, 0u64..200), 0..120)) {
            // Time goes forward by the first number; the report is late by up to two windows (the second number).
            let mut now = 1_000;
            let arrivals: Vec<u64> = steps.iter().map(|(step, late)| { now += step; now - late }).collect();

            let mut window = SlidingWindow::new(100);
            for (nth, &at) in arrivals.iter().enumerate() {
                let fullest = window.record(at);
                prop_assert!(fullest <= naive_busiest(&arrivals[..=nth], 100));
                prop_assert_eq!(window.busiest().count, naive_busiest(&arrivals[..=nth], 100));
            }
        }

        #[test]
        fn the_count_that_ends_now_is_what_brute_force_finds(steps in prop::collection::vec(0u64..60, 0..120)) {
            let mut window = SlidingWindow::new(100);
            let mut seen = Vec::new();
            let mut now = 1_000;
            for step in steps {
                now += step;
                let expected = seen.iter().filter(|&&arrival| arrival + 100 > now).count() as u64;
                prop_assert_eq!(window.count_ending_at(now), expected);
                window.record(now);
                seen.push(now);
            }
        }
    }
}
