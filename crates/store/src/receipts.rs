//! Applying webhooks: what they change in the ledger, all of it in one transaction with the bodies it came from.
//!
//! **Lock order of an application:** number, scope, balance, message (each sorted), then contacts (sorted, as admission writes them), then
//! members of a messaging limit, which are never waited for, and last what was heard of numbers (sorted). Whoever adds a statement keeps to it.

mod gates;
mod inbound;
mod statuses;

use deadpool_postgres::{Client, Transaction};

use crate::Error;
pub use gates::{TierChange, ToldOfAccount};
pub use inbound::{Choice, Inbound, Name, OtherName, SenderNumber};
pub use statuses::{Event, Locked, Orphan, Proof, Waiting};

/// A transaction that applies webhooks, or a part of one that can fail alone.
pub struct Application<'a>(Transaction<'a>);

impl std::fmt::Debug for Application<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Application")
    }
}

impl<'a> Application<'a> {
    pub(crate) async fn begin(client: &'a mut Client) -> Result<Self, Error> {
        let doing = "beginning to apply webhooks";
        let tx = client.transaction().await.map_err(Error::while_doing(doing))?;
        // Plans that do not look at how long the arrays are: a batch looks up a few thousand keys in tables of any size, and reading
        // such a table from end to end is never the better way, whatever its statistics say.
        tx.batch_execute("SET LOCAL plan_cache_mode = force_generic_plan")
            .await
            .map_err(Error::while_doing(doing))?;
        Ok(Self(tx))
    }

    pub(crate) fn tx(&self) -> &Transaction<'a> {
        &self.0
    }

    /// Begins a part that can fail alone: dropped without [`Application::commit`], only the part is undone.
    pub async fn part(&mut self) -> Result<Application<'_>, Error> {
        let part = self.0.transaction().await;
        part.map(Application)
            .map_err(Error::while_doing("beginning a part of an application"))
    }

    /// Makes it count. An error leaves it in doubt; applying the same again is harmless.
    pub async fn commit(self) -> Result<(), Error> {
        self.0
            .commit()
            .await
            .map_err(Error::while_doing("committing what webhooks said"))
    }
}
