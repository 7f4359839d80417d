//! Events: what changed, as it is told to others.
//!
//! **Invariant:** an organization's changes are numbered without gaps, in an order that keeps the order of each message, and are told in
//! that order: a turn to speak for an organization is a lock, so there is one speaker at a time. It is no row's lock, so that numbering
//! goes on while a broker is slow to listen. What was told but not noted down
//! is told again, under the same number.

mod page;

use chrono::{DateTime, Utc};
use deadpool_postgres::{Client, Transaction};
use domain::event::{Data, Event};
use domain::{FlowId, MessageId, OrganizationId};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::statement::{Statement, statement};
use crate::{Error, Store};

pub use page::Page;

const NUMBER: Statement = statement!("events/number", "numbering events");
const ORGANIZATIONS: Statement = statement!("events/organizations", "asking whose events wait to be told");
const TRY_TURN: Statement = statement!(
    "events/try_turn",
    "asking for the turn to tell an organization's events"
);
const TAKE_TURN: Statement = statement!("events/take_turn", "reading how far an organization's events are told");
const CHANGES: Statement = statement!("events/changes", "reading events");
const PUBLISHED: Statement = statement!("events/published", "noting down which events were told");

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its number in the organization, from 1, without gaps.
    pub sequence: i64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// As in [`domain::event::KINDS`].
    pub kind: String,
    /// What changed.
    pub subject: Subject,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A message.
    Message {
        /// Which.
        id: MessageId,
        /// Why, as a [`domain::Reason`] code.
        reason: Option<String>,
        /// The broadcast or campaign it belongs to.
        flow: Option<FlowId>,
    },
    /// Anything else, in the words that others are told.
    Other(Value),
}

impl Change {
    /// As others are told by the organization with this slug, without details.
    pub fn event<'a>(&'a self, slug: &str) -> Event<'a> {
        let data = match &self.subject {
            Subject::Message { id, reason, flow } => Data::message(&self.kind, *id, reason.as_deref(), *flow, None),
            Subject::Other(data) => Data::Other(data),
        };
        Event::new(slug, self.sequence, &self.kind, self.at, data)
    }
}

/// A connection that tells events, one turn after the other.
#[derive(Debug)]
pub struct Teller(Client);

/// The right to speak for an organization, and what to say. Dropped without [`published`](Self::published), nothing counts as told.
#[derive(Debug)]
pub struct Turn<'a> {
    transaction: Transaction<'a>,
    organization: OrganizationId,
    /// The organization's slug.
    pub slug: String,
    /// The next changes, in order; never empty.
    pub changes: Vec<Change>,
}

impl Store {
    /// Gives the next numbers to changes that are committed, at most `limit` rows of each organization; says how many changes that were.
    pub async fn number_events(&self, limit: i32) -> Result<i64, Error> {
        let client = self.client().await?;
        let row = NUMBER.row(&client, &[&limit]).await?;
        Ok(row.map_or(0, |row| row.get("changes")))
    }

    /// Organizations with numbered changes that were not told yet.
    pub async fn organizations_to_tell(&self) -> Result<Vec<OrganizationId>, Error> {
        let client = self.client().await?;
        let rows = ORGANIZATIONS.rows(&client, &[]).await?;
        Ok(rows
            .iter()
            .map(|row| OrganizationId(row.get("organization_id")))
            .collect())
    }

    /// A connection for telling events.
    pub async fn teller(&self) -> Result<Teller, Error> {
        Ok(Teller(self.client().await?))
    }
}

impl Teller {
    /// The turn to tell an organization's next changes, at most `limit` of them. `None` when there are none, or when somebody else is
    /// telling them. To be finished within a few seconds: the transaction is open meanwhile, and PostgreSQL ends it after ten.
    pub async fn turn(&mut self, organization: OrganizationId, limit: usize) -> Result<Option<Turn<'_>>, Error> {
        let transaction = self
            .0
            .transaction()
            .await
            .map_err(Error::while_doing("beginning a turn to tell events"))?;
        let turn = TRY_TURN.row(&transaction, &[&organization.0]).await?;
        if !turn.is_some_and(|row| row.get("taken")) {
            return Ok(None);
        }
        let Some(row) = TAKE_TURN.row(&transaction, &[&organization.0]).await? else {
            return Ok(None);
        };
        let (told, slug): (i64, String) = (row.get("published_sequence"), row.get("slug"));
        let wanted = count_of(limit);
        let rows = CHANGES.rows(&transaction, &[&organization.0, &told, &wanted]).await?;
        let changes: Vec<Change> = rows
            .iter()
            .flat_map(changes)
            .filter(|change| change.sequence > told)
            .take(limit)
            .collect();
        if changes.is_empty() {
            return Ok(None);
        }
        Ok(Some(Turn {
            transaction,
            organization,
            slug,
            changes,
        }))
    }
}

impl Turn<'_> {
    /// Notes down that the first `count` of the changes were told, and ends the turn.
    pub async fn published(self, count: usize) -> Result<(), Error> {
        if let Some(last) = count.checked_sub(1).and_then(|last| self.changes.get(last)) {
            PUBLISHED
                .run(&self.transaction, &[&self.organization.0, &last.sequence])
                .await?;
        }
        self.transaction
            .commit()
            .await
            .map_err(Error::while_doing("ending a turn to tell events"))
    }
}

/// A limit as the statements take it, with room for what they add to it.
fn count_of(limit: usize) -> i64 {
    i32::try_from(limit).unwrap_or(i32::MAX).into()
}

/// The changes of one row, which end at its sequence.
fn changes(row: &Row) -> Vec<Change> {
    let last: i64 = row.get("sequence");
    let (at, kind): (DateTime<Utc>, String) = (row.get("at"), row.get("kind"));
    let change = |sequence, subject| Change {
        sequence,
        at,
        kind: kind.clone(),
        subject,
    };
    if let Some(data) = row.get::<_, Option<Value>>("data") {
        return vec![change(last, Subject::Other(data))];
    }
    let messages: Vec<Uuid> = row.get("message_ids");
    let (reason, flow_of_all): (Option<String>, Option<Uuid>) = (row.get("reason"), row.get("flow_id"));
    let flows: Option<Vec<Option<Uuid>>> = row.get("flow_ids");
    let first = last - messages.len() as i64 + 1;
    (first..)
        .zip(messages)
        .enumerate()
        .map(|(place, (sequence, message))| {
            let flow = flows
                .as_ref()
                .map_or(flow_of_all, |flows| flows.get(place).copied().flatten());
            let subject = Subject::Message {
                id: MessageId(message),
                reason: reason.clone(),
                flow: flow.map(FlowId),
            };
            change(sequence, subject)
        })
        .collect()
}
