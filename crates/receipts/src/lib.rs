//! The role that applies what Meta tells by webhook: what became of our messages, what people wrote, what happened to templates,
//! sender numbers, limits and accounts.
//!
//! Ingest keeps every body in `webhook_inbox` and answers at once; here the bodies are taken out in batches, read, applied and marked
//! as applied in one transaction. Any number of processes may run: a body is in one pair of hands at a time.
//!
//! **Invariants.** Applying the same webhook twice, or two in either order, leaves the same rows. A status that carries our callback
//! string proves that Meta accepted the message, so it wins over whatever the pipeline believed. One bad element never costs the
//! others: it is set aside, in sight, and the rest of its batch is applied.

mod accounts;
mod apply;
mod hearing;
mod inbound;
mod numbers;
mod orphans;
mod pass;
mod people;
mod statuses;
mod tally;
mod templates;
mod told;

use std::time::Duration;

use domain::opaque::Signer;
use runtime::health::{Health, Probe};
use runtime::{Clock, Shutdown};
use store::Store;
use tracing::{info, warn};

pub use pass::Pass;

/// How much a pass takes, and how long the role sleeps between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bodies in one pass.
    pub bodies: i64,
    /// Bytes in one pass, unless one body alone has more. Half a megabyte is some 2,000 statuses, which lock their messages for
    /// a tenth of a second.
    pub bytes: i64,
    /// The pause after a pass that found something; batches grow meanwhile.
    pub busy: Duration,
    /// The longest pause, reached when passes find nothing.
    pub idle: Duration,
    /// The pause after a pass that failed.
    pub failed: Duration,
    /// How often statuses of unknown messages are tried again, and restrictions that are over are lifted.
    pub upkeep: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bodies: 500,
            bytes: 512 << 10,
            busy: Duration::from_millis(20),
            idle: Duration::from_millis(200),
            failed: Duration::from_secs(1),
            upkeep: Duration::from_secs(60),
        }
    }
}

/// Applies webhooks.
#[derive(Debug, Clone)]
pub struct Receipts {
    store: Store,
    signer: Signer,
    clock: Clock,
    options: Options,
}

impl Receipts {
    /// With the signer whose callback strings the sender sends.
    pub fn new(store: Store, signer: Signer, clock: Clock, options: Options) -> Self {
        Self {
            store,
            signer,
            clock,
            options,
        }
    }
}

/// Applies webhooks until the shutdown. A pass under way is finished first.
pub async fn run(receipts: Receipts, shutdown: Shutdown, health: &Health) {
    let probe = health.probe("receipts");
    tokio::join!(
        apply_until_stopped(&receipts, &shutdown, &probe),
        keep_up_until_stopped(&receipts, &shutdown),
    );
}

async fn apply_until_stopped(receipts: &Receipts, shutdown: &Shutdown, probe: &Probe) {
    let Options { busy, idle, failed, .. } = receipts.options;
    let mut pause = busy;
    while !shutdown.is_requested() {
        pause = match receipts.run_once().await {
            Ok(pass) => {
                probe.up();
                match pass {
                    Pass { full: true, .. } => Duration::ZERO,
                    Pass { bodies: 0, .. } => (pause * 2).clamp(busy, idle),
                    Pass { .. } => busy,
                }
            }
            Err(error) => {
                probe.down(error.to_string());
                let state = error.sql_state().map_or("", |state| state.code());
                warn!(
                    sql.state = state,
                    "{error} failed, the same webhooks are tried again in a moment"
                );
                failed
            }
        };
        rest(pause, shutdown).await;
    }
}

async fn keep_up_until_stopped(receipts: &Receipts, shutdown: &Shutdown) {
    while !shutdown.is_requested() {
        match receipts.retry_orphans().await {
            Ok(0) => {}
            Ok(found) => info!(found, "{found} early statuses found their messages"),
            Err(error) => warn!("{error} failed, trying again in a minute"),
        }
        match receipts.lift_restrictions().await {
            Ok(0) => {}
            Ok(lifted) => info!(lifted, "the restrictions of {lifted} accounts are over"),
            Err(error) => warn!("{error} failed, trying again in a minute"),
        }
        rest(receipts.options.upkeep, shutdown).await;
    }
}

async fn rest(pause: Duration, shutdown: &Shutdown) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = shutdown.requested() => {}
    }
}
