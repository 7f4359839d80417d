//! Single facts, as plain data: easy to read out of a ledger, and easy to make up in a test.

use domain::{Delivery, MessageId, State};
use serde::{Deserialize, Deserializer, de};

/// A row of the ledger.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the columns of the ledger, explained in its migration")]
pub struct Message {
    pub id: MessageId,
    /// Meta's id of the sender number.
    pub number: Option<String>,
    pub scope: i64,
    /// With the `+`.
    pub recipient: String,
    /// 0 is free-form.
    pub category: i16,
    #[serde(deserialize_with = "state")]
    pub state: State,
    pub attempt: i32,
    pub resend: bool,
    #[serde(deserialize_with = "delivery")]
    pub delivery: Delivery,
    pub wamid: Option<String>,
    /// An alarm or a flow will move it.
    pub is_awaited: bool,
    pub scheduled_at_ms: Option<i64>,
    pub expires_at_ms: i64,
}

/// A POST that ended, as the sender recorded it.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the columns of the ledger, explained in its migration")]
pub struct Attempt {
    pub id: MessageId,
    pub attempt: i32,
    /// accepted, rejected, unknown.
    pub outcome: String,
}

/// A status that was applied.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the columns of the ledger, explained in its migration")]
pub struct Event {
    pub id: MessageId,
    pub attempt: i32,
    /// Meta's word.
    pub status: String,
}

/// An answer that is kept under an idempotency key.
#[derive(Debug, Clone, Deserialize)]
pub struct Answer {
    /// The key.
    pub key: String,
    /// The message that it names; none in the answer to a broadcast.
    pub message: Option<MessageId>,
}

/// What a messaging-limit scope counts.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the columns of the ledger, explained in its migration")]
pub struct Scope {
    pub id: i64,
    pub key: String,
    pub max_members: Option<i64>,
    /// The count that admission relies on.
    pub members: i64,
    /// The set that it shall be the count of.
    pub recipients: Vec<String>,
}

/// A person wrote.
#[derive(Debug, Clone, Deserialize)]
pub struct Inbound {
    /// To this sender number.
    pub number: String,
    /// The person, with the `+`.
    pub recipient: String,
    /// Unix milliseconds, by Meta's clock.
    pub at_ms: i64,
}

/// Webhooks that were answered with 200 and did not come through whole.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Inbox {
    /// Not applied yet.
    pub waiting: i64,
    /// Elements that could not be applied.
    pub set_aside: i64,
    /// Statuses of no message of ours.
    pub orphans: i64,
}

/// A POST as Meta's stand-in saw it.
#[derive(Debug, Clone)]
pub struct Post {
    /// Place in its ledger.
    pub seq: u64,
    /// The message and attempt that its callback string names; `None` when it is not one of ours.
    pub of: Option<(MessageId, i32)>,
    /// Nanoseconds since the stand-in started.
    pub arrival_ns: u64,
    /// The same in Unix milliseconds.
    pub wall_ms: i64,
    /// The sender number in its path.
    pub number: String,
    /// Digits of the recipient.
    pub recipient: Option<String>,
    /// A template, or free-form.
    pub is_template: bool,
    /// Whether Meta would send it.
    pub accepted: bool,
    /// The id that it got.
    pub wamid: Option<String>,
}

/// A sender number, with its limits.
#[derive(Debug, Clone)]
pub struct Number {
    /// Messages in any window of one second; `None` where the stand-in does not judge the pace.
    pub per_second: Option<u32>,
    /// Whose messaging limit it shares.
    pub portfolio: String,
}

fn state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<State, D::Error> {
    let code = i16::deserialize(deserializer)?;
    State::from_code(code).ok_or_else(|| de::Error::custom(format!("no state has the code {code}")))
}

fn delivery<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Delivery, D::Error> {
    let code = i16::deserialize(deserializer)?;
    Delivery::from_code(code).ok_or_else(|| de::Error::custom(format!("no delivery has the code {code}")))
}
