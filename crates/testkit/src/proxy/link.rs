//! What all connections of a proxy share: where they lead, the faults in force, the signal to break, and the counts.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::net::TcpStream;
use tokio::sync::watch;

use super::faults::{Faults, Way};

#[derive(Debug)]
pub(super) struct Link {
    /// Servers that connections take turns at.
    upstreams: Mutex<Vec<String>>,
    turn: AtomicUsize,
    faults: watch::Sender<InForce>,
    cuts: watch::Sender<u64>,
    pub(super) counters: Counters,
}

/// Faults, and which change of them they are: counts of bytes begin anew with each.
#[derive(Debug, Clone, Default)]
pub(super) struct InForce {
    pub(super) change: u64,
    pub(super) faults: Faults,
}

/// Which of the two directions.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    ToUpstream,
    ToClient,
}

impl InForce {
    pub(super) fn way(&self, direction: Direction) -> &Way {
        match direction {
            Direction::ToUpstream => &self.faults.to_upstream,
            Direction::ToClient => &self.faults.to_client,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: AtomicU64,
    pub(super) swallowed: AtomicU64,
    pub(super) broken: AtomicU64,
    to_upstream: AtomicU64,
    to_client: AtomicU64,
}

impl Counters {
    pub(super) fn passed(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::ToUpstream => &self.to_upstream,
            Direction::ToClient => &self.to_client,
        }
    }
}

/// What happened in a proxy so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Connections accepted.
    pub connections: u64,
    /// Of these, led nowhere.
    pub swallowed: u64,
    /// Of these, broken by a fault: cut, or ended after their bytes.
    pub broken: u64,
    /// Bytes passed on to the server.
    pub to_upstream: u64,
    /// Bytes passed on to clients.
    pub to_client: u64,
}

impl Link {
    pub(super) fn new(upstream: String) -> Self {
        Self {
            upstreams: Mutex::new(vec![upstream]),
            turn: AtomicUsize::new(0),
            faults: watch::Sender::new(InForce::default()),
            cuts: watch::Sender::new(0),
            counters: Counters::default(),
        }
    }

    pub(super) fn lead_to(&self, upstreams: Vec<String>) {
        *self.upstreams.lock().expect("nobody panics while holding it") = upstreams;
    }

    /// A connection with the next server, or with the first after it that is there.
    pub(super) async fn connect(&self) -> Option<TcpStream> {
        let upstreams = self.upstreams.lock().expect("nobody panics while holding it").clone();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        for place in 0..upstreams.len() {
            if let Ok(server) = TcpStream::connect(&upstreams[(turn + place) % upstreams.len()]).await {
                return Some(server);
            }
        }
        None
    }

    pub(super) fn set(&self, faults: Faults) {
        self.faults.send_modify(|in_force| {
            in_force.change += 1;
            in_force.faults = faults;
        });
    }

    pub(super) fn faults(&self) -> watch::Receiver<InForce> {
        self.faults.subscribe()
    }

    pub(super) fn cut(&self) {
        self.cuts.send_modify(|count| *count += 1);
    }

    /// Changes with the next cut from now on.
    pub(super) fn cuts(&self) -> watch::Receiver<u64> {
        self.cuts.subscribe()
    }

    pub(super) fn tally(&self) -> Tally {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tally {
            connections: read(&self.counters.connections),
            swallowed: read(&self.counters.swallowed),
            broken: read(&self.counters.broken),
            to_upstream: read(&self.counters.to_upstream),
            to_client: read(&self.counters.to_client),
        }
    }
}
