//! What a number learns about its pace: slots that inbound messages take, and the slow-down after a throttle of Meta's. The rules are
//! `domain::pace` and `domain::slow_down`; here is their memory.

use chrono::{DateTime, Utc};
use domain::slow_down::SlowDown;
use domain::{NumberId, pace};
use tokio_postgres::Row;

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const TAKE_SLOTS: Statement = statement!(
    "pace/take_slots",
    "counting inbound messages against the pace of their numbers"
);
const LOCK: Statement = statement!("pace/lock", "locking the pace of a number");
const SLOW_DOWN: Statement = statement!("pace/slow_down", "slowing a number down");
const SLOWED: Statement = statement!("pace/slowed", "looking for numbers that are slowed down");
const RECOVER: Statement = statement!("pace/recover", "giving a number its pace back");

/// What giving back came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Numbers that are faster than before, and still slowed down.
    pub faster: usize,
    /// Numbers that have their full pace again.
    pub full: usize,
}

impl Store {
    /// Takes slots of numbers for what they received. Best effort: what is lost here makes a number faster than Meta counts, for a
    /// second.
    pub async fn take_slots(&self, received: &[(NumberId, u32)]) -> Result<(), Error> {
        let client = self.client().await?;
        let numbers: Vec<i64> = received.iter().map(|(number, _)| number.0).collect();
        let slots: Vec<i32> = received
            .iter()
            .map(|(_, slots)| i32::try_from(*slots).unwrap_or(i32::MAX))
            .collect();
        let most = pace::INBOUND_TAKES_AT_MOST.as_seconds_f64();
        TAKE_SLOTS.rows(&client, &[&numbers, &slots, &most]).await?;
        Ok(())
    }

    /// Slows a number down, because Meta throttled it. `None` when there is no such number; else how slow it is now, and whether
    /// that is news.
    pub async fn slow_down(&self, number: NumberId) -> Result<Option<(SlowDown, bool)>, Error> {
        let doing = "slowing a number down";
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Error::while_doing(doing))?;
        let Some(row) = LOCK.row(&transaction, &[&number.0]).await? else {
            return Ok(None);
        };
        let (before, now) = (slowed(&row), row.get("read_at"));
        let slowed = SlowDown::throttled(before, now);
        let slots = full(&row) * slowed.share(now);
        SLOW_DOWN
            .run(&transaction, &[&number.0, &slots, &slowed.to, &slowed.at])
            .await?;
        transaction.commit().await.map_err(Error::while_doing(doing))?;
        Ok(Some((slowed, before != Some(slowed))))
    }

    /// Gives numbers that were slowed down the pace that is theirs by now.
    pub async fn recover_pace(&self) -> Result<Recovered, Error> {
        let client = self.client().await?;
        let mut recovered = Recovered::default();
        for row in SLOWED.rows(&client, &[]).await? {
            let (number, now): (i64, DateTime<Utc>) = (row.get("number_id"), row.get("read_at"));
            let Some(slowed) = slowed(&row) else { continue };
            let is_over = slowed.is_over(now);
            let share = if is_over { 1.0 } else { slowed.share(now) };
            let changed = RECOVER
                .run(&client, &[&number, &(full(&row) * share), &slowed.at, &is_over])
                .await?;
            if changed > 0 {
                recovered.faster += usize::from(!is_over);
                recovered.full += usize::from(is_over);
            }
        }
        Ok(recovered)
    }
}

/// How a number is slowed down, from its columns.
pub(crate) fn slowed(row: &Row) -> Option<SlowDown> {
    let (to, at): (Option<f64>, Option<DateTime<Utc>>) = (row.get("slowed_to"), row.get("slowed_at"));
    to.zip(at).map(|(to, at)| SlowDown { to, at })
}

fn full(row: &Row) -> f64 {
    pace::slots_per_second(row.get::<_, i32>("throughput").unsigned_abs())
}
