//! The insertion of a batch, and what is asked right before it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::{
    Amount, Category, FlowId, Lane, MessageId, NumberId, OrganizationId, Reason, Recipient, ScopeId, State, TemplateId,
};
use serde_json::Value;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::{Footprint, Intake};
use crate::Error;
use crate::statement::{Statement, statement};

const ANSWERS: Statement = statement!("intake/answers", "looking up idempotency keys");
const CREDIT: Statement = statement!("intake/credit", "counting what is with the broker");
const INSERT: Statement = statement!("intake/insert", "keeping a batch of messages");

/// What is to be kept together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Answers under idempotency keys.
    pub answers: Vec<NewAnswer>,
    /// The flows of broadcasts.
    pub flows: Vec<NewFlow>,
    /// Rows.
    pub messages: Vec<NewMessage>,
}

/// An answer under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAnswer {
    /// Whose key.
    pub organization: OrganizationId,
    /// The key.
    pub key: String,
    /// Tells the same request from another one with the same key.
    pub request_hash: [u8; 32],
    /// HTTP status.
    pub status: u16,
    /// JSON, without what belongs to one request only.
    pub answer: String,
}

/// The flow of a broadcast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFlow {
    /// The broadcast's public id.
    pub id: FlowId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// From which number.
    pub number: NumberId,
    /// Rows are released from then on.
    pub starts_at: DateTime<Utc>,
    /// The last row's place.
    pub last_seq: u32,
    /// Rows up to this place are not left to the cursor.
    pub released_seq: u32,
    /// The request's idempotency key: when it is taken, the flow is not kept.
    pub key: Option<String>,
}

/// A message as it begins.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Its id.
    pub id: MessageId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// From which number.
    pub number: NumberId,
    /// Where that number's messaging limit is counted.
    pub scope: ScopeId,
    /// To whom.
    pub recipient: Recipient,
    /// In which lane.
    pub lane: Lane,
    /// The template's, or `Service`.
    pub category: Category,
    /// The template, when it is known.
    pub template: Option<TemplateId>,
    /// Its flow, and its place there, from 1.
    pub flow: Option<(FlowId, u32)>,
    /// Not before then.
    pub scheduled_at: Option<DateTime<Utc>>,
    /// Not after then.
    pub expires_at: DateTime<Utc>,
    /// Send again when the outcome stays unknown.
    pub resend: bool,
    /// What it costs; `None` when it is free.
    pub price: Option<Amount>,
    /// Where it begins.
    pub start: Start,
    /// What it says, as Meta takes it.
    pub content: String,
    /// The caller's own.
    pub metadata: Option<Value>,
    /// Where the caller wants to hear of it.
    pub webhook_url: Option<String>,
    /// The trace that it belongs to, as a `traceparent`.
    pub traceparent: Option<String>,
    /// The request's idempotency key: when it is taken, the message is not kept.
    pub key: Option<String>,
    /// For a session message: the template to send should its window be closed.
    pub fallback: Option<Fallback>,
    /// It goes to a stand-in for Meta, and is counted nowhere.
    pub test: bool,
    /// For a session message: until when it may go, as far as is known.
    pub edge_at: Option<DateTime<Utc>>,
    /// What the fraud guard found, by the names of its checks.
    pub flags: Vec<&'static str>,
    /// What is to be remembered of it.
    pub footprint: Footprint,
}

/// The template that a session message falls back to.
#[derive(Debug, Clone, PartialEq)]
pub struct Fallback {
    /// What it says, as Meta takes it.
    pub content: String,
    /// The template.
    pub template: TemplateId,
    /// The template's category.
    pub category: Category,
    /// What it costs; `None` when it is free.
    pub price: Option<Amount>,
    /// It was taken at once, for this no.
    pub taken: Option<Reason>,
}

/// Where a message begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Final already: a gate said no.
    Refused(Reason),
    /// Not with the broker before `wake_at`.
    Parked {
        /// When the scheduler looks at it.
        wake_at: DateTime<Utc>,
        /// What it waits for, when it is not simply its time.
        reason: Option<Reason>,
    },
    /// Its flow's cursor comes by.
    Held {
        /// What it waits for, when it is not simply its turn.
        reason: Option<Reason>,
    },
    /// A job for it is published right after the commit.
    Queued {
        /// Should that job be lost, it is found again then.
        wake_at: DateTime<Utc>,
    },
}

impl Start {
    /// The state it begins in.
    pub fn state(&self) -> State {
        match self {
            Self::Refused(Reason::Expired) => State::Expired,
            Self::Refused(Reason::Canceled) => State::Canceled,
            Self::Refused(_) => State::Failed,
            Self::Parked { .. } | Self::Held { .. } => State::Parked,
            Self::Queued { .. } => State::Queued,
        }
    }

    /// Why it does not go, or not yet.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Refused(reason) => Some(reason),
            Self::Parked { reason, .. } | Self::Held { reason } => reason.as_ref(),
            Self::Queued { .. } => None,
        }
    }

    fn wake_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Parked { wake_at, .. } | Self::Queued { wake_at } => Some(*wake_at),
            Self::Refused(_) | Self::Held { .. } => None,
        }
    }
}

/// Rows of a number that may go to the broker right away, past the scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Free {
    /// Single messages.
    pub rt: u32,
    /// Rows of flows, and single messages of low priority.
    pub bulk: u32,
}

impl Intake {
    /// What was answered to these keys before; keys that are free are not in it.
    pub async fn answers(&self, keys: &[(OrganizationId, String)]) -> Result<Vec<NewAnswer>, Error> {
        earlier_answers(&self.client, keys).await
    }

    /// How many rows of these numbers may go to the broker right away; a number that is not in the answer has none.
    pub async fn credit(&self, numbers: &[NumberId], now: DateTime<Utc>) -> Result<HashMap<NumberId, Free>, Error> {
        if numbers.is_empty() {
            return Ok(HashMap::new());
        }
        let numbers: Vec<i64> = numbers.iter().map(|number| number.0).collect();
        let rows = CREDIT.rows(&self.client, &[&numbers, &now]).await?;
        let count = |value: i32| u32::try_from(value).unwrap_or(0);
        let read = rows.iter().map(|row| {
            let free = Free {
                rt: count(row.get("rt")),
                bulk: count(row.get("bulk")),
            };
            (NumberId(row.get("number_id")), free)
        });
        Ok(read.collect())
    }
}

/// Idempotency keys that somebody else took.
pub type Taken = Vec<(OrganizationId, String)>;

/// Keeps a batch in one statement.
pub(crate) async fn insert(client: &impl GenericClient, batch: &Batch, now: DateTime<Utc>) -> Result<Taken, Error> {
    let (answers, flows) = (Answers::of(&batch.answers), Flows::of(&batch.flows));
    let rows = Rows::of(&batch.messages);
    let free = INSERT
        .rows(
            client,
            &[
                &answers.organizations,
                &answers.keys,
                &answers.hashes,
                &answers.statuses,
                &answers.answers,
                &now,
                &flows.ids,
                &flows.organizations,
                &flows.numbers,
                &flows.starts_at,
                &flows.last_seqs,
                &flows.released_seqs,
                &flows.keys,
                &rows.ids,
                &rows.organizations,
                &rows.numbers,
                &rows.scopes,
                &rows.recipients,
                &rows.lanes,
                &rows.categories,
                &rows.templates,
                &rows.flows,
                &rows.seqs,
                &rows.scheduled_at,
                &rows.expires_at,
                &rows.resends,
                &rows.states,
                &rows.wake_at,
                &rows.reasons,
                &rows.contents,
                &rows.metadata,
                &rows.webhook_urls,
                &rows.keys,
                &rows.prices,
                &rows.flags,
                &rows.traceparents,
                &rows.fallback_contents,
                &rows.fallback_templates,
                &rows.fallback_categories,
                &rows.fallback_prices,
                &rows.fell_back_for,
                &rows.edges,
                &rows.tests,
            ],
        )
        .await?;
    let free: std::collections::HashSet<(i64, String)> = free.iter().map(|row| (row.get(0), row.get(1))).collect();
    let taken = batch
        .answers
        .iter()
        .filter(|answer| !free.contains(&(answer.organization.0, answer.key.clone())))
        .map(|answer| (answer.organization, answer.key.clone()));
    Ok(taken.collect())
}

/// [`Intake::answers`] on any connection.
pub(crate) async fn earlier_answers(
    client: &impl GenericClient,
    keys: &[(OrganizationId, String)],
) -> Result<Vec<NewAnswer>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let (whose, keys): (Vec<i64>, Vec<&str>) = keys.iter().map(|(id, key)| (id.0, key.as_str())).unzip();
    let rows = ANSWERS.rows(client, &[&whose, &keys]).await?;
    let read = rows.iter().map(|row| {
        let hash: &[u8] = row.get("request_hash");
        let status: i16 = row.get("status");
        Ok(NewAnswer {
            organization: OrganizationId(row.get("organization_id")),
            key: row.get("key"),
            request_hash: hash.try_into().map_err(|_| Error::Unreadable {
                what: "idempotency.request_hash",
                found: format!("{} bytes", hash.len()),
            })?,
            status: u16::try_from(status).unwrap_or(500),
            answer: row.get("answer"),
        })
    });
    read.collect()
}

impl Error {
    /// Whether a row of that id exists. Ids are random, so at an insertion this means that it was kept the first time, by a commit
    /// whose confirmation was lost.
    pub fn is_kept_already(&self) -> bool {
        self.sql_state() == Some(&SqlState::UNIQUE_VIOLATION)
    }

    /// Whether somebody else held a lock for too long.
    pub fn is_lock_timeout(&self) -> bool {
        self.sql_state() == Some(&SqlState::LOCK_NOT_AVAILABLE)
    }
}

/// Answers, column by column.
#[derive(Default)]
struct Answers<'a> {
    organizations: Vec<i64>,
    keys: Vec<&'a str>,
    hashes: Vec<&'a [u8]>,
    statuses: Vec<i16>,
    answers: Vec<&'a str>,
}

impl<'a> Answers<'a> {
    fn of(answers: &'a [NewAnswer]) -> Self {
        let mut columns = Self::default();
        for answer in answers {
            columns.organizations.push(answer.organization.0);
            columns.keys.push(&answer.key);
            columns.hashes.push(&answer.request_hash);
            columns.statuses.push(i16::try_from(answer.status).unwrap_or(500));
            columns.answers.push(&answer.answer);
        }
        columns
    }
}

/// Flows, column by column.
#[derive(Default)]
struct Flows<'a> {
    ids: Vec<Uuid>,
    organizations: Vec<i64>,
    numbers: Vec<i64>,
    starts_at: Vec<DateTime<Utc>>,
    last_seqs: Vec<i32>,
    released_seqs: Vec<i32>,
    keys: Vec<Option<&'a str>>,
}

impl<'a> Flows<'a> {
    fn of(flows: &'a [NewFlow]) -> Self {
        let mut columns = Self::default();
        for flow in flows {
            columns.ids.push(flow.id.0);
            columns.organizations.push(flow.organization.0);
            columns.numbers.push(flow.number.0);
            columns.starts_at.push(flow.starts_at);
            columns.last_seqs.push(seq(flow.last_seq));
            columns.released_seqs.push(seq(flow.released_seq));
            columns.keys.push(flow.key.as_deref());
        }
        columns
    }
}

/// Messages, column by column.
#[derive(Default)]
struct Rows<'a> {
    ids: Vec<Uuid>,
    organizations: Vec<i64>,
    numbers: Vec<i64>,
    scopes: Vec<i64>,
    recipients: Vec<&'a str>,
    lanes: Vec<i16>,
    categories: Vec<i16>,
    templates: Vec<Option<i64>>,
    flows: Vec<Option<Uuid>>,
    seqs: Vec<Option<i32>>,
    scheduled_at: Vec<Option<DateTime<Utc>>>,
    expires_at: Vec<DateTime<Utc>>,
    resends: Vec<bool>,
    states: Vec<i16>,
    wake_at: Vec<Option<DateTime<Utc>>>,
    reasons: Vec<Option<String>>,
    contents: Vec<&'a str>,
    metadata: Vec<Option<&'a Value>>,
    webhook_urls: Vec<Option<&'a str>>,
    traceparents: Vec<Option<&'a str>>,
    keys: Vec<Option<&'a str>>,
    prices: Vec<Option<i64>>,
    flags: Vec<Option<String>>,
    fallback_contents: Vec<Option<&'a str>>,
    fallback_templates: Vec<Option<i64>>,
    fallback_categories: Vec<Option<i16>>,
    fallback_prices: Vec<Option<i64>>,
    fell_back_for: Vec<Option<String>>,
    edges: Vec<Option<DateTime<Utc>>>,
    tests: Vec<bool>,
}

impl<'a> Rows<'a> {
    fn of(messages: &'a [NewMessage]) -> Self {
        let mut columns = Self::default();
        for message in messages {
            columns.ids.push(message.id.0);
            columns.organizations.push(message.organization.0);
            columns.numbers.push(message.number.0);
            columns.scopes.push(message.scope.0);
            columns.recipients.push(message.recipient.as_str());
            columns.lanes.push(message.lane.code());
            columns.categories.push(message.category.code());
            columns.templates.push(message.template.map(|template| template.0));
            columns.flows.push(message.flow.map(|(flow, _)| flow.0));
            columns.seqs.push(message.flow.map(|(_, place)| seq(place)));
            columns.scheduled_at.push(message.scheduled_at);
            columns.expires_at.push(message.expires_at);
            columns.resends.push(message.resend);
            columns.states.push(message.start.state().code());
            columns.wake_at.push(message.start.wake_at());
            columns
                .reasons
                .push(message.start.reason().map(|reason| reason.code().into_owned()));
            columns.contents.push(&message.content);
            columns.metadata.push(message.metadata.as_ref());
            columns.webhook_urls.push(message.webhook_url.as_deref());
            columns.traceparents.push(message.traceparent.as_deref());
            columns.keys.push(message.key.as_deref());
            columns.prices.push(message.price.map(Amount::micros));
            // Joined, because an array of arrays has no place in unnest.
            let flags = (!message.flags.is_empty()).then(|| message.flags.join(","));
            columns.flags.push(flags);
            let fallback = message.fallback.as_ref();
            columns
                .fallback_contents
                .push(fallback.map(|fallback| fallback.content.as_str()));
            columns
                .fallback_templates
                .push(fallback.map(|fallback| fallback.template.0));
            columns
                .fallback_categories
                .push(fallback.map(|fallback| fallback.category.code()));
            columns
                .fallback_prices
                .push(fallback.and_then(|fallback| fallback.price.map(Amount::micros)));
            let taken = fallback.and_then(|fallback| fallback.taken.as_ref());
            columns
                .fell_back_for
                .push(taken.map(|reason| reason.code().into_owned()));
            columns.edges.push(message.edge_at);
            columns.tests.push(message.test);
        }
        columns
    }
}

/// A place in a flow, which has at most a few million rows.
fn seq(place: u32) -> i32 {
    i32::try_from(place).unwrap_or(i32::MAX)
}
