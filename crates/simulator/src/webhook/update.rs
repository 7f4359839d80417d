//! One update: a status of an outbound message, or an inbound message.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::config::Number;

/// A message that was accepted, as far as its statuses show it.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) wamid: Arc<str>,
    pub(crate) number: Arc<Number>,
    /// Digits of the phone number; `None` when sent to a user id, whose number Meta hides.
    pub(crate) wa_id: Option<Arc<str>>,
    /// Business-scoped user id, when these are shown.
    pub(crate) user_id: Option<String>,
    pub(crate) opaque: Option<Arc<str>>,
    /// Pricing category in lower case.
    pub(crate) category: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Sent,
    Delivered,
    Read,
    Failed,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Update {
    Status {
        of: Arc<Outbound>,
        status: Status,
        /// When it happened, Unix milliseconds.
        at_ms: i64,
        /// Code of a `failed` status.
        code: Option<i64>,
        /// Whether `pricing` comes with it.
        priced: bool,
    },
    Inbound {
        number: Arc<Number>,
        /// Element of `contacts[]`; `system` messages have none.
        contact: Option<Arc<Value>>,
        message: Arc<Value>,
    },
    /// Something about an account: its templates, its limits, its standing.
    Account {
        waba_id: Arc<str>,
        /// Meta's name of the webhook field.
        field: Arc<str>,
        /// When it happened, Unix seconds.
        at: i64,
        value: Arc<Value>,
    },
}

impl Update {
    /// The sender number that it is about, if it is about one.
    pub(crate) fn number(&self) -> Option<&Arc<Number>> {
        match self {
            Self::Status { of, .. } => Some(&of.number),
            Self::Inbound { number, .. } => Some(number),
            Self::Account { .. } => None,
        }
    }

    /// The word it is counted under in the report.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Status { status, .. } => status.name(),
            Self::Inbound { .. } => "inbound",
            Self::Account { .. } => "account",
        }
    }
}

/// An update with the time at which it shall leave.
#[derive(Debug)]
pub(crate) struct Scheduled {
    pub(crate) due_ns: u64,
    pub(crate) update: Update,
    /// Its POST carries a wrong signature the first time.
    pub(crate) bad_signature: bool,
    /// Somebody waits until its POST has been tried: it travels alone and at once.
    pub(crate) tried: Option<oneshot::Sender<()>>,
}
