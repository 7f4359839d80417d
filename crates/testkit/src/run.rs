//! A run of a whole pipeline: load, faults, the way to rest, and at the end the checker, which lays the customer's ledger, Meta's, the
//! webhooks and the database side by side.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use domain::State;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::client::Client;
use crate::history::{Expectations, History, check, summary};
use crate::stack::{Plan, Stack};

/// How long a run may take to become quiet after its last fault. Queued rows whose job was lost are rung again after ten seconds, then
/// after twenty and forty more: whoever loses three jobs waits for longer than a minute.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// A pipeline under load, and the customer who made the load.
#[derive(Debug)]
pub struct Run {
    /// The pipeline.
    pub stack: Stack,
    /// The customer.
    pub client: Client,
    /// How long anything may take that is waited for.
    pub patience: Duration,
}

impl Run {
    /// Everything but senders.
    ///
    /// # Errors
    /// When something cannot be started.
    pub async fn without_senders(plan: Plan) -> Result<Self> {
        Self::of(Stack::prepare(plan).await?).await
    }

    /// The same on a stack that was prepared.
    ///
    /// # Errors
    /// When something cannot be started.
    pub async fn of(mut stack: Stack) -> Result<Self> {
        for role in ["ingest", "scheduler", "receipts"] {
            stack.start_role(role).await?;
        }
        Ok(Self::on(stack))
    }

    /// On a stack that runs.
    pub fn on(stack: Stack) -> Self {
        Self {
            stack,
            client: Client::default(),
            patience: PATIENCE,
        }
    }

    /// One of each role, and so many senders.
    ///
    /// # Errors
    /// When something cannot be started.
    pub async fn start(plan: Plan, senders: usize) -> Result<Self> {
        let mut run = Self::without_senders(plan).await?;
        run.senders(senders).await?;
        Ok(run)
    }

    /// So many more senders.
    ///
    /// # Errors
    /// When one cannot be started.
    pub async fn senders(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            self.stack.start_role("sender").await?;
        }
        Ok(())
    }

    /// Hands in messages for so many more people.
    ///
    /// # Errors
    /// When one is not taken.
    pub async fn load(&mut self, count: usize) -> Result<()> {
        let first = self.client.told.len();
        self.client.broadcast(&self.stack, first, count).await
    }

    /// Waits until Meta saw so many POSTs.
    ///
    /// # Errors
    /// When it did not in time.
    pub async fn until_posted(&self, count: u64) -> Result<()> {
        let posted = self
            .stack
            .meta
            .wait_for(self.patience, |report| report.posts >= count)
            .await;
        match posted {
            Ok(_) => Ok(()),
            Err(late) => bail!("{} of {count} posts\n{}", late.0.posts, self.last_words()),
        }
    }

    /// Waits until no message can move any more but by a hold, and every webhook is applied.
    ///
    /// # Errors
    /// When something still moves after all patience.
    pub async fn until_quiet(&self) -> Result<()> {
        let begun = Instant::now();
        loop {
            // A database that is just being restarted is asked again.
            let states = self.stack.states().await.unwrap_or_default();
            let moving: i64 = [State::Parked, State::Queued, State::Sending]
                .iter()
                .filter_map(|state| states.get(&i64::from(state.code())))
                .sum();
            if moving == 0 && !states.is_empty() && self.webhooks_are_applied().await {
                return Ok(());
            }
            if begun.elapsed() > self.patience {
                let (after, stuck) = (self.patience, self.unfinished().await);
                let webhooks = self.stack.meta.report().webhooks;
                let inbox = self
                    .stack
                    .database
                    .store
                    .raw(include_str!("../sql/history_inbox.sql"))
                    .await;
                bail!(
                    "still moving after {after:?}: {states:?}, {stuck}, Meta's webhooks: {webhooks:?}, the inbox: {inbox:?}\n{}",
                    self.last_words()
                );
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// What messages wait for that have not ended, for people.
    pub async fn unfinished(&self) -> String {
        let waiting = include_str!("../sql/unfinished.sql");
        format!("{:?}", self.stack.database.store.raw(waiting).await)
    }

    async fn webhooks_are_applied(&self) -> bool {
        let waiting = include_str!("../sql/history_inbox.sql");
        self.stack.meta.report().webhooks.pending == 0
            && matches!(self.stack.database.store.raw(waiting).await.as_deref(), Ok([row]) if row["waiting"] == 0)
    }

    /// Lets the alarms of such messages go off now. In order, and without those that somebody has in hand, so that a statement that only
    /// turns the clock gets in nobody's way.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn overdue(&self, such: &str) -> Result<()> {
        let overdue = format!(
            "UPDATE message SET wake_at = now() WHERE id IN (SELECT id FROM message WHERE {such} ORDER BY id FOR UPDATE SKIP LOCKED)"
        );
        self.stack.database.store.raw(&overdue).await?;
        Ok(())
    }

    /// Lets the time pass that uncertain messages wait for a webhook.
    ///
    /// # Errors
    /// When some of them stay as they are.
    pub async fn end_holds(&self) -> Result<()> {
        let begun = Instant::now();
        while self.count(State::Uncertain).await? > 0 {
            self.overdue("state = 40").await?;
            ensure!(
                begun.elapsed() < self.patience,
                "holds do not end\n{}",
                self.last_words()
            );
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// How many messages ended like this.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count(&self, state: State) -> Result<u64> {
        let states = self.stack.states().await?;
        let count = states.get(&i64::from(state.code())).copied().unwrap_or_default();
        u64::try_from(count).context("a count")
    }

    /// Checks every invariant.
    ///
    /// # Errors
    /// When one is broken; the message holds the first cases of each.
    pub async fn check(&self, expectations: &Expectations) -> Result<()> {
        let history = History::gather(&self.stack, &self.client).await?;
        let broken = check(&history, expectations);
        ensure!(broken.is_empty(), "{}", summary(&broken));
        Ok(())
    }

    /// The last lines of every program, for people.
    pub fn last_words(&self) -> String {
        let programs = self.stack.programs.iter().map(|program| {
            let lines = program.lines();
            format!(
                "{}:\n{}",
                program.name(),
                lines[lines.len().saturating_sub(15)..].join("\n")
            )
        });
        programs.collect::<Vec<_>>().join("\n---\n")
    }
}

/// A plan with a number of so many messages a second, so that a load lasts long enough to be disturbed, and with a messaging limit, so
/// that people are counted.
pub fn pace(per_second: u32) -> Plan {
    let mut plan = Plan::default();
    plan.tenant.throughput = per_second;
    plan.tenant.tier = "TIER_10K";
    plan
}

/// A Meta that is slow enough that every fault finds calls under way, some of them accepted, and whose webhooks are later than any
/// second try would be: a message that is wrongly tried again is accepted twice, and not saved by its webhook. A webhook that failed comes
/// again within seconds, so that nobody's recovery is Meta's patience.
pub fn slow(plan: Plan) -> Plan {
    let simulator =
        json!({"latency": {"min_ms": 20, "max_ms": 200}, "webhooks": {"sent_after": 1500, "retry_most_ms": 5000}});
    with(plan, simulator)
}

/// The same with another set-up of the simulator.
pub fn with(mut plan: Plan, simulator: Value) -> Plan {
    plan.simulator = Some(simulator);
    plan
}
