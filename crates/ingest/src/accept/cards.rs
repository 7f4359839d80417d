//! The rate cards of those who pay, kept for as long as they are the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{OrganizationId, RateCard};
use store::intake::{Intake, Number, Purse};

use super::balance::{Payer, Payers};

/// A card, and the revision that it is of.
type Kept = (i32, Arc<RateCard>);

/// Remembers one card for each organization that pays. Clones share what they remember.
#[derive(Debug, Clone, Default)]
pub(super) struct Cards(Arc<Mutex<HashMap<OrganizationId, Kept>>>);

impl Cards {
    /// Who pays among the owners of these numbers. Asks the ledger only for cards that changed.
    pub(super) async fn payers(&self, intake: &Intake, numbers: &[Number]) -> Result<Payers, store::Error> {
        let purses: HashMap<OrganizationId, &Purse> = numbers
            .iter()
            .filter_map(|number| Some((number.organization, number.purse.as_ref()?)))
            .collect();
        let is_stale = |(organization, purse): &(&OrganizationId, &&Purse)| {
            let kept = self.kept().get(*organization).map(|(revision, _)| *revision);
            kept != Some(purse.card_revision)
        };
        let stale: Vec<OrganizationId> = purses
            .iter()
            .filter(is_stale)
            .map(|(organization, _)| *organization)
            .collect();
        if !stale.is_empty() {
            // What is read now may be newer than the revision; the next batch then reads it once more.
            let mut read = intake.rate_cards(&stale).await?;
            let mut kept = self.kept();
            for organization in stale {
                let card = read.remove(&organization).unwrap_or_default();
                kept.insert(organization, (purses[&organization].card_revision, Arc::new(card)));
            }
        }
        let kept = self.kept();
        let payer = |(organization, purse): (OrganizationId, &Purse)| {
            let payer = Payer {
                left: purse.available,
                currency: purse.currency.clone(),
                card: Arc::clone(&kept[&organization].1),
            };
            (organization, payer)
        };
        Ok(purses.into_iter().map(payer).collect())
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<OrganizationId, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
