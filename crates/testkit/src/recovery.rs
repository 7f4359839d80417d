//! How long a pipeline needs to recover from a fault, read from the ledger afterwards.
//!
//! A fault is over when everything that had been taken in before it has come to its end: what was in the hands of a killed process
//! too, after its repair. What ended as unknown is left out, for its end is only the end of a wait.

use std::time::Duration;

use anyhow::Result;
use domain::MessageId;
use serde::Deserialize;
use store::Store;

/// When each message was taken in and came to its end.
#[derive(Debug, Clone, Default)]
pub struct Recovery {
    /// Unix milliseconds, in the order of the first.
    lives: Vec<(i64, i64)>,
}

#[derive(Debug, Deserialize)]
struct Ended {
    id: MessageId,
    ended_at_ms: i64,
}

impl Recovery {
    /// Reads the ledger.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn read(store: &Store) -> Result<Self> {
        let rows = store.raw(include_str!("../sql/recovery.sql")).await?;
        let rows: Vec<Ended> = rows.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?;
        Ok(Self::of(rows.iter().map(|row| (taken_at_ms(row.id), row.ended_at_ms))))
    }

    fn of(lives: impl Iterator<Item = (i64, i64)>) -> Self {
        let mut lives: Vec<_> = lives.collect();
        lives.sort_unstable();
        Self { lives }
    }

    /// From a fault (Unix milliseconds) until the last of the messages that were under way then had ended.
    pub fn after(&self, fault_ms: i64) -> Duration {
        let before = self.lives.partition_point(|(taken, _)| *taken <= fault_ms);
        let last = self.lives[..before].iter().map(|(_, ended)| ended - fault_ms).max();
        Duration::from_millis(u64::try_from(last.unwrap_or(0)).unwrap_or(0))
    }

    /// From being taken in to the end, of every message.
    pub fn lives(&self) -> Vec<Duration> {
        let lives = self.lives.iter().map(|(taken, ended)| ended - taken);
        lives
            .map(|life| Duration::from_millis(u64::try_from(life).unwrap_or(0)))
            .collect()
    }

    /// The slowest messages and what they went through, for people; one a line.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn slowest(store: &Store) -> Result<String> {
        let rows = store.raw(include_str!("../sql/slowest.sql")).await?;
        Ok(rows.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }
}

/// The milliseconds with which a `UUIDv7` begins.
fn taken_at_ms(id: MessageId) -> i64 {
    i64::try_from(id.0.as_u128() >> 80).expect("48 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_over_when_the_last_of_what_was_under_way_has_ended() {
        let recovery = Recovery::of([(100, 150), (90, 400), (200, 900)].into_iter());

        assert_eq!(recovery.after(120), Duration::from_millis(280));
        assert_eq!(recovery.after(500), Duration::from_millis(400));
        assert_eq!(recovery.after(1000), Duration::ZERO);
        assert_eq!(recovery.lives().into_iter().max(), Some(Duration::from_millis(700)));
    }

    #[test]
    fn the_time_of_an_id_is_read() {
        let id: MessageId = serde_json::from_str("\"0199f5c0-1234-7000-8000-000000000000\"").unwrap();

        assert_eq!(taken_at_ms(id), 0x0199_f5c0_1234);
    }
}
