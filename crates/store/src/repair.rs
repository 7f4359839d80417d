//! Repair: rows whose alarm rang because nobody came.
//!
//! **Invariant:** an attempt whose end is not known never goes back to the queue. It is uncertain until its hold ends ([`crate::holds`]).

use chrono::TimeDelta;
use domain::job::Released;
use domain::{Category, Lane, MessageId};

use crate::release::released;
use crate::statement::{Statement, statement};
use crate::{Error, Store};

const RING_AGAIN: Statement = statement!("repair/ring_again", "ringing silent messages again");
const EXPIRE_LEASES: Statement = statement!("repair/expire_leases", "calling silent attempts uncertain");

/// How much one pass may take on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Rows of one sender number and lane, so that no number takes the whole pass.
    pub per_number: i32,
    /// Rows in all.
    pub all: i32,
}

impl Store {
    /// Moves the alarm of queued rows in `lanes` that nobody asked about, and returns them: publish their jobs again. `after[n]` is how
    /// long a row that was rung `n` times may be silent; the last holds for all that follow.
    pub async fn ring_again(
        &self,
        after: &[TimeDelta],
        lanes: &[Lane],
        bounds: Bounds,
    ) -> Result<Vec<Released>, Error> {
        let seconds: Vec<f64> = after.iter().map(|after| after.as_seconds_f64()).collect();
        let lanes: Vec<i16> = lanes.iter().map(|lane| lane.code()).collect();
        let client = self.client().await?;
        let rows = RING_AGAIN
            .rows(&client, &[&seconds, &lanes, &bounds.per_number, &bounds.all])
            .await?;
        rows.iter().map(released).collect()
    }

    /// Calls attempts uncertain whose lease ran out; each waits for a webhook as long as its category says.
    pub async fn expire_leases(&self, bounds: Bounds) -> Result<Vec<MessageId>, Error> {
        let client = self.client().await?;
        let rows = EXPIRE_LEASES
            .rows(&client, &[&holds(), &bounds.per_number, &bounds.all])
            .await?;
        Ok(rows.iter().map(|row| MessageId(row.get("id"))).collect())
    }
}

/// Seconds to hold, in the order of the categories' codes, from 0.
fn holds() -> Vec<f64> {
    let mut categories = Category::ALL;
    categories.sort_by_key(|category| category.code());
    categories
        .iter()
        .map(|category| category.hold().as_seconds_f64())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hold_of_a_category_stands_at_its_code() {
        for category in Category::ALL {
            let place = usize::try_from(category.code()).unwrap();
            assert_eq!(holds()[place], category.hold().as_seconds_f64(), "{category:?}");
        }
    }
}
