//! Release: due rows and flows in turn go to the broker, as far as each number has room.

use std::time::Duration;

use broker::{Publisher, Topology};
use domain::pace;
use runtime::crash::{CrashPoint, crash_at, crash_during};
use store::{Error, Store};
use tracing::{debug, warn};

use crate::Options;
use crate::duty::Duty;
use crate::jobs::Jobs;

/// Releases rows.
#[derive(Debug)]
pub struct Releaser {
    store: Store,
    jobs: Jobs,
    options: Options,
}

/// What one release pass did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReleasePass {
    /// Rows that are queued now.
    pub released: usize,
    /// Rows that were too late.
    pub expired: usize,
    /// Jobs that were published for them.
    pub jobs: usize,
    /// Jobs that the broker did not confirm; their rows are rung again.
    pub unconfirmed: usize,
    /// Seconds after its time at which each row that had one was moved.
    pub late: Vec<f64>,
}

impl ReleasePass {
    /// Nothing was due.
    pub fn is_empty(&self) -> bool {
        self.released + self.expired == 0
    }
}

impl Releaser {
    /// Publishes to `publisher`, which must be connected for anything to be released.
    pub fn new(store: Store, publisher: Publisher, topology: &Topology, options: Options) -> Self {
        Self {
            store,
            jobs: Jobs::new(publisher, topology),
            options,
        }
    }

    /// One pass: move rows in one transaction, then publish their jobs. Without a broker nothing is moved: what is still parked goes
    /// out as soon as there is one, while what was queued would wait for its alarm.
    ///
    /// # Errors
    /// When the ledger does not answer. What it has committed by then is rung again.
    pub async fn run_once(&mut self) -> Result<ReleasePass, Error> {
        if !self.jobs.can_be_published() {
            return Ok(ReleasePass::default());
        }
        let releasing = self
            .store
            .release(pace::ring_again_after(0), self.options.release_limit);
        let release = crash_during(CrashPoint::S1, releasing).await?;
        let released = release.released.len();
        if released > 0 {
            crash_at(CrashPoint::S2);
        }
        let rung = self.jobs.publish(release.released).await;
        Ok(ReleasePass {
            released,
            expired: release.expired,
            jobs: rung.jobs,
            unconfirmed: rung.unconfirmed,
            late: release.late,
        })
    }
}

impl Duty for Releaser {
    const NAME: &'static str = "release";
    type Pass = ReleasePass;

    async fn run_once(&mut self) -> Result<ReleasePass, Error> {
        Self::run_once(self).await
    }

    fn report(&self, pass: &ReleasePass, took: Duration) -> Duration {
        let Options {
            release_limit, release, ..
        } = self.options;
        // With very many numbers even looking takes a while; it shall not take most of the time.
        let rest = release.max(took);
        if pass.is_empty() {
            return rest;
        }
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        metrics::counter!("turnpike_released_total").increment(pass.released as u64);
        metrics::counter!("turnpike_expired_total").increment(pass.expired as u64);
        let late = metrics::histogram!("turnpike_release_late_seconds");
        pass.late.iter().for_each(|seconds| late.record(*seconds));
        metrics::histogram!("turnpike_release_pass_seconds").record(took.as_secs_f64());
        if pass.unconfirmed > 0 {
            warn!(
                jobs = pass.jobs,
                unconfirmed = pass.unconfirmed,
                "{} of {} jobs were not confirmed by the broker, their messages are rung again in a few seconds",
                pass.unconfirmed,
                pass.jobs
            );
        }
        debug!(
            released = pass.released,
            expired = pass.expired,
            jobs = pass.jobs,
            took_ms,
            "released {} messages",
            pass.released
        );
        if pass.released + pass.expired >= usize::try_from(release_limit).unwrap_or(0) {
            return Duration::ZERO;
        }
        rest
    }
}
