//! A person's new business-scoped user id: an element of `user_id_update`. Meta gives a new one when a person changes their phone number.

use chrono::{DateTime, Utc};
use domain::Recipient;
use serde::Deserialize;

use crate::lenient;

/// A change of a user id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserIdUpdate {
    /// Meta's id of the WABA.
    #[serde(skip)]
    pub waba_id: String,
    /// The sender number, where it is said.
    #[serde(skip)]
    pub phone_number_id: Option<String>,
    /// The person's phone number, where it may be known.
    #[serde(default, rename = "wa_id", deserialize_with = "lenient::recipient")]
    pub recipient: Option<Recipient>,
    /// The id they had, and the one they have.
    pub user_id: Change,
    /// When, by Meta's clock.
    #[serde(rename = "timestamp", deserialize_with = "lenient::time")]
    pub at: DateTime<Utc>,
}

/// One id in the place of another.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Change {
    /// Before.
    #[serde(deserialize_with = "user_id")]
    pub previous: Recipient,
    /// Now.
    #[serde(deserialize_with = "user_id")]
    pub current: Recipient,
}

fn user_id<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Recipient, D::Error> {
    let text = lenient::text(from)?;
    Recipient::parse_any(&text).map_err(|_| serde::de::Error::custom("not a user id, as in US.13491208655302741918"))
}
