//! An operator says what became of a message whose outcome nobody could learn.
//!
//! **Invariant:** only what is uncertain or unknown can be resolved, and only the attempt that the operator looked at: a webhook that
//! comes first wins, and one that comes later still proves acceptance.

use chrono::{DateTime, Utc};
use domain::{MessageId, OrganizationId, PublicStatus, Reason, State};

use crate::outcomes::{Recorded, record};
use crate::queries::codes;
use crate::statement::{Statement, statement};
use crate::{Error, Store};

const STATE: Statement = statement!("resolve/state", "reading where a message stands");
const REOPEN: Statement = statement!("resolve/reopen", "reopening a message that ended as unknown");

/// What the operator says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Meta has it. What was reserved for it is spent.
    Accepted,
    /// Meta does not have it, and it is not sent any more. What was reserved for it is given back.
    Failed,
    /// It is sent again, at the risk that the person gets it twice. What was reserved for the first attempt stays so.
    Resend,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// Done.
    Done,
    /// It is neither uncertain nor unknown (any more).
    NotUncertain(PublicStatus),
    /// It was to be sent again, but its time is over.
    Expired(DateTime<Utc>),
    /// The organization has no such message.
    NotFound,
}

impl Store {
    /// Ends the uncertainty about a message.
    pub async fn resolve(
        &self,
        organization: OrganizationId,
        id: MessageId,
        resolution: Resolution,
    ) -> Result<Resolved, Error> {
        let doing = "resolving a message";
        let mut client = self.client().await?;
        let Some(row) = STATE.row(&client, &[&organization.0, &id.0]).await? else {
            return Ok(Resolved::NotFound);
        };
        let (state, delivery) = codes(&row)?;
        if !matches!(state, State::Uncertain | State::Unknown) {
            return Ok(Resolved::NotUncertain(PublicStatus::of(state, delivery, false)));
        }
        let (expires_at, now): (DateTime<Utc>, DateTime<Utc>) = (row.get("expires_at"), row.get("read_at"));
        if resolution == Resolution::Resend && expires_at <= now {
            return Ok(Resolved::Expired(expires_at));
        }
        let attempt: i32 = row.get("attempt");
        let transaction = client.transaction().await.map_err(Error::while_doing(doing))?;
        if state == State::Unknown {
            REOPEN.run(&transaction, &[&organization.0, &id.0, &attempt]).await?;
        }
        let moved = record(&transaction, &[outcome(id, attempt, resolution, now)]).await?;
        transaction.commit().await.map_err(Error::while_doing(doing))?;
        match moved.is_empty() {
            false => Ok(Resolved::Done),
            // A webhook was faster.
            true => Ok(Resolved::NotUncertain(PublicStatus::Accepted)),
        }
    }
}

fn outcome(id: MessageId, attempt: i32, resolution: Resolution, now: DateTime<Utc>) -> Recorded {
    let (state, reason) = match resolution {
        Resolution::Accepted => (State::Accepted, None),
        Resolution::Failed => (State::Failed, Some(Reason::ResolvedFailed)),
        Resolution::Resend => (State::Parked, None),
    };
    Recorded {
        id,
        attempt,
        state,
        wake_at: (state == State::Parked).then_some(now),
        reason: reason.map(|reason| reason.to_string()),
        wamid: None,
        burns: resolution == Resolution::Resend,
        refused: resolution == Resolution::Failed,
        post: None,
    }
}
