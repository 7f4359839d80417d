//! Upkeep: partitions for the days ahead, and an end for what is old.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::rules::{fraud_guard, frequency_cap};
use runtime::Clock;
use store::retention::Old;
use store::{Error, Store};
use tracing::info;

use crate::Options;
use crate::duty::Duty;

/// Rows that one statement deletes at most.
const BATCH: i64 = 5_000;
/// Statements for one table in one pass at most, so that a long backlog does not keep partitions waiting.
const BATCHES: usize = 200;
/// Rest after a pass that failed, as it does when a lock was not to be had at once.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// How long what is over is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Messages with contents, attempts and delivery events, by whole days, and never a day with a message under way.
    pub messages: TimeDelta,
    /// Webhook bodies that were applied. Meta repeats a webhook for up to a week, but one that was answered only by mistake.
    pub webhooks: TimeDelta,
    /// Answers to requests with an idempotency key; the API promises a day.
    pub answers: TimeDelta,
    /// Statuses that name no message of ours.
    pub orphans: TimeDelta,
    /// Events that were told.
    pub told_events: TimeDelta,
    /// Webhook deliveries that are over: as long as there are events to deliver again.
    pub deliveries: TimeDelta,
    /// Events that nobody told, because no notifier runs.
    pub untold_events: TimeDelta,
}

/// Looks after partitions and retention.
#[derive(Debug)]
pub struct Upkeep {
    store: Store,
    clock: Clock,
    options: Options,
}

/// What one pass did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpkeepPass {
    /// Partition tables that were made.
    pub made: i32,
    /// Days whose messages were dropped.
    pub dropped: Vec<NaiveDate>,
    /// Rows deleted from the side tables.
    pub deleted: u64,
}

impl UpkeepPass {
    /// Nothing was to be done.
    pub fn is_empty(&self) -> bool {
        self.made == 0 && self.dropped.is_empty() && self.deleted == 0
    }
}

impl Upkeep {
    /// With these bounds and times.
    pub fn new(store: Store, clock: Clock, options: Options) -> Self {
        Self { store, clock, options }
    }

    /// One pass: what new messages need first, what is only tidier last.
    ///
    /// # Errors
    /// When the ledger does not answer, or a lock on a whole table was not to be had at once.
    pub async fn run_once(&mut self) -> Result<UpkeepPass, Error> {
        let now = self.clock.now();
        let made = self.store.ensure_partitions(now).await?;
        self.store.find_live_floor().await?;
        let deleted = self.delete(now).await?;
        let mut dropped = Vec::new();
        let before = (now - self.options.retention.messages).date_naive();
        while let Some(day) = self.store.drop_oldest_day(before).await? {
            info!(%day, "dropped the messages of {day}");
            dropped.push(day);
        }
        while let Some(day) = self.store.drop_oldest_lists(before).await? {
            info!(%day, "dropped the recipient lists of the campaigns of {day}");
        }
        Ok(UpkeepPass { made, dropped, deleted })
    }

    async fn delete(&self, now: DateTime<Utc>) -> Result<u64, Error> {
        let mut deleted = 0;
        for old in self.options.retention.side_tables(now) {
            for _ in 0..BATCHES {
                let batch = self.store.delete_old(old, BATCH).await?;
                deleted += batch;
                if batch < BATCH.unsigned_abs() {
                    break;
                }
            }
        }
        Ok(deleted)
    }
}

impl Retention {
    fn side_tables(&self, now: DateTime<Utc>) -> [Old; 9] {
        [
            Old::Webhooks {
                before: now - self.webhooks,
            },
            Old::Answers {
                before: now - self.answers,
            },
            Old::Orphans {
                before: now - self.orphans,
            },
            Old::Events {
                told_before: now - self.told_events,
                untold_before: now - self.untold_events,
            },
            Old::Deliveries {
                before: now - self.deliveries,
            },
            Old::Media { before: now },
            // What policies look back on is kept for as long as any of them may, and a little more.
            Old::NewRecipients {
                before: now - TimeDelta::minutes(i64::from(fraud_guard::LONGEST_MINUTES) + 60),
            },
            Old::Contents {
                before: now - TimeDelta::hours(i64::from(fraud_guard::LONGEST_HOURS) + 1),
            },
            Old::Places {
                before: now - TimeDelta::hours(i64::from(frequency_cap::LONGEST) + 1),
            },
        ]
    }
}

impl Duty for Upkeep {
    const NAME: &'static str = "upkeep";
    type Pass = UpkeepPass;

    async fn run_once(&mut self) -> Result<UpkeepPass, Error> {
        Self::run_once(self).await
    }

    fn report(&self, pass: &UpkeepPass, _took: Duration) -> Duration {
        if !pass.is_empty() {
            info!(
                made = pass.made,
                dropped = pass.dropped.len(),
                deleted = pass.deleted,
                "made partitions ahead and deleted what is old"
            );
        }
        self.options.upkeep
    }

    fn rest_after_failure(&self) -> Duration {
        TRY_AGAIN
    }
}
