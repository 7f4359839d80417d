//! Holds: what the clock of each is decided by, and what was decided.
//!
//! **Invariant:** a hold is ended by one scheduler, for the attempt and the alarm that it looked at; a webhook that comes in between wins.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::hold::{End, Gap, Heard, Hold, LONGEST};
use domain::{MessageId, NumberId, State};
use uuid::Uuid;

use crate::repair::Bounds;
use crate::statement::{Statement, statement};
use crate::{Error, Store};

const DUE: Statement = statement!("holds/due", "looking which holds may be over");
const HEARD: Statement = statement!("holds/heard", "looking when webhooks came");
const SETTLE: Statement = statement!("holds/settle", "ending holds");

/// Holds whose alarms rang, and what their clocks hang on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueHolds {
    /// The ledger's clock as they were read.
    pub now: DateTime<Utc>,
    /// Those holds.
    pub holds: Vec<DueHold>,
    /// When webhooks of their numbers came. A number that is missing was never heard of.
    pub heard: HashMap<NumberId, Heard>,
}

/// A hold whose alarm rang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueHold {
    /// The message.
    pub id: MessageId,
    /// The attempt that is uncertain.
    pub attempt: i32,
    /// Its sender number.
    pub number: NumberId,
    /// The hold.
    pub hold: Hold,
}

/// What became of holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndedHolds {
    /// Final: whether Meta has them will not be known.
    pub unknown: Vec<MessageId>,
    /// Parked for another attempt, because the message said `on_uncertain: resend`.
    pub resent: Vec<MessageId>,
    /// They go on: their clocks stood still, because no webhooks came for their numbers.
    pub going_on: Vec<MessageId>,
}

impl Store {
    /// Holds whose alarms rang, the longest due first within a number.
    pub async fn due_holds(&self, bounds: Bounds) -> Result<Option<DueHolds>, Error> {
        let client = self.client().await?;
        let rows = DUE.rows(&client, &[&bounds.per_number, &bounds.all]).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let now: DateTime<Utc> = first.get("o_now");
        let holds: Vec<DueHold> = rows
            .iter()
            .map(|row| DueHold {
                id: MessageId(row.get("o_id")),
                attempt: row.get("o_attempt"),
                number: NumberId(row.get("o_number_id")),
                hold: Hold {
                    began: row.get("o_began"),
                    counted_until: row.get("o_held_until"),
                    alarm: row.get("o_alarm"),
                    resend: row.get("o_resend"),
                    expires_at: row.get("o_expires_at"),
                    failures: u32::try_from(row.get::<_, i32>("o_failures")).unwrap_or(u32::MAX),
                },
            })
            .collect();
        drop(client);
        let heard = self
            .heard(&holds.iter().map(|due| due.number).collect::<Vec<_>>(), now)
            .await?;
        Ok(Some(DueHolds { now, holds, heard }))
    }

    /// When webhooks of these numbers came, as far back as a hold may reach.
    pub async fn heard(&self, numbers: &[NumberId], now: DateTime<Utc>) -> Result<HashMap<NumberId, Heard>, Error> {
        let numbers: Vec<i64> = numbers.iter().map(|number| number.0).collect();
        let client = self.client().await?;
        let rows = HEARD.rows(&client, &[&numbers, &(now - LONGEST)]).await?;
        let heard = rows.iter().map(|row| {
            let (after, until): (Vec<DateTime<Utc>>, Vec<DateTime<Utc>>) = (row.get("gap_after"), row.get("gap_until"));
            let gaps = after
                .into_iter()
                .zip(until)
                .map(|(after, until)| Gap { after, until })
                .collect();
            let last = Some(row.get("heard_at"));
            (NumberId(row.get("number_id")), Heard { last, gaps })
        });
        Ok(heard.collect())
    }

    /// Writes down what was decided of holds at `now`. Those that a webhook, an operator or another scheduler was faster with are not in
    /// the answer.
    pub async fn settle_holds(&self, ends: &[(DueHold, End)], now: DateTime<Utc>) -> Result<EndedHolds, Error> {
        let ids: Vec<Uuid> = ends.iter().map(|(due, _)| due.id.0).collect();
        let attempts: Vec<i32> = ends.iter().map(|(due, _)| due.attempt).collect();
        let rang: Vec<DateTime<Utc>> = ends.iter().map(|(due, _)| due.hold.alarm).collect();
        let (states, alarms): (Vec<i16>, Vec<Option<DateTime<Utc>>>) = ends
            .iter()
            .map(|(_, end)| match end {
                End::GoesOn(alarm) => (State::Uncertain.code(), Some(*alarm)),
                End::Unknown => (State::Unknown.code(), None),
                End::Resend => (State::Parked.code(), None),
            })
            .unzip();
        let client = self.client().await?;
        let rows = SETTLE
            .rows(&client, &[&ids, &attempts, &rang, &states, &alarms, &now])
            .await?;
        let mut ended = EndedHolds::default();
        for row in &rows {
            let (id, state) = (MessageId(row.get("o_id")), row.get::<_, i16>("o_state"));
            match State::from_code(state) {
                Some(State::Unknown) => ended.unknown.push(id),
                Some(State::Parked) => ended.resent.push(id),
                _ => ended.going_on.push(id),
            }
        }
        Ok(ended)
    }
}
