//! The checker: four ledgers of one run laid side by side (what the customer was answered, what Meta's stand-in saw, which webhooks
//! came, what the database says) and judged by the invariants the pipeline promises.
//!
//! It reads histories, not logs, and shares no rule with the pipeline. [`check`] is pure, and each invariant has a test in which a
//! made-up history breaks it: a check that cannot fail proves nothing.
//!
//! **Invariant:** gathered only when nothing is under way any more; a history in motion breaks rules that the pipeline keeps.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use domain::MessageId;
use domain::opaque::Signer;
use serde::de::DeserializeOwned;
use simulator::{Entry, Kind, ViolationKind};
use store::Store;

use crate::client::Client;
use crate::database::SECRET_KEY;
use crate::program::Program;
use crate::stack::Stack;

mod agreed;
mod broken;
mod delivery;
mod ended;
mod expectations;
mod facts;
mod kept;
mod limits;
mod once;
mod privacy;
mod times;
mod view;

pub use broken::{Broken, Invariant, summary};
pub use expectations::Expectations;
pub use facts::{Answer, Attempt, Event, Inbound, Inbox, Message, Number, Post, Scope};
use view::View;

/// Everything that is known about one run.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// What was asked, and answered.
    pub client: Client,
    /// Every POST that reached Meta's stand-in, in the order of arrival.
    pub posts: Vec<Post>,
    /// What the stand-in saw that Meta forbids, and does not tolerate.
    pub violations: Vec<simulator::Violation>,
    /// Sender numbers by Meta's id, with the limits the stand-in holds them to.
    pub numbers: BTreeMap<String, Number>,
    /// Unique recipients allowed per portfolio; missing is unlimited.
    pub tiers: BTreeMap<String, u32>,
    /// Length of Meta's day, in milliseconds.
    pub day_ms: i64,
    /// Webhooks that the stand-in has still to deliver, or gave up.
    pub webhooks_left: u64,
    /// Rows of the ledger.
    pub messages: Vec<Message>,
    /// POSTs that ended, as the sender recorded them.
    pub attempts: Vec<Attempt>,
    /// Statuses that were applied.
    pub events: Vec<Event>,
    /// What messaging-limit scopes count.
    pub scopes: Vec<Scope>,
    /// Who wrote.
    pub inbound: Vec<Inbound>,
    /// Idempotency keys that an answer is kept under, each with the message that it names.
    pub answers: BTreeMap<String, Option<MessageId>>,
    /// What became of the webhooks that were answered with 200.
    pub inbox: Inbox,
    /// Every line the programs wrote.
    pub logs: Vec<String>,
    /// What no log may hold, besides people's numbers.
    pub secrets: Vec<String>,
}

impl History {
    /// Lays the ledgers of a run side by side.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn gather(stack: &Stack, client: &Client) -> Result<Self> {
        let store = &stack.database.unhurried();
        let inbox = rows::<Inbox>(store, include_str!("../sql/history_inbox.sql")).await?;
        let messages = rows(store, include_str!("../sql/history_messages.sql")).await?;
        let attempts = rows(store, include_str!("../sql/history_attempts.sql")).await?;
        let events = rows(store, include_str!("../sql/history_events.sql")).await?;
        let scopes = rows(store, include_str!("../sql/history_scopes.sql")).await?;
        let inbound = rows(store, include_str!("../sql/history_inbound.sql")).await?;
        let answers = rows::<Answer>(store, include_str!("../sql/history_answers.sql")).await?;

        let config = stack.meta.config();
        let report = stack.meta.report();
        let signer = Signer::new(&SECRET_KEY);
        let mut posts: Vec<_> = stack
            .meta
            .ledger()
            .iter()
            .filter_map(|post| seen(post, &signer))
            .collect();
        posts.sort_by_key(|post| post.arrival_ns);
        let judges_pace = !config.tolerated.contains(&ViolationKind::ThroughputExceeded);
        let number = |number: &simulator::Number| Number {
            per_second: judges_pace.then_some(number.throughput),
            portfolio: number.portfolio().to_owned(),
        };
        let numbers: BTreeMap<_, _> = config
            .numbers
            .iter()
            .map(|it| (it.phone_number_id.clone(), number(it)))
            .collect();
        let mut violations = report.violations.list;
        violations.retain(|violation| !config.tolerated.contains(&violation.kind));
        let tiers = numbers.values().filter_map(|number: &Number| {
            let tier = config
                .portfolios
                .get(&number.portfolio)
                .copied()
                .unwrap_or(config.default_tier);
            Some((number.portfolio.clone(), tier.recipients()?))
        });
        Ok(Self {
            client: client.clone(),
            posts,
            violations,
            tiers: tiers.collect(),
            numbers,
            day_ms: i64::try_from(config.limits.day_ms).context("the length of a day")?,
            webhooks_left: report.webhooks.pending + report.webhooks.given_up,
            messages,
            attempts,
            events,
            scopes,
            inbound,
            answers: answers.into_iter().map(|answer| (answer.key, answer.message)).collect(),
            inbox: inbox.into_iter().next().context("one row of counts")?,
            logs: stack
                .programs
                .iter()
                .flat_map(Program::lines)
                .chain(stack.last_words.iter().cloned())
                .collect(),
            secrets: vec![
                stack.tenant.api_key.clone(),
                config.app_secret.clone(),
                config.verify_token.clone(),
                crate::database::secret_key(),
            ],
        })
    }

    /// Checks every invariant.
    ///
    /// # Panics
    /// When one is broken; the message holds the first cases of each.
    #[track_caller]
    pub fn assert_whole(&self, expectations: &Expectations) {
        let broken = check(self, expectations);
        assert!(broken.is_empty(), "{}", summary(&broken));
    }
}

/// Every case in which an invariant is broken; none is the proof.
pub fn check(history: &History, expectations: &Expectations) -> Vec<Broken> {
    let view = View::of(history);
    let mut broken = Vec::new();
    kept::check(&view, &mut broken);
    ended::check(&view, expectations, &mut broken);
    once::check(&view, &mut broken);
    agreed::check(&view, expectations, &mut broken);
    limits::check(&view, &mut broken);
    times::check(&view, &mut broken);
    delivery::check(&view, expectations, &mut broken);
    privacy::check(&view, &mut broken);
    broken
}

async fn rows<T: DeserializeOwned>(store: &Store, sql: &str) -> Result<Vec<T>> {
    let rows = store.raw(sql).await?;
    rows.into_iter().map(|row| Ok(serde_json::from_value(row)?)).collect()
}

/// A POST as the stand-in saw it; marks that something was read are none of ours.
fn seen(entry: &Entry, signer: &Signer) -> Option<Post> {
    (entry.kind != Kind::ReadMark).then(|| Post {
        seq: entry.seq,
        of: entry.opaque.as_deref().and_then(|opaque| signer.read(opaque)),
        arrival_ns: entry.arrival_ns,
        wall_ms: entry.wall_ms,
        number: entry.phone_number_id.to_string(),
        recipient: entry.recipient.as_deref().map(str::to_owned),
        is_template: entry.kind == Kind::Template,
        accepted: entry.accepted,
        wamid: entry.wamid.as_deref().map(str::to_owned),
    })
}

#[cfg(test)]
mod tests;
