//! Release: what is due goes to the broker, a second or two of work per number.
//!
//! **Invariant:** a row is released by one scheduler, however many there are, and is queued with an alarm before its job is published;
//! a job that is lost is published again when the alarm rings.

use chrono::TimeDelta;
use domain::job::Released;
use domain::{Lane, MessageId, NumberId};
use tokio_postgres::Row;

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const RELEASE: Statement = statement!("release/release", "releasing messages");
const OLDEST_DUE: Statement = statement!(
    "release/oldest_due",
    "asking how long the oldest due message has waited"
);

/// What one release moved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Release {
    /// Rows that are queued now, in the order they should go: single messages before bulk.
    pub released: Vec<Released>,
    /// How many were too late, and are expired now.
    pub expired: usize,
    /// How many seconds after its time each row was moved. Rows that waited for their flow's turn are not in it.
    pub late: Vec<f64>,
}

impl Store {
    /// Moves the next rows of every number that has room from parked to queued, at most `limit` of them; a few milliseconds when
    /// nothing is due. Publish their jobs afterwards: `ring_after` later, a row that nobody asked about is rung again.
    pub async fn release(&self, ring_after: TimeDelta, limit: i32) -> Result<Release, Error> {
        let client = self.client().await?;
        let rows = RELEASE.rows(&client, &[&ring_after.as_seconds_f64(), &limit]).await?;
        let mut release = Release::default();
        for row in &rows {
            release.late.extend(row.get::<_, Option<f64>>("o_late"));
            if row.get("o_expired") {
                release.expired += 1;
            } else {
                release.released.push(released(row)?);
            }
        }
        Ok(release)
    }

    /// How many seconds the row that is longest due has waited to be released; 0 when none is due.
    pub async fn oldest_due(&self) -> Result<f64, Error> {
        let client = self.client().await?;
        let row = OLDEST_DUE.row(&client, &[]).await?;
        Ok(row.map_or(0.0, |row| row.get("seconds")))
    }
}

/// A row of `o_id`, `o_number_id`, `o_lane` and `o_throughput`.
pub(crate) fn released(row: &Row) -> Result<Released, Error> {
    let lane: i16 = row.get("o_lane");
    let throughput: i32 = row.get("o_throughput");
    Ok(Released {
        id: MessageId(row.get("o_id")),
        number: NumberId(row.get("o_number_id")),
        lane: Lane::from_code(lane).ok_or_else(|| Error::Unreadable {
            what: "message.lane",
            found: lane.to_string(),
        })?,
        throughput: u32::try_from(throughput).expect("the column is checked to be positive"),
    })
}
