//! Ringing again: queued rows that nobody asked about get another job, because the one they had may be lost.
//!
//! A doubled job is harmless and costs a little; a lost one would cost a message. While a queue is long nothing is rung in it: the jobs
//! are there, and their turn has not come.

use std::time::Duration;

use broker::{Address, Admin, Publisher, Topology};
use chrono::TimeDelta;
use domain::{Lane, pace};
use runtime::crash::{CrashPoint, crash_at};
use store::repair::Bounds;
use store::{Error, Store};
use tracing::{info, warn};

use crate::Options;
use crate::duty::Duty;
use crate::jobs::Jobs;

pub(crate) const BOUNDS: Bounds = Bounds {
    per_number: 500,
    all: 5_000,
};

/// Rings silent rows again.
#[derive(Debug)]
pub struct Ringer {
    store: Store,
    jobs: Jobs,
    address: Address,
    topology: Topology,
    /// Opened when it is needed, given up at the first error.
    admin: Option<Admin>,
    after: Vec<TimeDelta>,
    options: Options,
}

/// What one pass did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RingPass {
    /// Lanes in which few enough jobs wait.
    pub lanes: Vec<Lane>,
    /// Rows whose job was published again.
    pub rung: usize,
    /// Jobs that the broker did not confirm.
    pub unconfirmed: usize,
    /// Seconds that the row which is longest due waits to be released.
    pub oldest_due: f64,
}

impl RingPass {
    /// Nobody was silent for too long.
    pub fn is_empty(&self) -> bool {
        self.rung == 0
    }
}

impl Ringer {
    /// Publishes to `publisher`, and asks the same broker at `address` how many jobs wait.
    pub fn new(store: Store, publisher: Publisher, address: Address, topology: Topology, options: Options) -> Self {
        Self {
            store,
            jobs: Jobs::new(publisher, &topology),
            address,
            topology,
            admin: None,
            after: schedule(),
            options,
        }
    }

    /// One pass: move the alarms of silent rows in one transaction, then publish their jobs.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn run_once(&mut self) -> Result<RingPass, Error> {
        let oldest_due = self.store.oldest_due().await?;
        let lanes = self.quiet_lanes().await;
        if lanes.is_empty() {
            return Ok(RingPass {
                oldest_due,
                ..RingPass::default()
            });
        }
        let rows = self.store.ring_again(&self.after, &lanes, BOUNDS).await?;
        let rung = rows.len();
        if rung > 0 {
            crash_at(CrashPoint::S4);
        }
        let unconfirmed = self.jobs.publish(rows).await.unconfirmed;
        Ok(RingPass {
            lanes,
            rung,
            unconfirmed,
            oldest_due,
        })
    }

    /// Lanes in whose queue few enough jobs wait; none while the broker is away.
    async fn quiet_lanes(&mut self) -> Vec<Lane> {
        if !self.jobs.can_be_published() {
            self.admin = None;
            return Vec::new();
        }
        match self.ask().await {
            Ok(lanes) => lanes,
            Err(error) => {
                self.admin = None;
                warn!(
                    error = &error as &dyn std::error::Error,
                    "{error} failed, nothing is rung again until the broker answers"
                );
                Vec::new()
            }
        }
    }

    async fn ask(&mut self) -> Result<Vec<Lane>, broker::Error> {
        let admin = match &mut self.admin {
            Some(admin) => admin,
            none => none.insert(Admin::open(&self.address).await?),
        };
        let mut quiet = Vec::new();
        for lane in Lane::ALL {
            let queue = match lane {
                Lane::Rt => &self.topology.queues.rt,
                Lane::Bulk => &self.topology.queues.bulk,
            };
            // A queue that is not there yet is declared by the next session of the publisher.
            let ready = admin.queue_depth(queue).await?.map(|depth| depth.ready);
            if let Some(ready) = ready {
                metrics::gauge!("turnpike_jobs_waiting", "lane" => lane.as_str()).set(f64::from(ready));
            }
            if ready.is_some_and(|ready| ready < self.options.ring_below) {
                quiet.push(lane);
            }
        }
        Ok(quiet)
    }
}

/// How long a row may be silent after so many rings, up to where it stays the same.
fn schedule() -> Vec<TimeDelta> {
    let mut after: Vec<TimeDelta> = (0..32).map(pace::ring_again_after).collect();
    after.dedup();
    after
}

impl Duty for Ringer {
    const NAME: &'static str = "ring";
    type Pass = RingPass;

    async fn run_once(&mut self) -> Result<RingPass, Error> {
        Self::run_once(self).await
    }

    fn report(&self, pass: &RingPass, _took: Duration) -> Duration {
        metrics::gauge!("turnpike_oldest_due_seconds").set(pass.oldest_due);
        if !pass.is_empty() {
            metrics::counter!("turnpike_rung_again_total").increment(pass.rung as u64);
            info!(
                rung = pass.rung,
                unconfirmed = pass.unconfirmed,
                "rang {} messages again whose jobs nobody took",
                pass.rung
            );
        }
        if pass.rung >= usize::try_from(BOUNDS.all).unwrap_or(0) {
            Duration::ZERO
        } else {
            self.options.repair
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_grows_and_ends_where_it_stays_the_same() {
        let after = schedule();

        assert!(after.windows(2).all(|pair| pair[0] < pair[1]), "{after:?}");
        assert_eq!(after[0], pace::ring_again_after(0));
        assert_eq!(after.last(), Some(&pace::ring_again_after(1_000)));
    }
}
