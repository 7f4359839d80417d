//! Holds: an uncertain attempt waits for a webhook that tells its outcome. When none came, the message ends as unknown, or is attempted
//! again where it says `on_uncertain: resend`.
//!
//! The clock of a hold runs only while Meta's webhooks reach us for its number (`domain::hold`): an alarm that rings after a silence is
//! moved on by as much.

use std::time::Duration;

use domain::hold::Heard;
use runtime::crash::{CrashPoint, crash_during};
use store::holds::EndedHolds;
use store::{Error, Store};
use tracing::{info, warn};

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
        self.0 == EndedHolds::default()
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
        let Some(due) = self.store.due_holds(BOUNDS).await? else {
            return Ok(EndedPass::default());
        };
        let never = Heard::default();
        let ends: Vec<_> = due
            .holds
            .iter()
            .map(|hold| {
                (
                    *hold,
                    hold.hold.end(due.heard.get(&hold.number).unwrap_or(&never), due.now),
                )
            })
            .collect();
        let settling = self.store.settle_holds(&ends, due.now);
        crash_during(CrashPoint::R2, settling).await.map(EndedPass)
    }
}

impl Duty for Holds {
    const NAME: &'static str = "holds";
    type Pass = EndedPass;

    async fn run_once(&mut self) -> Result<EndedPass, Error> {
        Self::run_once(self).await
    }

    fn report(&self, pass: &EndedPass, _took: Duration) -> Duration {
        if let Some(first) = pass.0.going_on.first() {
            metrics::counter!("turnpike_holds_prolonged_total").increment(pass.0.going_on.len() as u64);
            warn!(
                messages = pass.0.going_on.len(),
                message.id = %first,
                "no webhooks come for the numbers of {} uncertain messages, among them {first}, so their holds go on: check that Meta reaches the webhook endpoint",
                pass.0.going_on.len()
            );
        }
        let (unknown, resent) = (pass.0.unknown.len(), pass.0.resent.len());
        if unknown + resent > 0 {
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
