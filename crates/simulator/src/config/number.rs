//! Business phone numbers and the messaging limit of their portfolio.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A business phone number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// Meta's id of the number: the one in the path of a POST.
    pub phone_number_id: String,
    /// The number itself, with `+`.
    pub phone: String,
    /// The WhatsApp Business Account that owns it.
    pub waba_id: String,
    /// Business portfolio, the scope of the messaging limit; the WABA itself when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portfolio: Option<String>,
    /// Messages per second, in and out together.
    #[serde(default = "default_throughput")]
    pub throughput: u32,
    /// Country calling code without `+`, put before a `to` that has no `+`.
    #[serde(default = "default_country_code")]
    pub country_code: String,
    /// Display name.
    #[serde(default = "default_verified_name")]
    pub verified_name: String,
    /// `CONNECTED` when it may send; others are shown, and not enforced.
    #[serde(default = "default_status")]
    pub status: String,
    /// `GREEN`, `YELLOW`, `RED` …
    #[serde(default = "default_quality")]
    pub quality_rating: String,
}

fn default_status() -> String {
    "CONNECTED".into()
}

fn default_quality() -> String {
    "GREEN".into()
}

fn default_throughput() -> u32 {
    80
}

fn default_country_code() -> String {
    "1".into()
}

fn default_verified_name() -> String {
    "Simulated Business".into()
}

impl Number {
    /// A number with Meta's default throughput of 80, its WABA as portfolio, and country code 1.
    pub fn new(phone_number_id: impl Into<String>, phone: impl Into<String>, waba_id: impl Into<String>) -> Self {
        Self {
            phone_number_id: phone_number_id.into(),
            phone: phone.into(),
            waba_id: waba_id.into(),
            portfolio: None,
            throughput: default_throughput(),
            country_code: default_country_code(),
            verified_name: default_verified_name(),
            status: default_status(),
            quality_rating: default_quality(),
        }
    }

    /// The scope of the messaging limit.
    pub fn portfolio(&self) -> &str {
        self.portfolio.as_deref().unwrap_or(&self.waba_id)
    }

    /// The digits of the number, as webhooks show it.
    pub(crate) fn digits(&self) -> &str {
        self.phone.trim_start_matches('+')
    }
}

/// A messaging limit: unique recipients in a moving 24 hours outside the customer service window.
///
/// Written as Meta does (`"TIER_250"`, `"TIER_2K"`, `"TIER_UNLIMITED"`) or as a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier(Option<u32>);

impl Tier {
    /// No limit.
    pub const UNLIMITED: Self = Self(None);

    /// A limit of so many recipients.
    pub fn of(recipients: u32) -> Self {
        Self(Some(recipients))
    }

    /// Recipients allowed, `None` when unlimited.
    pub fn recipients(self) -> Option<u32> {
        self.0
    }

    /// Meta's name of it: `TIER_250`, `TIER_2K`, `TIER_UNLIMITED`.
    pub fn name(self) -> String {
        match self.0 {
            None => "TIER_UNLIMITED".into(),
            Some(recipients) if recipients >= 1_000 && recipients % 1_000 == 0 => {
                format!("TIER_{}K", recipients / 1_000)
            }
            Some(recipients) => format!("TIER_{recipients}"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let size = text.strip_prefix("TIER_")?;
        if size == "UNLIMITED" {
            return Some(Self::UNLIMITED);
        }
        match size.strip_suffix('K') {
            Some(thousands) => thousands.parse::<u32>().ok()?.checked_mul(1_000).map(Self::of),
            None => size.parse().ok().map(Self::of),
        }
    }
}

impl Serialize for Tier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

impl<'de> Deserialize<'de> for Tier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Recipients(u32),
            Name(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Recipients(recipients) => Ok(Self::of(recipients)),
            Written::Name(name) => Self::parse(&name).ok_or_else(|| {
                de::Error::custom(format!(
                    "unknown tier {name:?}; write TIER_250, TIER_2K, TIER_UNLIMITED or a number"
                ))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_reads_the_names_that_it_writes() {
        for tier in [
            Tier::of(50),
            Tier::of(250),
            Tier::of(2_000),
            Tier::of(100_000),
            Tier::UNLIMITED,
        ] {
            assert_eq!(Tier::parse(&tier.name()), Some(tier));
        }
        assert_eq!(Tier::of(100_000).name(), "TIER_100K");
        assert_eq!(serde_json::from_str::<Tier>("250").unwrap(), Tier::of(250));
        assert!(serde_json::from_str::<Tier>("\"TIER_LOTS\"").is_err());
    }
}
