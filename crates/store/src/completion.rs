//! The end of broadcasts.

use domain::FlowId;
use uuid::Uuid;

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const COMPLETE: Statement = statement!("flows/complete", "completing broadcasts");

/// What one look at broadcasts found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Completed {
    /// Broadcasts that are completed from now on.
    pub completed: i64,
    /// Where to go on; `None` begins anew.
    pub last: Option<FlowId>,
}

impl Store {
    /// Looks at `limit` broadcasts at most, behind `after`, and completes those of which nothing waits or is under way. Each is completed
    /// once, whoever looks; that is an event.
    pub async fn complete_broadcasts(&self, after: Option<FlowId>, limit: i64) -> Result<Completed, Error> {
        let client = self.client().await?;
        let after = after.map_or(Uuid::nil(), |id| id.0);
        let row = COMPLETE.row(&client, &[&after, &limit]).await?;
        Ok(row.map_or_else(Completed::default, |row| Completed {
            completed: row.get("completed"),
            last: row
                .get::<_, Option<Uuid>>("last")
                .filter(|_| row.get::<_, i64>("looked") >= limit)
                .map(FlowId),
        }))
    }
}
