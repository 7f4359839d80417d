//! Webhooks to customers: their endpoints, and what is delivered to them.
//!
//! **Invariant:** an event that an endpoint wants becomes one delivery, in the transaction that moves the organization's cursor past it,
//! and a delivery has an alarm until it is delivered or given up. Secrets are sealed, or derived from the server's key.

mod deliveries;
mod replay;

use chrono::{DateTime, Utc};
use domain::event::TEST;
use domain::webhook::Secret;
use domain::{EndpointId, OrganizationId};
use secrecy::ExposeSecret as _;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::statement::{Statement, statement};
use crate::{Error, Store, Vault};

pub use deliveries::{FannedOut, Outcome, Parcel, Told};
pub use replay::{Delivery, DeliveryState, Stretch};

const INSERT: Statement = statement!("webhooks/insert", "keeping a webhook endpoint");
const ENDPOINTS: Statement = statement!("webhooks/endpoints", "reading webhook endpoints");
const UPDATE: Statement = statement!("webhooks/update", "changing a webhook endpoint");
const DELETE: Statement = statement!("webhooks/delete", "deleting a webhook endpoint");
const ROTATE: Statement = statement!("webhooks/rotate", "rotating the secret of a webhook endpoint");
const TEST_EVENT: Statement = statement!("webhooks/test", "asking for a test of a webhook endpoint");

/// An organization may have so many endpoints of its own.
pub const MOST_ENDPOINTS: i64 = 100;

/// Where an organization wants to hear of events.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Where; of one that stands for the addresses of messages, scheme, host and port.
    pub url: String,
    /// It stands for the addresses that messages brought along.
    pub of_messages: bool,
    /// The organization's own words.
    pub description: Option<String>,
    /// Which events it wants, as [`domain::event::Filter`]s.
    pub events: Vec<String>,
    /// Deliveries under way at once at most.
    pub concurrency: i32,
    /// Until when the secret before the last rotation signs too.
    pub old_secret_until: Option<DateTime<Utc>>,
    /// Why it gets nothing any more.
    pub disabled: Option<String>,
    /// Failures since the last success.
    pub failures: i32,
    /// When the first of them was.
    pub failing_since: Option<DateTime<Utc>>,
    /// It is left alone until then.
    pub rests_until: Option<DateTime<Utc>>,
    /// Deliveries that are not over; counted up to 10,001.
    pub waiting: i64,
    /// Since when it is there.
    pub created_at: DateTime<Utc>,
}

/// What an endpoint begins with.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// Its id.
    pub id: EndpointId,
    /// Where.
    pub url: String,
    /// The organization's own words.
    pub description: Option<String>,
    /// Which events it wants.
    pub events: Vec<String>,
    /// Deliveries under way at once at most.
    pub concurrency: i32,
    /// A secret that the organization brings along.
    pub secret: Option<Secret>,
}

/// What is to be different; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct EndpointChange {
    /// Where.
    pub url: Option<String>,
    /// The organization's own words.
    pub description: Option<String>,
    /// Which events it wants.
    pub events: Option<Vec<String>>,
    /// Deliveries under way at once at most.
    pub concurrency: Option<i32>,
    /// Whether it gets anything.
    pub enabled: Option<bool>,
}

impl Store {
    /// Keeps a new endpoint; `false` when the organization has as many as it may.
    pub async fn insert_endpoint(
        &self,
        organization: OrganizationId,
        endpoint: &NewEndpoint,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let client = self.client().await?;
        let secret = endpoint
            .secret
            .as_ref()
            .map(|secret| seal(self.vault(), endpoint.id, secret));
        let kept = INSERT
            .run(
                &client,
                &[
                    &endpoint.id.0,
                    &organization.0,
                    &endpoint.url,
                    &endpoint.description,
                    &endpoint.events,
                    &endpoint.concurrency,
                    &secret,
                    &now,
                    &MOST_ENDPOINTS,
                ],
            )
            .await?;
        Ok(kept > 0)
    }

    /// All endpoints of an organization, the oldest first; or one of them.
    pub async fn endpoints(
        &self,
        organization: OrganizationId,
        one: Option<EndpointId>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Endpoint>, Error> {
        let client = self.client().await?;
        let rows = ENDPOINTS
            .rows(&client, &[&organization.0, &one.map(|id| id.0), &now])
            .await?;
        Ok(rows.iter().map(endpoint).collect())
    }

    /// Changes an endpoint; `false` when there is none.
    pub async fn change_endpoint(
        &self,
        organization: OrganizationId,
        id: EndpointId,
        change: &EndpointChange,
    ) -> Result<bool, Error> {
        let client = self.client().await?;
        let changed = UPDATE
            .run(
                &client,
                &[
                    &organization.0,
                    &id.0,
                    &change.url,
                    &change.description,
                    &change.events,
                    &change.concurrency,
                    &change.enabled,
                ],
            )
            .await?;
        Ok(changed > 0)
    }

    /// Deletes an endpoint with its log; `false` when there is none.
    pub async fn delete_endpoint(&self, organization: OrganizationId, id: EndpointId) -> Result<bool, Error> {
        let client = self.client().await?;
        Ok(DELETE.run(&client, &[&organization.0, &id.0]).await? > 0)
    }

    /// The secret that an endpoint's webhooks are signed with; `None` when there is no such endpoint.
    pub async fn endpoint_secret(
        &self,
        organization: OrganizationId,
        id: EndpointId,
        now: DateTime<Utc>,
    ) -> Result<Option<Secret>, Error> {
        let client = self.client().await?;
        let row = ENDPOINTS.row(&client, &[&organization.0, &Some(id.0), &now]).await?;
        row.map(|row| current_secret(self.vault(), id, row.get("secret")))
            .transpose()
    }

    /// Gives an endpoint another secret; the one so far signs too until `overlap_until`. `false` when there is no such endpoint.
    pub async fn rotate_endpoint_secret(
        &self,
        organization: OrganizationId,
        id: EndpointId,
        secret: &Secret,
        overlap_until: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let client = self.client().await?;
        let row = ENDPOINTS
            .row(&client, &[&organization.0, &Some(id.0), &overlap_until])
            .await?;
        let Some(row) = row else { return Ok(false) };
        let before = current_secret(self.vault(), id, row.get("secret"))?;
        let (new, old) = (seal(self.vault(), id, secret), seal(self.vault(), id, &before));
        let rotated = ROTATE
            .run(&client, &[&organization.0, &id.0, &new, &old, &overlap_until])
            .await?;
        Ok(rotated > 0)
    }

    /// Asks for a test of an endpoint; `false` when there is none, or it is disabled.
    pub async fn test_endpoint(&self, organization: OrganizationId, id: EndpointId) -> Result<bool, Error> {
        let client = self.client().await?;
        Ok(TEST_EVENT.run(&client, &[&organization.0, &id.0, &TEST]).await? > 0)
    }
}

fn endpoint(row: &Row) -> Endpoint {
    Endpoint {
        id: EndpointId(row.get("id")),
        url: row.get("url"),
        of_messages: row.get("of_messages"),
        description: row.get("description"),
        events: row.get("events"),
        concurrency: row.get("concurrency"),
        old_secret_until: row.get("old_secret_until"),
        disabled: row.get("disabled"),
        failures: row.get("failures"),
        failing_since: row.get("failing_since"),
        rests_until: row.get("rests_until"),
        waiting: row.get("waiting"),
        created_at: row.get("created_at"),
    }
}

fn place(id: Uuid) -> String {
    format!("webhook_endpoint:{id}")
}

fn seal(vault: &Vault, id: EndpointId, secret: &Secret) -> Vec<u8> {
    vault.seal(&place(id.0), &secret.reveal())
}

/// A sealed secret of an endpoint.
fn open(vault: &Vault, id: EndpointId, sealed: &[u8]) -> Result<Secret, Error> {
    let opened = vault.open(&place(id.0), sealed)?;
    Secret::parse(opened.expose_secret()).map_err(|_| Error::Sealed)
}

fn current_secret(vault: &Vault, id: EndpointId, sealed: Option<Vec<u8>>) -> Result<Secret, Error> {
    match sealed {
        Some(sealed) => open(vault, id, &sealed),
        None => Ok(Secret::new(&vault.webhook_secret(id.0.as_bytes()))),
    }
}
