//! A person's own choice about marketing, made in WhatsApp: an element of `user_preferences`.

use chrono::{DateTime, Utc};
use domain::Recipient;
use serde::Deserialize;

use crate::lenient;

/// A choice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserPreference {
    /// Meta's id of the WABA.
    #[serde(skip)]
    pub waba_id: String,
    /// The sender number, where it is said.
    #[serde(skip)]
    pub phone_number_id: Option<String>,
    /// The person's phone number, where it may be known.
    #[serde(default, rename = "wa_id", deserialize_with = "lenient::recipient")]
    pub recipient: Option<Recipient>,
    /// Their business-scoped user id.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub user_id: Option<String>,
    /// What it is about: `marketing_messages`.
    pub category: String,
    /// What they want.
    pub value: Preference,
    /// When they said so, by Meta's clock.
    #[serde(rename = "timestamp", deserialize_with = "lenient::time")]
    pub at: DateTime<Utc>,
}

impl UserPreference {
    /// Who said so: the phone number, or else the user id; `None` where Meta tells neither.
    pub fn person(&self) -> Option<Recipient> {
        let user_id = || Recipient::parse_any(self.user_id.as_deref()?).ok();
        self.recipient.clone().or_else(user_id)
    }
}

/// What a person wants.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Preference {
    /// No more of it.
    Stop,
    /// Again, please.
    Resume,
    /// A word this version does not know.
    Other(String),
}

impl From<String> for Preference {
    fn from(word: String) -> Self {
        match word.as_str() {
            "stop" => Self::Stop,
            "resume" => Self::Resume,
            _ => Self::Other(word),
        }
    }
}
