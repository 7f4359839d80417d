//! What Meta allows, how much of it is used, and what waits for it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::slow_down::SlowDown;
use domain::{NumberId, OrganizationId, State};
use tokio_postgres::Row;

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const SCOPES: Statement = statement!("queries/scope_limits", "reading messaging limits");
const NUMBERS: Statement = statement!("queries/number_limits", "reading the pace of sender numbers");
const WORK: Statement = statement!("queries/number_work", "counting what is under way on sender numbers");

/// Rows of one number and state that are counted at most.
pub const MOST_COUNTED: u64 = 100_000;

/// The limits of an organization.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Its messaging-limit scopes.
    pub scopes: Vec<ScopeLimit>,
    /// Its sender numbers.
    pub numbers: Vec<NumberLimit>,
}

/// A messaging limit: unique recipients outside an open window in a moving 24 hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeLimit {
    /// `portfolio:<id>` or `waba:<id>`.
    pub key: String,
    /// `None` is unlimited.
    pub limit: Option<i32>,
    /// People who count now.
    pub used: i32,
    /// When the next of them stops to count.
    pub next_release: Option<DateTime<Utc>>,
}

/// A sender number: its pace and what is under way on it.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberLimit {
    /// E.164, with the `+`.
    pub phone: String,
    /// Meta's id.
    pub phone_number_id: String,
    /// Meta's word for its status.
    pub status: String,
    /// Where its messaging limit is counted.
    pub scope_key: String,
    /// Messages per second, as Meta grants it.
    pub throughput: i32,
    /// The pace at which slots are handed out.
    pub slots_per_second: f64,
    /// It is slower than it might be: Meta throttled it.
    pub slowed: Option<SlowDown>,
    /// The next free slot; in the past when the number is idle.
    pub next_slot_at: Option<DateTime<Utc>>,
    /// Nothing goes: an operator's pause, or a throttle of Meta's.
    pub pause: Option<Pause>,
    /// Meta restricted its account.
    pub restricted: Option<Pause>,
    /// Rows by state.
    pub by_state: BTreeMap<State, u64>,
    /// Parked rows by reason; an empty reason is a row that waits for its time.
    pub waiting: BTreeMap<String, u64>,
    /// Rows that wait for their flow's cursor.
    pub flow_rows: u64,
    /// The ledger's clock as this was read.
    pub read_at: DateTime<Utc>,
}

/// Something stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Why.
    pub reason: Option<String>,
    /// Until then; `None` is until somebody resumes it.
    pub until: Option<DateTime<Utc>>,
}

impl Store {
    /// Every scope and number of an organization.
    pub async fn limits(&self, organization: OrganizationId) -> Result<Limits, Error> {
        let client = self.client().await?;
        let most = i64::try_from(MOST_COUNTED).unwrap_or(i64::MAX);
        let scopes = SCOPES.rows(&client, &[&organization.0]).await?;
        let numbers = NUMBERS.rows(&client, &[&organization.0]).await?;
        let work = WORK.rows(&client, &[&organization.0, &most]).await?;
        Ok(Limits {
            scopes: scopes.iter().map(scope).collect(),
            numbers: numbers.iter().map(|row| number(row, &work)).collect(),
        })
    }
}

fn scope(row: &Row) -> ScopeLimit {
    ScopeLimit {
        key: row.get("key"),
        limit: row.get("max_members"),
        used: row.get("used"),
        next_release: row.get("next_release"),
    }
}

fn number(row: &Row, work: &[Row]) -> NumberLimit {
    let id = NumberId(row.get("id"));
    let (mut by_state, mut waiting) = (BTreeMap::new(), BTreeMap::new());
    for row in work.iter().filter(|row| row.get::<_, i64>("number_id") == id.0) {
        let rows = row.get::<_, i64>("n").unsigned_abs();
        let Some(state) = State::from_code(row.get("state")) else {
            continue;
        };
        *by_state.entry(state).or_insert(0) += rows;
        if state == State::Parked {
            let reason: Option<String> = row.get("reason");
            *waiting.entry(reason.unwrap_or_default()).or_insert(0) += rows;
        }
    }
    let throughput = row.get("throughput");
    NumberLimit {
        phone: row.get("phone"),
        phone_number_id: row.get("phone_number_id"),
        status: row.get("status"),
        scope_key: row.get("scope_key"),
        throughput,
        slots_per_second: row
            .get::<_, Option<f64>>("slots_per_second")
            .unwrap_or_else(|| domain::pace::slots_per_second(throughput.unsigned_abs())),
        slowed: crate::pace::slowed(row),
        next_slot_at: row.get("tat"),
        pause: row.get::<_, bool>("paused").then(|| Pause {
            reason: row.get("pause_reason"),
            until: row.get("paused_until"),
        }),
        restricted: row.get::<_, bool>("restricted").then(|| Pause {
            reason: None,
            until: row.get("restricted_until"),
        }),
        by_state,
        waiting,
        flow_rows: row.get::<_, i64>("flow_rows").unsigned_abs(),
        read_at: row.get("read_at"),
    }
}
