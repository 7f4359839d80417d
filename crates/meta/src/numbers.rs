//! What Meta says about the sender numbers of a WABA, for `turnpike check`.

use secrecy::SecretString;
use serde::Deserialize;

use crate::lenient;
use crate::{Client, Error};

const FIELDS: &str = "id,display_phone_number,verified_name,quality_rating,status,throughput,name_status,account_mode,\
                      whatsapp_business_manager_messaging_limit";

/// Numbers per page; Meta's maximum.
const PAGE: &str = "100";

/// A WABA has 20 numbers at most; an edge that goes on for so many pages goes round in circles.
const MAX_PAGES: usize = 50;

/// A sender number as Meta sees it. Meta's words are kept as texts, because their lists differ from page to page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PhoneNumber {
    /// The `phone_number_id`.
    #[serde(deserialize_with = "lenient::text")]
    pub id: String,
    /// As a person writes it: `+1 555-000-1111`.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub display_phone_number: Option<String>,
    /// The display name.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub verified_name: Option<String>,
    /// `CONNECTED` when it may send.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub status: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `NA` or `UNKNOWN`.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub quality_rating: Option<String>,
    /// `APPROVED` and others.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub name_status: Option<String>,
    /// `LIVE` or `SANDBOX`.
    #[serde(default, deserialize_with = "lenient::optional_text")]
    pub account_mode: Option<String>,
    /// The portfolio's messaging limit: `TIER_100K`; see [`domain::tier::Tier::parse`].
    #[serde(
        default,
        rename = "whatsapp_business_manager_messaging_limit",
        deserialize_with = "lenient::optional_text"
    )]
    pub messaging_limit: Option<String>,
    /// Messages per second, as a level.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub throughput: Option<Throughput>,
}

/// How many messages per second a number may carry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Throughput {
    /// `STANDARD` (80 per second), `HIGH` (1,000) or `NOT_APPLICABLE`.
    pub level: String,
}

impl PhoneNumber {
    /// Whether Meta lets it send. A status that Meta does not tell is no reason to worry.
    pub fn may_send(&self) -> bool {
        self.status.as_deref().is_none_or(|status| status == "CONNECTED")
    }
}

impl Client {
    /// All sender numbers of a WABA.
    pub async fn phone_numbers(&self, waba_id: &str, token: &SecretString) -> Result<Vec<PhoneNumber>, Error> {
        self.pages(&[waba_id, "phone_numbers"], FIELDS, PAGE, MAX_PAGES, token)
            .await
    }

    /// One sender number.
    pub async fn phone_number(&self, phone_number_id: &str, token: &SecretString) -> Result<PhoneNumber, Error> {
        self.get(&[phone_number_id], &[("fields", FIELDS)], token).await
    }
}
