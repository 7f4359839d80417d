//! What happened to a sender number, to the business's limits, to the WABA.

use chrono::{DateTime, Utc};
use domain::tier::Tier;
use serde::Deserialize;

use crate::lenient;

/// A sender number's quality, limit or throughput changed (`phone_number_quality_update`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NumberQuality {
    /// Meta's id of the WABA.
    #[serde(skip)]
    pub waba_id: String,
    /// When, by Meta's clock.
    #[serde(skip)]
    pub at: Option<DateTime<Utc>>,
    /// The sender number's phone number, in digits: this webhook does not tell its `phone_number_id`.
    #[serde(deserialize_with = "lenient::digits")]
    pub display_phone_number: String,
    /// `ONBOARDING`, `THROUGHPUT_UPGRADE`; formerly `UPGRADE`, `DOWNGRADE`, `FLAGGED`, `UNFLAGGED`.
    pub event: String,
    /// The messaging limit of the business.
    #[serde(
        default,
        rename = "max_daily_conversations_per_business",
        deserialize_with = "lenient::tier"
    )]
    pub per_business: Option<Tier>,
    /// The messaging limit by its former name.
    #[serde(default, deserialize_with = "lenient::tier")]
    pub current_limit: Option<Tier>,
}

impl NumberQuality {
    /// The messaging limit, by whichever name it came.
    pub fn tier(&self) -> Option<Tier> {
        self.per_business.or(self.current_limit)
    }
}

/// The business's limits changed (`business_capability_update`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Capability {
    /// Meta's id of the WABA.
    #[serde(skip)]
    pub waba_id: String,
    /// When, by Meta's clock.
    #[serde(skip)]
    pub at: Option<DateTime<Utc>>,
    /// The messaging limit of the business: Meta writes `TIER_2K` or 2000.
    #[serde(
        default,
        rename = "max_daily_conversations_per_business",
        deserialize_with = "lenient::tier"
    )]
    pub per_business: Option<Tier>,
    /// The limit of each number, as it was before limits were the business's.
    #[serde(
        default,
        rename = "max_daily_conversation_per_phone",
        deserialize_with = "lenient::tier"
    )]
    pub per_phone: Option<Tier>,
}

impl Capability {
    /// The messaging limit, by whichever name it came.
    pub fn tier(&self) -> Option<Tier> {
        self.per_business.or(self.per_phone)
    }
}

/// The WABA was restricted, banned, freed, moved … (`account_update`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AccountUpdate {
    /// Meta's id of the WABA.
    #[serde(skip)]
    pub waba_id: String,
    /// When, by Meta's clock.
    #[serde(skip)]
    pub at: Option<DateTime<Utc>>,
    /// `ACCOUNT_RESTRICTION`, `ACCOUNT_VIOLATION`, `DISABLED_UPDATE`, `ACCOUNT_DELETED`, `PARTNER_REMOVED` …
    pub event: String,
    /// With `ACCOUNT_RESTRICTION`: what may not be sent, and until when.
    #[serde(default, rename = "restriction_info", deserialize_with = "lenient::or_default")]
    pub restrictions: Vec<Restriction>,
    /// With `DISABLED_UPDATE`.
    #[serde(default, rename = "ban_info", deserialize_with = "lenient::or_default")]
    pub ban: Option<Ban>,
    /// With `ACCOUNT_VIOLATION`.
    #[serde(default, rename = "violation_info", deserialize_with = "lenient::or_default")]
    pub violation: Option<Violation>,
    /// The value as it came, in JSON.
    #[serde(skip)]
    pub raw: String,
}

/// Something that may not be sent for a time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Restriction {
    /// `RESTRICTED_BIZ_INITIATED_MESSAGING`, `RESTRICTED_CUSTOMER_INITIATED_MESSAGING`, `RESTRICTED_UTILITY_TEMPLATES` …
    #[serde(rename = "restriction_type")]
    pub kind: String,
    /// Until when; for good where it is not said.
    #[serde(default, rename = "expiration", deserialize_with = "lenient::optional_time")]
    pub until: Option<DateTime<Utc>>,
}

/// A ban.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Ban {
    /// `DISABLE`, `REINSTATE`, `SCHEDULE_FOR_DISABLE`.
    #[serde(rename = "waba_ban_state")]
    pub state: String,
}

/// A violation of Meta's policies.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Violation {
    /// Which one.
    #[serde(rename = "violation_type")]
    pub kind: String,
}
