//! The role that tells others what changed: every event (`domain::event`) on the events exchange, in order and without gaps per
//! organization, and as a signed webhook to every endpoint that wants it ([`Courier`]).
//!
//! The changes are written down by the ledger itself, in the transaction that made them. Here they get their numbers, in a commit of its
//! own, and are then published in that order, as far as a queue wants them (`tell`); how far that went is noted down after the broker has
//! confirmed it.
//!
//! **Invariants.** At least once: what was published and not noted down is published again, under the same id and number. Any number of
//! notifiers may run; one at a time speaks for an organization. After a failure an organization is told again from the first event on
//! that was not confirmed, so whoever goes by the numbers misses nothing and can drop what comes twice.

mod courier;
mod pass;
mod tell;

use std::time::Duration;

use broker::{Publisher, Topology};
use runtime::Shutdown;
use runtime::health::Health;
use store::Store;
use tokio::time::sleep;
use tracing::warn;

pub use courier::{Courier, CourierOptions, deliver};
pub use pass::Pass;

/// How much a pass takes on, and how long to rest between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Changes of one organization in one pass. Published within five seconds, with the organization's turn held meanwhile.
    pub changes: usize,
    /// Rows of one organization that get their numbers in one pass; each holds one change or more.
    pub rows: i32,
    /// Rest after a pass that did something.
    pub busy: Duration,
    /// Rest after a pass that found nothing.
    pub idle: Duration,
    /// Rest after a pass that failed.
    pub failed: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            changes: 1_000,
            rows: 1_000,
            busy: Duration::from_millis(20),
            idle: Duration::from_millis(100),
            failed: Duration::from_secs(1),
        }
    }
}

/// Tells events.
#[derive(Debug, Clone)]
pub struct Notifier {
    store: Store,
    publisher: Publisher,
    exchange: String,
    options: Options,
}

impl Notifier {
    /// Tells through `publisher`, on the events exchange of `topology`.
    pub fn new(store: Store, publisher: Publisher, topology: &Topology, options: Options) -> Self {
        Self {
            store,
            publisher,
            exchange: topology.exchanges.events.clone(),
            options,
        }
    }
}

/// Tells events until the shutdown. A pass under way is finished first.
pub async fn run(notifier: Notifier, shutdown: Shutdown, health: &Health) {
    let probe = health.probe("notifier");
    let Options { busy, idle, failed, .. } = notifier.options;
    while !shutdown.is_requested() {
        let rest = match notifier.run_once().await {
            Ok(pass) => {
                probe.up();
                pass.count();
                if pass.unconfirmed > 0 {
                    warn!(
                        told = pass.told,
                        unconfirmed = pass.unconfirmed,
                        "{} events were not confirmed by the broker, they are told again in a moment",
                        pass.unconfirmed
                    );
                    failed
                } else if pass.full {
                    Duration::ZERO
                } else if pass.is_empty() {
                    idle
                } else {
                    busy
                }
            }
            Err(error) => {
                probe.down(error.to_string());
                let state = error.sql_state().map_or("", |state| state.code());
                warn!(
                    sql.state = state,
                    "{error} failed, the same events are told in a moment"
                );
                failed
            }
        };
        tokio::select! {
            () = sleep(rest) => {}
            () = shutdown.requested() => {}
        }
    }
}
