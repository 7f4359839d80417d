//! Retention: what is over goes.
//!
//! **Invariant:** messages go by whole partitions, and only by partitions that hold nothing under way; no row of the ledger is ever
//! deleted. The side tables here are small, and lose old rows in bounded batches.

use chrono::{DateTime, NaiveDate, Utc};

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const FIND_LIVE_FLOOR: Statement = statement!("retention/find_live_floor", "finding the oldest message under way");
const DROP_PARTITIONS: Statement = statement!("retention/drop_partitions", "dropping partitions of old messages");
const DROP_WEBHOOKS: Statement = statement!("retention/drop_webhooks", "deleting applied webhooks");
const DROP_ANSWERS: Statement = statement!("retention/drop_answers", "deleting answers kept for idempotency keys");
const DROP_ORPHANS: Statement = statement!("retention/drop_orphans", "deleting statuses of foreign messages");
const DROP_EVENTS: Statement = statement!("retention/drop_events", "deleting events that were told");

impl Store {
    /// Finds anew which partitions may hold an alarm, so that nobody looks through all of them.
    pub async fn find_live_floor(&self) -> Result<(), Error> {
        let client = self.client().await?;
        FIND_LIVE_FLOOR.row(&client, &[]).await?;
        Ok(())
    }

    /// Drops the messages (with contents, attempts and delivery events) of the oldest day before `before` that holds none under way, and
    /// returns that day; `None` when there is none. Fails rather than wait for the lock it needs: ask again later.
    pub async fn drop_oldest_day(&self, before: NaiveDate) -> Result<Option<NaiveDate>, Error> {
        let client = self.client().await?;
        let day = DROP_PARTITIONS.row(&client, &[&before, &1_i32]).await?;
        Ok(day.map(|row| row.get("day")))
    }

    /// Deletes at most `limit` applied webhook bodies received before `before`; says how many.
    pub async fn drop_webhooks(&self, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
        DROP_WEBHOOKS.run(&self.client().await?, &[&before, &limit]).await
    }

    /// Deletes at most `limit` answers given before `before`; says how many.
    pub async fn drop_answers(&self, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
        DROP_ANSWERS.run(&self.client().await?, &[&before, &limit]).await
    }

    /// Deletes at most `limit` statuses of messages that are not ours, received before `before`; says how many.
    pub async fn drop_orphans(&self, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
        DROP_ORPHANS.run(&self.client().await?, &[&before, &limit]).await
    }

    /// Deletes events among the `limit` oldest: those told and from before `told_before`, and those never told and from before
    /// `untold_before`; says how many rows.
    pub async fn drop_events(
        &self,
        told_before: DateTime<Utc>,
        untold_before: DateTime<Utc>,
        limit: i64,
    ) -> Result<u64, Error> {
        DROP_EVENTS
            .run(&self.client().await?, &[&told_before, &untold_before, &limit])
            .await
    }
}
