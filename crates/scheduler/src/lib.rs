//! The role for everything that happens because time passed: releases what is due and what has its turn, rings jobs again that were
//! lost, calls silent attempts uncertain and ends their holds, expires what is late, makes partitions and drops old ones, and watches
//! the ledger for what is wrong.
//!
//! Each duty is a small program of its own ([`Filler`], [`Campaigns`], [`Broadcasts`], [`Releaser`], [`Ringer`], [`Leases`], [`Holds`], [`Paces`],
//! [`Upkeep`], [`Watch`]) whose `run_once` does one pass and says what it did; [`run`] keeps all of them at it.
//!
//! **Invariants.** Any number of schedulers may run: rows are taken with SKIP LOCKED, so each is released once. A row is committed as
//! queued before its job is published, and a publish that fails is nobody's error: the row's alarm rings and it is published again. An
//! attempt whose lease ran out never goes back to the queue.

mod accounts;
mod broadcasts;
mod campaigns;
mod duty;
mod fill;
mod holds;
mod jobs;
mod leases;
mod paces;
mod release;
mod ring;
mod upkeep;
pub mod watch;

use std::time::Duration;

use broker::{Address, Publisher, Topology};
use chrono::TimeDelta;
use runtime::health::Health;
use runtime::{Clock, Shutdown};
use store::Store;

pub use accounts::{Accounts, AccountsPass, run_accounts};
pub use broadcasts::Broadcasts;
pub use campaigns::{Campaigns, CampaignsPass};
pub use fill::{FillPass, Filler};
pub use holds::{EndedPass, Holds};
pub use leases::{Leases, LeasesPass};
pub use paces::Paces;
pub use release::{ReleasePass, Releaser};
pub use ring::{RingPass, Ringer};
pub use upkeep::{Retention, Upkeep, UpkeepPass};
pub use watch::Watch;

/// How much a pass takes on, and how long to rest between two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Rows that one release pass moves at most; some thirty milliseconds of work. More at once gain nothing.
    pub release_limit: i32,
    /// Rest between release passes: most of what a punctual message is late. A pass that filled its limit is followed by the next at
    /// once.
    pub release: Duration,
    /// Recipients of campaigns that become messages in one transaction at most.
    pub fill_limit: u32,
    /// Rest between looks for campaigns to fill.
    pub fill: Duration,
    /// Rest between looks after campaigns: how long one goes on after something went wrong.
    pub campaigns: Duration,
    /// Rest between looks for broadcasts that are completed.
    pub broadcasts: Duration,
    /// Rest between passes that repair.
    pub repair: Duration,
    /// Rest between steps by which slowed numbers get their pace back.
    pub paces: Duration,
    /// Rest between looks after partitions and retention.
    pub upkeep: Duration,
    /// Rest between looks at the ledger for the metrics.
    pub watch: Duration,
    /// A job is rung again only while fewer than this wait in its queue: where so many wait, none was lost, and more would not help.
    pub ring_below: u32,
    /// What is kept for how long.
    pub retention: Retention,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            release_limit: 500,
            release: Duration::from_millis(50),
            fill_limit: 2_000,
            fill: Duration::from_millis(100),
            campaigns: Duration::from_secs(1),
            broadcasts: Duration::from_secs(1),
            repair: Duration::from_secs(1),
            paces: Duration::from_secs(5),
            upkeep: Duration::from_secs(3_600),
            watch: Duration::from_secs(10),
            ring_below: 20_000,
            retention: Retention::default(),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            messages: TimeDelta::days(90),
            webhooks: TimeDelta::hours(48),
            answers: TimeDelta::hours(25),
            orphans: TimeDelta::days(7),
            told_events: TimeDelta::days(7),
            deliveries: TimeDelta::days(7),
            untold_events: TimeDelta::days(30),
        }
    }
}

/// All duties of the role.
#[derive(Debug)]
pub struct Scheduler {
    filler: Filler,
    campaigns: Campaigns,
    broadcasts: Broadcasts,
    releaser: Releaser,
    ringer: Ringer,
    leases: Leases,
    holds: Holds,
    paces: Paces,
    upkeep: Upkeep,
    watch: Watch,
}

impl Scheduler {
    /// `publisher` is where jobs go, `address` the same broker, to be asked how many jobs wait.
    pub fn new(
        store: &Store,
        publisher: Publisher,
        address: Address,
        topology: Topology,
        clock: Clock,
        options: Options,
    ) -> Self {
        Self {
            filler: Filler::new(store.clone(), options),
            campaigns: Campaigns::new(store.clone(), options),
            broadcasts: Broadcasts::new(store.clone(), options),
            releaser: Releaser::new(store.clone(), publisher.clone(), &topology, options),
            ringer: Ringer::new(store.clone(), publisher, address, topology, options),
            leases: Leases::new(store.clone(), options),
            holds: Holds::new(store.clone(), options),
            paces: Paces::new(store.clone(), options),
            upkeep: Upkeep::new(store.clone(), clock, options),
            watch: Watch::new(store.clone(), options),
        }
    }
}

/// Schedules until the shutdown. Passes under way are finished first. Returns before the publisher may be stopped.
pub async fn run(scheduler: Scheduler, shutdown: Shutdown, health: &Health) {
    let probe = health.probe("scheduler");
    // On the heap, as their futures are large.
    tokio::join!(
        Box::pin(duty::keep_at(scheduler.filler, &shutdown, None)),
        Box::pin(duty::keep_at(scheduler.campaigns, &shutdown, None)),
        Box::pin(duty::keep_at(scheduler.broadcasts, &shutdown, None)),
        Box::pin(duty::keep_at(scheduler.releaser, &shutdown, Some(&probe))),
        Box::pin(duty::keep_at(scheduler.ringer, &shutdown, None)),
        Box::pin(duty::keep_at(scheduler.leases, &shutdown, None)),
        Box::pin(duty::keep_at(scheduler.holds, &shutdown, None)),
        Box::pin(duty::keep_at(scheduler.paces, &shutdown, None)),
        Box::pin(duty::keep_at(scheduler.upkeep, &shutdown, None)),
        Box::pin(duty::keep_at(scheduler.watch, &shutdown, None)),
    );
}
