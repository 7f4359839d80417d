//! Retention: what is over goes.
//!
//! **Invariant:** messages go by whole partitions, and only by partitions that hold nothing under way; no row of the ledger is ever
//! deleted. The side tables here are small, and lose old rows in bounded batches.

use chrono::{DateTime, NaiveDate, Utc};

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const FIND_LIVE_FLOOR: Statement = statement!("retention/find_live_floor", "finding the oldest message under way");
const RELEASE_FORGOTTEN: Statement = statement!(
    "retention/release_forgotten",
    "releasing what old messages hold reserved"
);
const DROP_PARTITIONS: Statement = statement!("retention/drop_partitions", "dropping partitions of old messages");
const DROP_LISTS: Statement = statement!("campaigns/drop_lists", "dropping the lists of old campaigns");
const DELETE_WEBHOOKS: Statement = statement!("retention/delete_webhooks", "deleting applied webhooks");
const DELETE_ANSWERS: Statement = statement!("retention/delete_answers", "deleting answers kept for idempotency keys");
const DELETE_ORPHANS: Statement = statement!("retention/delete_orphans", "deleting statuses of foreign messages");
const DELETE_NEW_RECIPIENTS: Statement = statement!(
    "retention/delete_new_recipients",
    "deleting counts of messages to new people"
);
const DELETE_CONTENTS: Statement = statement!("retention/delete_contents", "deleting counts of repeated contents");
const DELETE_PLACES: Statement = statement!("retention/delete_places", "deleting places under frequency caps");
const DELETE_DELIVERIES: Statement = statement!("retention/delete_deliveries", "deleting old webhook deliveries");
const DELETE_MEDIA: Statement = statement!("retention/delete_media", "deleting files that no message needs");
const DELETE_EVENTS: Statement = statement!("retention/delete_events", "deleting events that were told");

/// What is over, in the tables beside the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Old {
    /// Webhook bodies that were applied.
    Webhooks {
        /// Received before this.
        before: DateTime<Utc>,
    },
    /// Answers kept for idempotency keys.
    Answers {
        /// Given before this.
        before: DateTime<Utc>,
    },
    /// Statuses that name no message of ours.
    Orphans {
        /// Received before this.
        before: DateTime<Utc>,
    },
    /// Events. Only the oldest rows are looked at, as many as are to be deleted at most.
    Events {
        /// Told, and written before this.
        told_before: DateTime<Utc>,
        /// Never told, and written before this.
        untold_before: DateTime<Utc>,
    },
    /// Counts of messages to new people.
    NewRecipients {
        /// Of minutes before this.
        before: DateTime<Utc>,
    },
    /// Counts of repeated contents.
    Contents {
        /// Of hours before this.
        before: DateTime<Utc>,
    },
    /// Webhook deliveries that are over.
    Deliveries {
        /// Left before this.
        before: DateTime<Utc>,
    },
    /// Places under frequency caps.
    Places {
        /// Taken before this.
        before: DateTime<Utc>,
    },
    /// Files that no message needs, and such that never became whole.
    Media {
        /// To be kept until before this.
        before: DateTime<Utc>,
    },
}

impl Store {
    /// Finds anew which partitions may hold an alarm, so that nobody looks through all of them.
    pub async fn find_live_floor(&self) -> Result<(), Error> {
        let client = self.client().await?;
        FIND_LIVE_FLOOR.row(&client, &[]).await?;
        Ok(())
    }

    /// Drops the messages (with contents, attempts and delivery events) of the oldest day before `before` that holds none under way, and
    /// returns that day; `None` when there is none. What such old messages still hold reserved of a balance is released. Fails rather
    /// than wait for the lock it needs: ask again later.
    pub async fn drop_oldest_day(&self, before: NaiveDate) -> Result<Option<NaiveDate>, Error> {
        let client = self.client().await?;
        // Committed before the drop: nobody may wait for a balance while this waits for a whole table.
        RELEASE_FORGOTTEN.row(&client, &[&before]).await?;
        let day = DROP_PARTITIONS.row(&client, &[&before, &1_i32]).await?;
        Ok(day.map(|row| row.get("day")))
    }

    /// Drops the recipient lists of the oldest day before `before` whose campaigns are all over, and returns that day; `None` when there
    /// is none. Fails rather than wait for the lock it needs.
    pub async fn drop_oldest_lists(&self, before: NaiveDate) -> Result<Option<NaiveDate>, Error> {
        let client = self.client().await?;
        let day = DROP_LISTS.row(&client, &[&before, &1_i32]).await?;
        Ok(day.map(|row| row.get("day")))
    }

    /// Deletes at most `limit` old rows of a side table; says how many.
    pub async fn delete_old(&self, old: Old, limit: i64) -> Result<u64, Error> {
        let client = self.client().await?;
        match old {
            Old::Webhooks { before } => DELETE_WEBHOOKS.run(&client, &[&before, &limit]).await,
            Old::Answers { before } => DELETE_ANSWERS.run(&client, &[&before, &limit]).await,
            Old::Orphans { before } => DELETE_ORPHANS.run(&client, &[&before, &limit]).await,
            Old::NewRecipients { before } => DELETE_NEW_RECIPIENTS.run(&client, &[&before, &limit]).await,
            Old::Contents { before } => DELETE_CONTENTS.run(&client, &[&before, &limit]).await,
            Old::Deliveries { before } => DELETE_DELIVERIES.run(&client, &[&before, &limit]).await,
            Old::Media { before } => DELETE_MEDIA.run(&client, &[&before, &limit]).await,
            Old::Places { before } => DELETE_PLACES.run(&client, &[&before, &limit]).await,
            Old::Events {
                told_before,
                untold_before,
            } => {
                DELETE_EVENTS
                    .run(&client, &[&told_before, &untold_before, &limit])
                    .await
            }
        }
    }
}
