//! Statuses that came before their message was there: after a database was restored, or while its newest rows still were on their
//! way. They are tried again for an hour, and stay in sight until retention removes them.

use chrono::TimeDelta;
use meta::webhook::StatusUpdate;
use store::Error;
use tracing::warn;

use crate::apply::{Applied, Place};
use crate::statuses::{self, Told};
use crate::{Receipts, inbound};

/// How long a status waits for its message.
const PATIENCE: TimeDelta = TimeDelta::hours(1);
/// How many are tried in one transaction.
const AT_ONCE: i64 = 500;

impl Receipts {
    /// Applies kept statuses whose message is there now. Returns how many.
    ///
    /// # Errors
    /// When the database is not there; nothing is lost.
    pub async fn retry_orphans(&self) -> Result<usize, Error> {
        let mut found = 0;
        loop {
            let taken = self.retry_some_orphans().await?;
            found += taken;
            if i64::try_from(taken).is_ok_and(|taken| taken < AT_ONCE) {
                return Ok(found);
            }
        }
    }

    async fn retry_some_orphans(&self) -> Result<usize, Error> {
        let mut applier = self.store.applier().await?;
        let tx = applier.begin().await?;
        let waiting = tx.take_orphans(self.clock.now() - PATIENCE, AT_ONCE).await?;
        let statuses: Vec<Option<StatusUpdate>> = waiting
            .iter()
            .map(|orphan| serde_json::from_str(&orphan.status).ok())
            .collect();
        let told: Vec<Told<'_>> = waiting
            .iter()
            .zip(&statuses)
            .enumerate()
            .filter_map(|(element, (orphan, status))| {
                Some(Told {
                    place: Place { body: 0, element },
                    received_at: orphan.received_at,
                    status: status.as_ref()?,
                })
            })
            .collect();
        if waiting.is_empty() {
            return Ok(0);
        }
        let mut applied = Applied::default();
        let outcome = statuses::apply(&tx, &self.signer, &told, &mut applied).await?;
        inbound::apply(&tx, &inbound::Told::default(), &outcome.stopped, &mut applied).await?;
        if !outcome.delivered_late.is_empty() {
            tx.extend_members(&outcome.delivered_late).await?;
        }
        let ids: Vec<i64> = waiting.iter().map(|orphan| orphan.id).collect();
        tx.drop_orphans(&ids).await?;
        tx.commit().await?;
        applied.tally.publish();
        for refused in &applied.refused {
            let (orphan, reason) = (waiting[refused.place.element].id, &refused.reason);
            warn!(orphan.id = orphan, "dropped kept status {orphan}: {reason}");
        }
        Ok(waiting.len())
    }
}
