//! Calling a message back.
//!
//! **Invariant:** the answer is definite. Cancel and claim write the same row and each names the state it leaves, so a message is
//! either canceled and never sent, or handed over at a known time.

use chrono::{DateTime, Utc};
use domain::{MessageId, OrganizationId, PublicStatus, State};

use crate::queries::codes;
use crate::statement::{Statement, statement};
use crate::{Error, Store};

const ONE: Statement = statement!("cancel/one", "calling a message back");
const STATE: Statement = statement!("cancel/state", "reading why a message could not be called back");

/// What came of calling a message back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// It will never be sent; this call or an earlier one did it.
    Canceled,
    /// Too late, or over already.
    TooLate {
        /// Where it is.
        status: PublicStatus,
        /// When its last attempt was claimed; `None` when there never was one.
        handed_over_at: Option<DateTime<Utc>>,
    },
    /// The organization has no such message.
    NotFound,
}

impl Store {
    /// Calls a message back, unless an attempt was claimed already.
    pub async fn cancel(
        &self,
        organization: OrganizationId,
        id: MessageId,
        now: DateTime<Utc>,
    ) -> Result<Cancel, Error> {
        let client = self.client().await?;
        if ONE.run(&client, &[&organization.0, &id.0, &now]).await? == 1 {
            return Ok(Cancel::Canceled);
        }
        let Some(row) = STATE.row(&client, &[&organization.0, &id.0]).await? else {
            return Ok(Cancel::NotFound);
        };
        let (state, delivery) = codes(&row)?;
        Ok(match state {
            State::Canceled => Cancel::Canceled,
            state => Cancel::TooLate {
                status: PublicStatus::of(state, delivery, false),
                handed_over_at: row.get("claimed_at"),
            },
        })
    }
}
