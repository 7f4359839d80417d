//! One pass: number what is new, then tell what is numbered, organization by organization.

use store::Error;
use store::events::Turn;

use crate::Notifier;

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pass {
    /// Changes that got their numbers.
    pub numbered: i64,
    /// Changes that are told: the broker has them, or no queue wants them.
    pub told: usize,
    /// How many of these no queue wants.
    pub unheard: usize,
    /// Changes that the broker did not confirm, and those behind them; they are told again.
    pub unconfirmed: usize,
    /// It took on as much as it may of some organization, so there is more to do at once.
    pub full: bool,
}

impl Pass {
    /// There was nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn count(&self) {
        metrics::counter!("turnpike_events_told_total").increment(self.told as u64);
        metrics::counter!("turnpike_events_unconfirmed_total").increment(self.unconfirmed as u64);
    }
}

impl Notifier {
    /// One pass. Without a broker, changes are numbered and wait.
    ///
    /// # Errors
    /// When the ledger does not answer. What was published by then is published again.
    pub async fn run_once(&self) -> Result<Pass, Error> {
        let mut pass = Pass {
            numbered: self.store.number_events(self.options.rows).await?,
            ..Pass::default()
        };
        pass.full = pass.numbered >= i64::from(self.options.rows);
        if !self.publisher.is_connected() {
            return Ok(Pass { full: false, ..pass });
        }
        let organizations = self.store.organizations_to_tell().await?;
        if organizations.is_empty() {
            return Ok(pass);
        }
        let mut teller = self.store.teller().await?;
        for organization in organizations {
            if let Some(turn) = teller.turn(organization, self.options.changes).await? {
                self.tell(turn, &mut pass).await?;
            }
        }
        Ok(pass)
    }

    /// Tells a turn's changes, and notes down those up to the first that was not confirmed.
    async fn tell(&self, turn: Turn<'_>, pass: &mut Pass) -> Result<(), Error> {
        let told = self.publish(&turn).await;
        pass.told += told.settled;
        pass.unheard += told.unheard;
        pass.unconfirmed += turn.changes.len() - told.settled;
        pass.full |= turn.changes.len() >= self.options.changes;
        turn.published(told.settled).await
    }
}
