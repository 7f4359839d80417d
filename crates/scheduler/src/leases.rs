//! Leases: an attempt that is silent past its lease is uncertain. Whoever claimed it died or hangs, and a POST may have happened.

use std::time::Duration;

use domain::MessageId;
use runtime::crash::{CrashPoint, crash_during};
use store::{Error, Store};
use tracing::warn;

use crate::Options;
use crate::duty::Duty;
use crate::ring::BOUNDS;

/// Calls silent attempts uncertain.
#[derive(Debug)]
pub struct Leases {
    store: Store,
    options: Options,
}

/// What one pass did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeasesPass {
    /// Messages that wait for a webhook now.
    pub expired: Vec<MessageId>,
}

impl LeasesPass {
    /// Every attempt is within its lease.
    pub fn is_empty(&self) -> bool {
        self.expired.is_empty()
    }
}

impl Leases {
    /// With these bounds and times.
    pub fn new(store: Store, options: Options) -> Self {
        Self { store, options }
    }

    /// One pass.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn run_once(&mut self) -> Result<LeasesPass, Error> {
        let expired = crash_during(CrashPoint::R1, self.store.expire_leases(BOUNDS)).await?;
        Ok(LeasesPass { expired })
    }
}

impl Duty for Leases {
    const NAME: &'static str = "leases";
    type Pass = LeasesPass;

    async fn run_once(&mut self) -> Result<LeasesPass, Error> {
        Self::run_once(self).await
    }

    fn report(&self, pass: &LeasesPass, _took: Duration) -> Duration {
        if !pass.is_empty() {
            metrics::counter!("turnpike_leases_expired_total").increment(pass.expired.len() as u64);
            warn!(
                expired = pass.expired.len(),
                message.id = %pass.expired[0],
                "{} attempts were silent past their lease, among them that of message {}: a sender died or hangs",
                pass.expired.len(),
                pass.expired[0]
            );
        }
        self.options.repair
    }
}
