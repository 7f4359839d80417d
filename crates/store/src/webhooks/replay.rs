//! The log of deliveries, and telling again.

use chrono::{DateTime, Utc};
use domain::event::TEST;
use domain::{EndpointId, OrganizationId};
use serde_json::Value;

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const DELIVERIES: Statement = statement!("webhooks/deliveries", "reading the log of webhook deliveries");
const STRETCH: Statement = statement!("webhooks/stretch", "finding events by their time");
const REPLAY_FAILED: Statement = statement!("webhooks/replay_failed", "replaying failed webhook deliveries");
const REPLAY_KNOWN: Statement = statement!("webhooks/replay_known", "replaying webhook deliveries");
const REPLAY_MISSING: Statement = statement!("webhooks/replay_missing", "replaying events to a webhook endpoint");

/// A line of the log: one event for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event's number.
    pub sequence: i64,
    /// The event's id.
    pub event: String,
    /// The event's kind; `None` when retention took it.
    pub kind: Option<String>,
    /// How far it is.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: i32,
    /// When the next one is due.
    pub next_at: Option<DateTime<Utc>>,
    /// When it came to be.
    pub created_at: DateTime<Utc>,
    /// When the last attempt ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// What the receiver answered to it.
    pub http_status: Option<i16>,
    /// How long that took.
    pub took_ms: Option<i32>,
    /// Why it failed.
    pub error: Option<String>,
    /// The attempts before the last that ended, the oldest first: a list of `{"ended_at", "http_status", "took_ms", "error"}`.
    pub earlier: Value,
}

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// Its time has not come, or an attempt is under way.
    Pending,
    /// The receiver has it.
    Delivered,
    /// It was given up.
    Failed,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    fn codes(self) -> &'static [i16] {
        match self {
            Self::Pending => &[1, 2],
            Self::Delivered => &[3],
            Self::Failed => &[4],
        }
    }

    fn from_code(code: i16) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|state| state.codes().contains(&code));
        known.ok_or_else(|| Error::Unreadable {
            what: "webhook_delivery.state",
            found: code.to_string(),
        })
    }
}

/// Events from one number to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The first.
    pub first: i64,
    /// The last.
    pub last: i64,
}

impl Store {
    /// The log of an endpoint, newest first, below the number `before`, at most `limit` lines.
    pub async fn deliveries(
        &self,
        organization: OrganizationId,
        endpoint: EndpointId,
        state: Option<DeliveryState>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Delivery>, Error> {
        let client = self.client().await?;
        let (before, codes) = (before.unwrap_or(i64::MAX), state.map(DeliveryState::codes));
        let rows = DELIVERIES
            .rows(
                &client,
                &[&organization.0, &endpoint.0, &before, &codes, &i64::from(limit)],
            )
            .await?;
        let line = |row: &tokio_postgres::Row| {
            let (slug, sequence): (String, i64) = (row.get("slug"), row.get("sequence"));
            let state = DeliveryState::from_code(row.get("state"))?;
            Ok(Delivery {
                sequence,
                event: format!("{slug}-{sequence}"),
                kind: row.get("kind"),
                state,
                attempts: row.get("attempts"),
                next_at: row.get("wake_at"),
                created_at: row.get("created_at"),
                ended_at: row.get("ended_at"),
                http_status: row.get("http_status"),
                took_ms: row.get("took_ms"),
                error: row.get("error"),
                earlier: row
                    .get::<_, Option<Value>>("earlier")
                    .unwrap_or_else(|| Value::Array(Vec::new())),
            })
        };
        rows.iter().map(line).collect()
    }

    /// The events between two times; `None` when there is none.
    pub async fn stretch(
        &self,
        organization: OrganizationId,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Result<Option<Stretch>, Error> {
        let client = self.client().await?;
        let row = STRETCH.row(&client, &[&organization.0, &since, &until]).await?;
        Ok(row.and_then(|row| {
            Some(Stretch {
                first: row.get::<_, Option<i64>>("first")?,
                last: row.get::<_, Option<i64>>("last")?,
            })
        }))
    }

    /// Delivers everything again that was given up; says how much that is.
    pub async fn replay_failed(&self, organization: OrganizationId, endpoint: EndpointId) -> Result<u64, Error> {
        let client = self.client().await?;
        REPLAY_FAILED.run(&client, &[&organization.0, &endpoint.0]).await
    }

    /// Delivers a stretch of events, again or for the first time; says how many. What is on its way already is left alone.
    pub async fn replay(
        &self,
        organization: OrganizationId,
        endpoint: EndpointId,
        stretch: Stretch,
    ) -> Result<u64, Error> {
        let client = self.client().await?;
        let Stretch { first, last } = stretch;
        // In this order: what the second adds may be over in a moment, and the first would deliver it again.
        let known = REPLAY_KNOWN
            .run(&client, &[&organization.0, &endpoint.0, &first, &last])
            .await?;
        let missing = REPLAY_MISSING
            .run(&client, &[&organization.0, &endpoint.0, &first, &last, &TEST])
            .await?;
        Ok(known + missing)
    }
}
