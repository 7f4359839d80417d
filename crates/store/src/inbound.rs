//! What people wrote, for those who were written to.

use chrono::{DateTime, Utc};
use domain::{MessageId, OrganizationId};
use secrecy::SecretString;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::queries::floor;
use crate::statement::{Statement, statement};
use crate::tenancy::token_place;
use crate::{Error, Store};

const PAGE: Statement = statement!("inbound/page", "reading inbound messages");
const FIND: Statement = statement!("inbound/find", "looking for an inbound message");
const MARK_READ: Statement = statement!("inbound/mark_read", "noting that a message was read");

/// A message of a person.
#[derive(Debug, Clone, PartialEq)]
pub struct InboundView {
    /// Ours.
    pub id: MessageId,
    /// Meta's id.
    pub wamid: String,
    /// Who wrote: E.164, or a business-scoped user id where the number is not shown.
    pub person: String,
    /// Meta's id of them.
    pub user_id: Option<String>,
    /// The sender number written to, E.164.
    pub to: String,
    /// Meta's id of it.
    pub phone_number_id: String,
    /// When, by Meta's clock.
    pub at: DateTime<Utc>,
    /// When we got it.
    pub received_at: DateTime<Utc>,
    /// When Meta took our mark that it was read.
    pub read_at: Option<DateTime<Utc>>,
    /// Meta's element as it came.
    pub content: Value,
}

/// Which messages to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this person: E.164, or a user id.
    pub from: Option<String>,
    /// To this number: E.164, or Meta's id of it.
    pub to: Option<String>,
    /// Of this type.
    pub kind: Option<String>,
    /// Received then or later.
    pub since: Option<DateTime<Utc>>,
    /// Received before then.
    pub until: Option<DateTime<Utc>>,
    /// Older than this one: the last of the page before.
    pub before: Option<MessageId>,
}

/// What it takes to tell Meta that a message was read.
#[derive(Debug)]
pub struct Unread {
    /// The number's row, which with the wamid is the message's key.
    pub number_id: i64,
    /// Meta's id of the message.
    pub wamid: String,
    /// When it was marked before.
    pub read_at: Option<DateTime<Utc>>,
    /// Meta's id of the number.
    pub phone_number_id: String,
    /// The account's access token; an error when it was sealed with another secret key.
    pub token: Result<SecretString, Error>,
}

impl Store {
    /// Messages to an organization, newest first.
    pub async fn inbound(
        &self,
        organization: OrganizationId,
        filter: &Filter,
        limit: u32,
    ) -> Result<Vec<InboundView>, Error> {
        let since = filter.since.map_or(Uuid::nil(), floor);
        let until = filter.until.map_or(Uuid::max(), floor);
        let until = filter.before.map_or(until, |before| before.0.min(until));
        self.page(organization, since, until, filter, limit).await
    }

    /// One of them.
    pub async fn inbound_message(
        &self,
        organization: OrganizationId,
        id: MessageId,
    ) -> Result<Option<InboundView>, Error> {
        let after = Uuid::from_u128(id.0.as_u128().saturating_add(1));
        let found = self.page(organization, id.0, after, &Filter::default(), 1).await?;
        Ok(found.into_iter().next())
    }

    async fn page(
        &self,
        organization: OrganizationId,
        since: Uuid,
        until: Uuid,
        filter: &Filter,
        limit: u32,
    ) -> Result<Vec<InboundView>, Error> {
        let client = self.client().await?;
        let limit = i64::from(limit);
        let rows = PAGE
            .rows(
                &client,
                &[
                    &organization.0,
                    &since,
                    &until,
                    &filter.from,
                    &filter.to,
                    &filter.kind,
                    &limit,
                ],
            )
            .await?;
        Ok(rows.iter().map(view).collect())
    }

    /// A message, by our id or by Meta's, ready to be marked as read.
    pub async fn unread(&self, organization: OrganizationId, id: &str) -> Result<Option<Unread>, Error> {
        let client = self.client().await?;
        let ours: Option<Uuid> = id.parse().ok();
        let metas = ours.is_none().then_some(id);
        let row = FIND.row(&client, &[&organization.0, &ours, &metas]).await?;
        Ok(row.map(|row| {
            let waba: String = row.get("meta_id");
            Unread {
                number_id: row.get("number_id"),
                wamid: row.get("wamid"),
                read_at: row.get("read_at"),
                phone_number_id: row.get("phone_number_id"),
                token: self.vault().open(&token_place(&waba), row.get("access_token")),
            }
        }))
    }

    /// Notes that Meta was told.
    pub async fn mark_read(&self, message: &Unread) -> Result<(), Error> {
        let client = self.client().await?;
        MARK_READ.run(&client, &[&message.number_id, &message.wamid]).await?;
        Ok(())
    }
}

fn view(row: &Row) -> InboundView {
    InboundView {
        id: MessageId(row.get("id")),
        wamid: row.get("wamid"),
        person: row.get("recipient"),
        user_id: row.get("user_id"),
        to: row.get("phone"),
        phone_number_id: row.get("phone_number_id"),
        at: row.get("at"),
        received_at: row.get("received_at"),
        read_at: row.get("read_at"),
        content: row.get("content"),
    }
}
