//! How attempts ended, and what that holds or closes for others.
//!
//! **Invariant:** an outcome moves a row only while the row is still in the very attempt it is about. Writing one twice, late or
//! after a webhook has told the same changes nothing, so a write in doubt is simply repeated.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::{MessageId, NumberId, State, TemplateId, WabaId};
use serde_json::Value;
use uuid::Uuid;

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const RECORD: Statement = statement!("outcomes/record", "recording outcomes");
const STOP_NUMBER: Statement = statement!("outcomes/stop_number", "stopping a sender number");
const HOLD_NUMBERS: Statement = statement!("outcomes/hold_numbers", "holding sender numbers");
const HOLD_PAIR: Statement = statement!("outcomes/hold_pair", "holding messages to a person");
const RESTRICT_WABA: Statement = statement!("outcomes/restrict_waba", "restricting an account");
const CLOSE_TEMPLATE: Statement = statement!("outcomes/close_template", "closing a template");

/// What becomes of a row after an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The message.
    pub id: MessageId,
    /// The attempt this is about: the fence.
    pub attempt: i32,
    /// [`State::Parked`], [`State::Uncertain`], [`State::Accepted`] or [`State::Failed`].
    pub state: State,
    /// The alarm of a state that is not final.
    pub wake_at: Option<DateTime<Utc>>,
    /// A [`domain::Reason`] code.
    pub reason: Option<String>,
    /// Meta's id of the message.
    pub wamid: Option<String>,
    /// Counts against the retry budget.
    pub burns: bool,
    /// Provably not accepted: its place in the messaging limit is given back.
    pub refused: bool,
    /// The POST, when there was one.
    pub post: Option<Post>,
}

/// A POST that ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Post {
    /// The admission it was claimed by.
    pub claim: Uuid,
    /// When it was to leave.
    pub slot: DateTime<Utc>,
    /// When it ended, on the ledger's clock.
    pub ended_at: DateTime<Utc>,
    /// From its first byte to its outcome, in milliseconds.
    pub post_ms: i32,
    /// `accepted`, `rejected` or `unknown`.
    pub outcome: &'static str,
    /// The answer's status, when there was an answer.
    pub http_status: Option<u16>,
    /// What went wrong, without personal data.
    pub error: Option<Value>,
}

impl Recorded {
    /// An attempt that was given back before its POST began: it waits to be released again, at once.
    pub fn given_back(id: MessageId, attempt: i32, now: DateTime<Utc>) -> Self {
        Self {
            id,
            attempt,
            state: State::Parked,
            wake_at: Some(now),
            reason: None,
            wamid: None,
            burns: false,
            refused: true,
            post: None,
        }
    }
}

/// Which sender numbers a hold is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Numbers {
    /// This one.
    One(NumberId),
    /// All of a WABA.
    OfWaba(WabaId),
    /// All: the Meta app itself is held.
    All,
}

impl Store {
    /// Writes outcomes down, with their POSTs, in one transaction. Returns the rows that moved.
    pub async fn record_outcomes(&self, outcomes: &[Recorded]) -> Result<Vec<MessageId>, Error> {
        record(&self.client().await?, outcomes).await
    }

    /// Holds sender numbers until `until`, unless they are held for longer already. Says how many changed.
    pub async fn hold_numbers(&self, numbers: Numbers, until: DateTime<Utc>, reason: &str) -> Result<u64, Error> {
        let (number, waba) = match numbers {
            Numbers::One(number) => (Some(number.0), None),
            Numbers::OfWaba(waba) => (None, Some(waba.0)),
            Numbers::All => (None, None),
        };
        let client = self.client().await?;
        HOLD_NUMBERS.run(&client, &[&number, &waba, &until, &reason]).await
    }

    /// Holds everything from a message's sender number to its recipient until `until`, unless it waits for longer already. Says whether
    /// that changed anything.
    pub async fn hold_pair(&self, message: MessageId, until: DateTime<Utc>) -> Result<bool, Error> {
        let client = self.client().await?;
        Ok(HOLD_PAIR.run(&client, &[&message.0, &until]).await? > 0)
    }

    /// Stops a sender number until Meta or an operator says otherwise. Says whether it was not stopped before.
    pub async fn stop_number(&self, number: NumberId, reason: &str) -> Result<bool, Error> {
        let client = self.client().await?;
        Ok(STOP_NUMBER.run(&client, &[&number.0, &reason]).await? > 0)
    }

    /// Closes a WABA until Meta or an operator reopens it. Says whether it was open.
    pub async fn restrict_waba(&self, waba: WabaId) -> Result<bool, Error> {
        let client = self.client().await?;
        Ok(RESTRICT_WABA.run(&client, &[&waba.0]).await? > 0)
    }

    /// Closes a template with Meta's word for why (`PAUSED`, `DISABLED`). Says whether it was otherwise.
    pub async fn close_template(&self, template: TemplateId, status: &str) -> Result<bool, Error> {
        let client = self.client().await?;
        Ok(CLOSE_TEMPLATE.run(&client, &[&template.0, &status]).await? > 0)
    }
}

/// [`Store::record_outcomes`] inside whatever transaction `client` is in.
pub(crate) async fn record(client: &impl GenericClient, outcomes: &[Recorded]) -> Result<Vec<MessageId>, Error> {
    let posts: Vec<(&Recorded, &Post)> = outcomes
        .iter()
        .filter_map(|outcome| Some((outcome, outcome.post.as_ref()?)))
        .collect();
    let rows = RECORD
        .rows(
            client,
            &[
                &column(outcomes, |outcome| outcome.id.0),
                &column(outcomes, |outcome| outcome.attempt),
                &column(outcomes, |outcome| outcome.state.code()),
                &column(outcomes, |outcome| outcome.wake_at),
                &column(outcomes, |outcome| outcome.reason.as_deref()),
                &column(outcomes, |outcome| outcome.wamid.as_deref()),
                &column(outcomes, |outcome| outcome.burns),
                &column(outcomes, |outcome| outcome.refused),
                &column(&posts, |(outcome, _)| outcome.id.0),
                &column(&posts, |(outcome, _)| outcome.attempt),
                &column(&posts, |(_, post)| post.claim),
                &column(&posts, |(_, post)| post.slot),
                &column(&posts, |(_, post)| post.ended_at),
                &column(&posts, |(_, post)| post.post_ms),
                &column(&posts, |(_, post)| post.outcome),
                &column(&posts, |(_, post)| {
                    post.http_status.and_then(|status| i16::try_from(status).ok())
                }),
                &column(&posts, |(_, post)| post.error.as_ref()),
            ],
        )
        .await?;
    Ok(rows.into_iter().map(|row| MessageId(row.get(0))).collect())
}

/// One column of a batch, as UNNEST takes it.
fn column<'a, T, C>(rows: &'a [T], of: impl Fn(&'a T) -> C) -> Vec<C> {
    rows.iter().map(of).collect()
}
