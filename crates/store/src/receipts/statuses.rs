//! What Meta says became of our messages.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::Application;
use crate::Error;
use crate::statement::statement;

/// A message under lock, as it is before the statuses of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The message.
    pub id: Uuid,
    /// Whose it is.
    pub organization_id: i64,
    /// To whom, E.164.
    pub recipient: String,
    /// It went to a stand-in for Meta.
    pub test: bool,
    /// Code of [`domain::State`].
    pub state: i16,
    /// The newest attempt.
    pub attempt: i32,
    /// The newest attempt counts for the messaging limit.
    pub counted: bool,
    /// When the newest attempt was committed.
    pub claimed_at: Option<DateTime<Utc>>,
    /// Code of [`domain::Delivery`]: the view so far.
    pub delivery: i16,
    /// Meta's id, once known.
    pub wamid: Option<String>,
    /// It has a price.
    pub is_paid: bool,
}

/// One status, to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The message.
    pub id: Uuid,
    /// Meta's word.
    pub status: String,
    /// When, by Meta's clock.
    pub at: DateTime<Utc>,
    /// The attempt it is about.
    pub attempt: i32,
    /// When we got it.
    pub received_at: DateTime<Utc>,
    /// `[{"code", "title", "details"}]` of a failure, in JSON.
    pub errors: Option<String>,
    /// What Meta charges, in JSON.
    pub pricing: Option<String>,
}

/// What the statuses of a batch prove about one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The message.
    pub id: Uuid,
    /// Code of the highest [`domain::Delivery`] among them.
    pub delivery: i16,
    /// Meta's id of it.
    pub wamid: String,
}

/// A status that names no message of ours, or one that is not there.
#[derive(Debug, Clone, PartialEq)]
pub struct Orphan {
    /// When we got it.
    pub received_at: DateTime<Utc>,
    /// Meta's id of whatever it is about.
    pub wamid: String,
    /// The message and attempt of our callback string, if it carries one.
    pub names: Option<(Uuid, i32)>,
    /// The status as Meta writes one, in JSON.
    pub status: String,
}

/// An orphan whose message is there now.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// Its row.
    pub id: i64,
    /// When we got it.
    pub received_at: DateTime<Utc>,
    /// The status as Meta writes one, in JSON.
    pub status: String,
}

impl Application<'_> {
    /// Locks the messaging limits in which deliveries (message, when) begin a day anew, because they came `late` after the claim. To be
    /// called before [`Self::lock_messages`].
    pub async fn lock_late_scopes(&self, delivered: &[(Uuid, DateTime<Utc>)], late: TimeDelta) -> Result<(), Error> {
        let (ids, times): (Vec<_>, Vec<_>) = delivered.iter().copied().unzip();
        statement!(
            "receipts/lock_late_scopes",
            "locking the messaging limits of late deliveries"
        )
        .run(self.tx(), &[&ids, &times, &late.as_seconds_f64()])
        .await?;
        Ok(())
    }

    /// Forgets Meta's ids of the files that these messages name, for their numbers. Returns how many.
    pub async fn forget_uploads(&self, messages: &[Uuid]) -> Result<u64, Error> {
        statement!("receipts/forget_uploads", "forgetting uploads that Meta could not use")
            .run(self.tx(), &[&messages])
            .await
    }

    /// Locks those messages that exist, and before them the balances that they may still be paid from. The ids must be sorted, each only once.
    pub async fn lock_messages(&self, ids: &[Uuid]) -> Result<Vec<Locked>, Error> {
        debug_assert!(
            ids.is_sorted_by(|a, b| a < b),
            "sorted ids keep passes from waiting crosswise"
        );
        let rows = statement!("receipts/lock_messages", "locking the messages that statuses name")
            .rows(self.tx(), &[&ids])
            .await?;
        let locked = rows.iter().map(|row| Locked {
            id: row.get("id"),
            organization_id: row.get("organization_id"),
            recipient: row.get("recipient"),
            test: row.get("test"),
            state: row.get("state"),
            attempt: row.get("attempt"),
            counted: row.get("counted"),
            claimed_at: row.get("claimed_at"),
            delivery: row.get("delivery"),
            wamid: row.get("wamid"),
            is_paid: row.get("is_paid"),
        });
        Ok(locked.collect())
    }

    /// Keeps events; one that is there already stays as it is. The messages must be locked.
    pub async fn keep_events(&self, events: &[Event]) -> Result<(), Error> {
        let ids: Vec<_> = events.iter().map(|event| event.id).collect();
        let words: Vec<_> = events.iter().map(|event| event.status.as_str()).collect();
        let times: Vec<_> = events.iter().map(|event| event.at).collect();
        let attempts: Vec<_> = events.iter().map(|event| event.attempt).collect();
        let received: Vec<_> = events.iter().map(|event| event.received_at).collect();
        let errors: Vec<_> = events.iter().map(|event| event.errors.as_deref()).collect();
        let pricing: Vec<_> = events.iter().map(|event| event.pricing.as_deref()).collect();
        statement!("receipts/keep_events", "keeping the events of deliveries")
            .run(
                self.tx(),
                &[&ids, &words, &times, &attempts, &received, &errors, &pricing],
            )
            .await?;
        Ok(())
    }

    /// Moves messages to accepted, and their view of the delivery forward; the events must be kept before. Each message only once.
    /// `failed` is the code of [`domain::Delivery::Failed`].
    pub async fn prove_accepted(&self, proofs: &[Proof], failed: i16) -> Result<u64, Error> {
        let ids: Vec<_> = proofs.iter().map(|proof| proof.id).collect();
        let deliveries: Vec<_> = proofs.iter().map(|proof| proof.delivery).collect();
        let wamids: Vec<_> = proofs.iter().map(|proof| proof.wamid.as_str()).collect();
        statement!("receipts/prove_accepted", "writing what became of messages")
            .run(self.tx(), &[&ids, &deliveries, &wamids, &failed])
            .await
    }

    /// Spends what is reserved for attempts that were accepted; again is harmless. Their messages must be locked.
    pub async fn spend_proven(&self, attempts: &[(Uuid, i32)]) -> Result<(), Error> {
        let (ids, attempts): (Vec<_>, Vec<_>) = attempts.iter().copied().unzip();
        statement!("receipts/spend_proven", "spending what accepted messages cost")
            .row(self.tx(), &[&ids, &attempts])
            .await?;
        Ok(())
    }

    /// Lets people count for the messaging limit from the delivery on, where that was later than the slot promised. Each message once in
    /// its life; the limits must be locked.
    pub async fn extend_members(&self, delivered: &[(Uuid, DateTime<Utc>)]) -> Result<u64, Error> {
        let (ids, times): (Vec<_>, Vec<_>) = delivered.iter().copied().unzip();
        statement!("receipts/extend_members", "extending places in the messaging limit")
            .run(self.tx(), &[&ids, &times])
            .await
    }

    /// Keeps statuses without a message.
    pub async fn keep_orphans(&self, orphans: &[Orphan]) -> Result<(), Error> {
        let received: Vec<_> = orphans.iter().map(|orphan| orphan.received_at).collect();
        let wamids: Vec<_> = orphans.iter().map(|orphan| orphan.wamid.as_str()).collect();
        let ids: Vec<_> = orphans.iter().map(|orphan| orphan.names.map(|(id, _)| id)).collect();
        let attempts: Vec<_> = orphans
            .iter()
            .map(|orphan| orphan.names.map(|(_, attempt)| attempt))
            .collect();
        let statuses: Vec<_> = orphans.iter().map(|orphan| orphan.status.as_str()).collect();
        statement!("receipts/keep_orphans", "keeping statuses of unknown messages")
            .run(self.tx(), &[&received, &wamids, &ids, &attempts, &statuses])
            .await?;
        Ok(())
    }

    /// Orphans received after `since` whose message is there now, the oldest first. Ours until the transaction ends.
    pub async fn take_orphans(&self, since: DateTime<Utc>, limit: i64) -> Result<Vec<Waiting>, Error> {
        let rows = statement!("receipts/take_orphans", "looking for messages of kept statuses")
            .rows(self.tx(), &[&since, &limit])
            .await?;
        let waiting = rows.iter().map(|row| Waiting {
            id: row.get("id"),
            received_at: row.get("received_at"),
            status: row.get("status"),
        });
        Ok(waiting.collect())
    }

    /// Removes orphans that found their message.
    pub async fn drop_orphans(&self, ids: &[i64]) -> Result<(), Error> {
        statement!("receipts/drop_orphans", "removing statuses that found their message")
            .run(self.tx(), &[&ids])
            .await?;
        Ok(())
    }
}
