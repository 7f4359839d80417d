//! Holds: an uncertain attempt waits for a webhook that tells its outcome. When none came, the message ends as unknown, or is attempted
//! again where it says `on_uncertain: resend`.
//!
//! The clock of a hold is the row's alarm, and it runs on while Meta's webhooks do not reach us. To let it stand still meanwhile, move
//! the alarms of uncertain rows forward before a pass; nothing else here depends on how long a hold is.

use std::time::Duration;

use domain::retry;
use store::repair::EndedHolds;
use store::{Error, Store};
use tracing::info;

use crate::Options;
use crate::duty::Duty;
use crate::ring::BOUNDS;

/// Ends holds.
#[derive(Debug)]
pub struct Holds {
    store: Store,
    options: Options,
}

/// What one pass did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndedPass(pub EndedHolds);

impl EndedPass {
    /// No hold was over.
    pub fn is_empty(&self) -> bool {
        self.0.unknown.is_empty() && self.0.resent.is_empty()
    }
}

impl Holds {
    /// With these bounds and times.
    pub fn new(store: Store, options: Options) -> Self {
        Self { store, options }
    }

    /// One pass.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn run_once(&mut self) -> Result<EndedPass, Error> {
        self.store.end_holds(retry::MAX_FAILURES, BOUNDS).await.map(EndedPass)
    }
}

impl Duty for Holds {
    const NAME: &'static str = "holds";
    type Pass = EndedPass;

    async fn run_once(&mut self) -> Result<EndedPass, Error> {
        Self::run_once(self).await
    }

    fn report(&self, pass: &EndedPass, _took: Duration) -> Duration {
        if !pass.is_empty() {
            let (unknown, resent) = (pass.0.unknown.len(), pass.0.resent.len());
            metrics::counter!("turnpike_holds_ended_total", "outcome" => "unknown").increment(unknown as u64);
            metrics::counter!("turnpike_holds_ended_total", "outcome" => "resent").increment(resent as u64);
            info!(
                unknown,
                resent,
                "no webhook told what became of {} attempts: {unknown} end as unknown, {resent} are attempted again",
                unknown + resent
            );
        }
        self.options.repair
    }
}
