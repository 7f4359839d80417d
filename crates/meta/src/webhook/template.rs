//! What happened to a template.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};

use crate::lenient;

/// A template was approved, rejected, paused, disabled … (`message_template_status_update`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TemplateStatus {
    /// Meta's id of the WABA.
    #[serde(skip)]
    pub waba_id: String,
    /// When, by Meta's clock.
    #[serde(skip)]
    pub at: Option<DateTime<Utc>>,
    /// Meta's id of the template.
    #[serde(default, rename = "message_template_id", deserialize_with = "lenient::optional_text")]
    pub template_id: Option<String>,
    /// Its name.
    #[serde(rename = "message_template_name")]
    pub name: String,
    /// Its language, as in `en_US`.
    #[serde(rename = "message_template_language", deserialize_with = "language")]
    pub language: String,
    /// Its category, where it is said.
    #[serde(
        default,
        rename = "message_template_category",
        deserialize_with = "lenient::optional_text"
    )]
    pub category: Option<String>,
    /// `APPROVED`, `PAUSED`, `DISABLED`, `REJECTED`, `ARCHIVED`, `REINSTATED`, `PENDING_DELETION` …
    pub event: String,
    /// Why, where it is said.
    #[serde(default, deserialize_with = "reason")]
    pub reason: Option<String>,
    /// `FIRST_PAUSE`, `SECOND_PAUSE`, `RATE_LIMITING_PAUSE`, `UNPAUSE`, `DISABLED` …
    #[serde(default, rename = "other_info", deserialize_with = "lenient::or_default")]
    pub other: OtherInfo,
}

/// More about a change of status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct OtherInfo {
    /// A word.
    #[serde(default)]
    pub title: Option<String>,
    /// A sentence.
    #[serde(default)]
    pub description: Option<String>,
}

/// A template's quality changed (`message_template_quality_update`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TemplateQuality {
    /// Meta's id of the WABA.
    #[serde(skip)]
    pub waba_id: String,
    /// When, by Meta's clock.
    #[serde(skip)]
    pub at: Option<DateTime<Utc>>,
    /// Meta's id of the template.
    #[serde(default, rename = "message_template_id", deserialize_with = "lenient::optional_text")]
    pub template_id: Option<String>,
    /// Its name.
    #[serde(rename = "message_template_name")]
    pub name: String,
    /// Its language, as in `en_US`.
    #[serde(rename = "message_template_language", deserialize_with = "language")]
    pub language: String,
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`, before.
    #[serde(
        default,
        rename = "previous_quality_score",
        deserialize_with = "lenient::optional_text"
    )]
    pub previous: Option<String>,
    /// The same, now.
    #[serde(rename = "new_quality_score")]
    pub new: String,
}

/// A template's category changed, or will (`template_category_update`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TemplateCategory {
    /// Meta's id of the WABA.
    #[serde(skip)]
    pub waba_id: String,
    /// When, by Meta's clock.
    #[serde(skip)]
    pub at: Option<DateTime<Utc>>,
    /// Meta's id of the template.
    #[serde(default, rename = "message_template_id", deserialize_with = "lenient::optional_text")]
    pub template_id: Option<String>,
    /// Its name.
    #[serde(rename = "message_template_name")]
    pub name: String,
    /// Its language, as in `en_US`.
    #[serde(rename = "message_template_language", deserialize_with = "language")]
    pub language: String,
    /// The category it had; only once the change is done.
    #[serde(default, rename = "previous_category", deserialize_with = "lenient::optional_text")]
    pub previous: Option<String>,
    /// The category it has now.
    #[serde(rename = "new_category")]
    pub new: String,
    /// The category it will get; only while the change is still to come.
    #[serde(default, rename = "correct_category", deserialize_with = "lenient::optional_text")]
    pub upcoming: Option<String>,
    /// When it will get it.
    #[serde(
        default,
        rename = "category_update_timestamp",
        deserialize_with = "lenient::optional_time"
    )]
    pub upcoming_at: Option<DateTime<Utc>>,
}

/// Webhooks write `en-US` where the API says `en_US`.
fn language<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(String::deserialize(from)?.replace('-', "_"))
}

/// Meta writes `NONE`, or null, for no reason.
fn reason<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(lenient::optional_text(from)?.filter(|reason| reason != "NONE"))
}
