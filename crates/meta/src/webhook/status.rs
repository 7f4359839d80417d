//! What became of a message of ours: an element of `statuses`.

use chrono::{DateTime, Utc};
use domain::meta_error::MetaError;
use domain::{Delivery, Recipient, Wamid};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::graph::WireError;
use crate::lenient;

/// One status of one message.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StatusUpdate {
    /// Meta's id of the WABA.
    #[serde(skip)]
    pub waba_id: String,
    /// The sender number.
    #[serde(skip)]
    pub phone_number_id: String,
    /// Meta's id of the message.
    #[serde(rename = "id")]
    pub wamid: Wamid,
    /// What happened.
    #[serde(rename = "status")]
    pub word: StatusWord,
    /// When it happened, by Meta's clock.
    #[serde(rename = "timestamp", deserialize_with = "lenient::time")]
    pub at: DateTime<Utc>,
    /// The recipient's phone number, where it may be known.
    #[serde(default, deserialize_with = "lenient::recipient")]
    pub recipient_id: Option<Recipient>,
    /// The recipient's business-scoped user id.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub recipient_user_id: Option<String>,
    /// Our callback data, as we sent it: names the message even when its POST was never answered.
    #[serde(
        default,
        rename = "biz_opaque_callback_data",
        deserialize_with = "lenient::optional_text"
    )]
    pub opaque: Option<String>,
    /// Why it failed; empty otherwise.
    #[serde(default, deserialize_with = "reported_errors")]
    pub errors: Vec<ReportedError>,
    /// What Meta charges: `{"pricing_model","type","category",…}`.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub pricing: Option<Value>,
    /// Meta's conversation; absent since Graph v24 but for free entry points.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub conversation: Option<Value>,
}

impl StatusUpdate {
    /// How far this says the message came. `None` for a word without a rank (`deleted`, `warning` …).
    pub fn delivery(&self) -> Option<Delivery> {
        match self.word {
            StatusWord::Sent => Some(Delivery::Sent),
            StatusWord::Delivered => Some(Delivery::Delivered),
            StatusWord::Read => Some(Delivery::Read),
            StatusWord::Played => Some(Delivery::Played),
            StatusWord::Failed => Some(Delivery::Failed),
            StatusWord::Other(_) => None,
        }
    }
}

/// Meta's word for what happened.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum StatusWord {
    /// Left Meta's servers.
    Sent,
    /// On a device. May be left out when the message is read at once.
    Delivered,
    /// Seen, where the recipient lets others know.
    Read,
    /// A voice note was played.
    Played,
    /// Meta gave up; on one device only, when another one says `delivered`.
    Failed,
    /// A word this version does not know.
    Other(String),
}

impl From<String> for StatusWord {
    fn from(word: String) -> Self {
        match word.as_str() {
            "sent" => Self::Sent,
            "delivered" => Self::Delivered,
            "read" => Self::Read,
            "played" => Self::Played,
            "failed" => Self::Failed,
            _ => Self::Other(word),
        }
    }
}

/// An error that a webhook reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedError {
    /// Meta's code.
    pub code: i64,
    /// What happened, in Meta's words.
    pub title: String,
    /// More of them.
    pub details: Option<String>,
}

impl ReportedError {
    /// What is known about this error.
    pub fn meta_error(&self) -> &'static MetaError {
        domain::meta_error::lookup(self.code)
    }
}

impl<'de> Deserialize<'de> for ReportedError {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let wire = WireError::deserialize(from)?;
        Ok(Self {
            code: wire.code,
            title: wire.title(),
            details: wire.details(),
        })
    }
}

/// The errors that can be read: a status with an odd error in it is still a status.
fn reported_errors<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ReportedError>, D::Error> {
    let raw: Vec<Box<RawValue>> = lenient::or_default(from)?;
    Ok(raw
        .iter()
        .filter_map(|error| serde_json::from_str(error.get()).ok())
        .collect())
}
