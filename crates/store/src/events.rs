//! Events: what changed, as it is told to others.
//!
//! **Invariant:** an organization's changes are numbered without gaps, in an order that keeps the order of each message, and are told in
//! that order: a turn to speak for an organization is a row lock, so there is one speaker at a time. What was told but not noted down
//! is told again, under the same number.

use chrono::{DateTime, Utc};
use deadpool_postgres::{Client, Transaction};
use domain::{FlowId, MessageId, OrganizationId};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const NUMBER: Statement = statement!("events/number", "numbering events");
const ORGANIZATIONS: Statement = statement!("events/organizations", "asking whose events wait to be told");
const TAKE_TURN: Statement = statement!("events/take_turn", "taking the turn to tell an organization's events");
const CHANGES: Statement = statement!("events/changes", "reading events");
const PUBLISHED: Statement = statement!("events/published", "noting down which events were told");

/// One change of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its number in the organization, from 1, without gaps.
    pub sequence: i64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// `message.<public status>`.
    pub kind: String,
    /// What changed.
    pub message: MessageId,
    /// Why, as a [`domain::Reason`] code.
    pub reason: Option<String>,
    /// The broadcast or campaign it belongs to.
    pub flow: Option<FlowId>,
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
        let Some(row) = TAKE_TURN.row(&transaction, &[&organization.0]).await? else {
            return Ok(None);
        };
        let (told, slug): (i64, String) = (row.get("published_sequence"), row.get("slug"));
        // As many rows as changes are wanted: a row holds one or more.
        let rows = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = CHANGES.rows(&transaction, &[&organization.0, &told, &rows]).await?;
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

/// The changes of one row, which end at its sequence.
fn changes(row: &Row) -> Vec<Change> {
    let last: i64 = row.get("sequence");
    let messages: Vec<Uuid> = row.get("message_ids");
    let flow: Option<Uuid> = row.get("flow_id");
    let first = last - messages.len() as i64 + 1;
    (first..)
        .zip(messages)
        .map(|(sequence, message)| Change {
            sequence,
            at: row.get("at"),
            kind: row.get("kind"),
            message: MessageId(message),
            reason: row.get("reason"),
            flow: flow.map(FlowId),
        })
        .collect()
}
