//! How far a broadcast is.

use chrono::{DateTime, Utc};
use domain::rules::FlowStatus;
use domain::{FlowId, OrganizationId, PublicStatus, Reason, State};

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const BROADCAST: Statement = statement!("queries/broadcast", "reading a broadcast");
const COUNTS: Statement = statement!("queries/broadcast_counts", "counting the rows of a broadcast");

/// A broadcast and where its rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroadcastView {
    /// Its id.
    pub id: FlowId,
    /// Whether its rows may go.
    pub status: FlowStatus,
    /// The sender number, E.164.
    pub from: String,
    /// Its rows are released from then on.
    pub starts_at: DateTime<Utc>,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When the last of its rows was found to have left the pipeline.
    pub completed_at: Option<DateTime<Utc>>,
    /// Where its rows are.
    pub counts: Vec<Count>,
}

/// So many rows have this status for this reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The public word.
    pub status: PublicStatus,
    /// Why they do not go, or not yet.
    pub reason: Option<Reason>,
    /// How many.
    pub rows: u64,
}

impl Store {
    /// A broadcast of an organization, counted at `now`.
    pub async fn broadcast(
        &self,
        organization: OrganizationId,
        id: FlowId,
        now: DateTime<Utc>,
    ) -> Result<Option<BroadcastView>, Error> {
        let client = self.client().await?;
        let Some(row) = BROADCAST.row(&client, &[&id.0, &organization.0]).await? else {
            return Ok(None);
        };
        let status: &str = row.get("status");
        let counts = COUNTS.rows(&client, &[&id.0, &now]).await?;
        Ok(Some(BroadcastView {
            id,
            status: FlowStatus::parse(status).ok_or_else(|| Error::Unreadable {
                what: "flow.status",
                found: status.to_owned(),
            })?,
            from: row.get("sender"),
            starts_at: row.get("starts_at"),
            created_at: row.get("created_at"),
            completed_at: row.get("completed_at"),
            counts: counts.iter().map(count).collect::<Result<_, _>>()?,
        }))
    }
}

fn count(row: &tokio_postgres::Row) -> Result<Count, Error> {
    let (state, delivery) = super::codes(row)?;
    Ok(Count {
        status: PublicStatus::of(state, delivery, state == State::Parked && row.get("waits")),
        reason: row.get::<_, Option<&str>>("reason").map(Reason::parse),
        rows: row.get::<_, i64>("n").unsigned_abs(),
    })
}
