//! What the referee remembers of one sender number and the users it talks to.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Number;
use crate::limits::{PairBucket, PairRate, SECOND_NS, SlidingWindow};

#[derive(Debug)]
pub(crate) struct NumberState {
    pub(crate) number: Arc<Number>,
    pub(crate) posts: u64,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) inbound: u64,
    /// Everything that counts towards the throughput, by exact arrival.
    measured: SlidingWindow,
    /// POSTs alone, by exact arrival.
    measured_outbound: SlidingWindow,
    /// What was let through, inbound included: what enforcement goes by.
    admitted: SlidingWindow,
    users: HashMap<Arc<str>, User>,
}

#[derive(Debug, Default)]
struct User {
    pair: PairBucket,
    window_until_ns: u64,
}

impl NumberState {
    pub(crate) fn new(number: Number) -> Self {
        Self {
            number: Arc::new(number),
            posts: 0,
            accepted: 0,
            refused: 0,
            inbound: 0,
            measured: SlidingWindow::new(SECOND_NS),
            measured_outbound: SlidingWindow::new(SECOND_NS),
            admitted: SlidingWindow::new(SECOND_NS),
            users: HashMap::new(),
        }
    }

    pub(crate) fn measured(&self) -> &SlidingWindow {
        &self.measured
    }

    pub(crate) fn measured_outbound(&self) -> &SlidingWindow {
        &self.measured_outbound
    }

    /// Records the arrival of a POST; the count of the fullest second around it, inbound included.
    pub(crate) fn measure_outbound(&mut self, at_ns: u64) -> u64 {
        self.measured_outbound.record(at_ns);
        self.measured.record(at_ns)
    }

    /// Records an inbound message; the count of the fullest second around it.
    pub(crate) fn measure_inbound(&mut self, at_ns: u64) -> u64 {
        self.admitted.record(at_ns);
        self.measured.record(at_ns)
    }

    pub(crate) fn admitted_in_second(&self, now_ns: u64) -> u64 {
        self.admitted.count_ending_at(now_ns)
    }

    pub(crate) fn admit(&mut self, now_ns: u64) {
        self.admitted.record(now_ns);
    }

    pub(crate) fn pair_has_room(&self, user: &str, rate: PairRate, now_ns: u64) -> bool {
        self.users
            .get(user)
            .map(|user| user.pair)
            .unwrap_or_default()
            .has_room(rate, now_ns)
    }

    pub(crate) fn take_pair(&mut self, user: &Arc<str>, rate: PairRate, now_ns: u64) {
        self.users.entry(Arc::clone(user)).or_default().pair.take(rate, now_ns);
    }

    /// True while the customer service window of this user is open.
    pub(crate) fn window_open(&self, user: &str, now_ns: u64) -> bool {
        self.users.get(user).is_some_and(|user| now_ns < user.window_until_ns)
    }

    pub(crate) fn open_window(&mut self, user: &Arc<str>, until_ns: u64) {
        let user = self.users.entry(Arc::clone(user)).or_default();
        user.window_until_ns = user.window_until_ns.max(until_ns);
    }
}
