//! Nothing lost, nothing twice, whatever breaks: links, Meta, its webhooks, the servers. At the end of each test the checker lays the
//! customer's ledger, Meta's, the webhooks and the database side by side.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod links;
mod meta;
mod processes;
mod servers;
mod ways_in;
mod webhooks;

use std::time::Duration;

use domain::State;
use serde_json::{Value, json};
use testkit::client::Client;
use testkit::history::{Expectations, History};
use testkit::stack::{Plan, Stack};
use tokio::time::Instant;

/// How long a run may take to become quiet after its last fault. Queued rows whose job was lost are rung again after ten seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A pipeline under load, and the customer who made the load.
struct Run {
    stack: Stack,
    client: Client,
}

impl Run {
    /// Everything but senders.
    async fn without_senders(plan: Plan) -> Self {
        Self::of(Stack::prepare(plan).await.unwrap()).await
    }

    /// The same on a stack that was prepared.
    async fn of(mut stack: Stack) -> Self {
        for role in ["ingest", "scheduler", "receipts"] {
            stack.start_role(role).await.unwrap();
        }
        Self {
            stack,
            client: Client::default(),
        }
    }

    async fn start(plan: Plan, senders: usize) -> Self {
        let mut run = Self::without_senders(plan).await;
        run.senders(senders).await;
        run
    }

    async fn senders(&mut self, count: usize) {
        for _ in 0..count {
            self.stack.start_role("sender").await.unwrap();
        }
    }

    /// Hands in messages for so many more people.
    async fn load(&mut self, count: usize) {
        let first = self.client.told.len();
        self.client.broadcast(&self.stack, first, count).await.unwrap();
    }

    async fn until_posted(&self, count: u64) {
        let posted = self.stack.meta.wait_for(PATIENCE, |report| report.posts >= count).await;
        if let Err(late) = posted {
            panic!("{} of {count} posts\n{}", late.0.posts, self.last_words());
        }
    }

    /// Waits until no message can move any more but by a hold, and every webhook is applied.
    async fn until_quiet(&self) {
        let begun = Instant::now();
        loop {
            // A database that is just being restarted is asked again.
            let states = self.stack.states().await.unwrap_or_default();
            let moving: i64 = [State::Parked, State::Queued, State::Sending]
                .iter()
                .filter_map(|state| states.get(&i64::from(state.code())))
                .sum();
            if moving == 0 && !states.is_empty() && self.webhooks_are_applied().await {
                return;
            }
            if begun.elapsed() > PATIENCE {
                let stuck = self.unfinished().await;
                panic!(
                    "still moving after {PATIENCE:?}: {states:?}, {stuck}\n{}",
                    self.last_words()
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What messages wait for that have not ended, for people.
    async fn unfinished(&self) -> String {
        let waiting =
            "SELECT state, reason, attempt, failures, rings, flow_id IS NOT NULL AS in_flow, count(*) AS messages,
                min(extract(epoch FROM wake_at - now()))::int AS wakes_in_s
            FROM message WHERE state < 50 GROUP BY 1, 2, 3, 4, 5, 6";
        format!("{:?}", self.stack.database.store.raw(waiting).await)
    }

    async fn webhooks_are_applied(&self) -> bool {
        let waiting = "SELECT count(*) AS n FROM webhook_inbox WHERE applied_at IS NULL";
        self.stack.meta.report().webhooks.pending == 0
            && matches!(self.stack.database.store.raw(waiting).await.as_deref(), Ok([row]) if row["n"] == 0)
    }

    /// Lets the time pass that uncertain messages wait for a webhook.
    async fn end_holds(&self) {
        let over = "UPDATE message SET wake_at = now() WHERE state = 40";
        self.stack.database.store.raw(over).await.unwrap();
        testkit::until(PATIENCE, "the end of every hold", async || {
            let states = self.stack.states().await.ok()?;
            (!states.contains_key(&i64::from(State::Uncertain.code()))).then_some(())
        })
        .await;
    }

    /// How many messages ended like this.
    async fn count(&self, state: State) -> u64 {
        let states = self.stack.states().await.unwrap();
        let count = states.get(&i64::from(state.code())).copied().unwrap_or_default();
        u64::try_from(count).unwrap()
    }

    /// Checks every invariant.
    async fn check(&self, expectations: &Expectations) {
        let history = History::gather(&self.stack, &self.client).await.unwrap();
        history.assert_whole(expectations);
    }

    /// The last lines of every program, for people.
    fn last_words(&self) -> String {
        let programs = self.stack.programs.iter().map(|program| {
            let lines = program.lines();
            lines[lines.len().saturating_sub(15)..].join("\n")
        });
        programs.collect::<Vec<_>>().join("\n---\n")
    }
}

/// A plan with a number of so many messages a second, so that a load lasts long enough to be disturbed, and with a messaging limit, so
/// that people are counted.
fn pace(per_second: u32) -> Plan {
    let mut plan = Plan::default();
    plan.tenant.throughput = per_second;
    plan.tenant.tier = "TIER_10K";
    plan
}

/// A Meta that is slow enough that every fault finds calls under way, some of them accepted, and whose webhooks are later than any
/// second try would be: a message that is wrongly tried again is accepted twice, and not saved by its webhook.
fn slow(plan: Plan) -> Plan {
    let simulator = json!({"latency": {"min_ms": 20, "max_ms": 200}, "webhooks": {"sent_after": 1500}});
    with(plan, simulator)
}

fn with(mut plan: Plan, simulator: Value) -> Plan {
    plan.simulator = Some(simulator);
    plan
}
