//! Everything that can be set, as plain data: from Rust, from a JSON file, or at run time through `PUT /_sim/config`.
//!
//! All durations are real milliseconds. Meta's 24 hours are [`Limits::day_ms`], so a test can live through a day in a second.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::media::MediaRules;
use crate::report::ViolationKind;

mod delay;
mod limits;
mod number;
mod template;
mod webhooks;

pub use delay::Delay;
pub use limits::{FreeFormOutsideWindow, Limits};
pub use number::{Number, Tier};
pub(crate) use template::Parameters;
pub use template::Template;
pub use webhooks::Webhooks;

/// The whole set-up of a simulator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where [`crate::Simulator::start`] listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Key of the `X-Hub-Signature-256` on webhooks.
    pub app_secret: String,
    /// What `POST /_sim/verify-webhook` presents as `hub.verify_token`.
    pub verify_token: String,
    /// Bearer tokens that are accepted; any token when empty (but there must be one).
    pub access_tokens: Vec<String>,
    /// The phone numbers that exist.
    pub numbers: Vec<Number>,
    /// Accept a `phone_number_id` never heard of and give it default limits, for quick demos.
    pub auto_register: bool,
    /// Messaging limit of each business portfolio.
    pub portfolios: BTreeMap<String, Tier>,
    /// Messaging limit of a portfolio that is not listed.
    pub default_tier: Tier,
    /// The templates that exist; any template is accepted when empty.
    pub templates: Vec<Template>,
    /// How long the review of a new or changed template takes.
    pub review_ms: u64,
    /// How long files live.
    pub media: MediaRules,
    /// Where webhooks go; without it none are made.
    pub webhook_url: Option<String>,
    /// Which statuses follow a message, when, and how they are delivered.
    pub webhooks: Webhooks,
    /// Meta's limits and how strictly they are kept.
    pub limits: Limits,
    /// Time between the decision about a POST and its answer.
    pub latency: Delay,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Put the business number's country code before a `to` that has no `+`, as Meta documents.
    pub prepend_country_code: bool,
    /// Brazil and Mexico: answers and webhooks tell the number that WhatsApp knows the user by, with the extra digit of mobile phones.
    pub rewrite_wa_id: bool,
    /// Violations that are listed but do not make the verdict false.
    pub tolerated: BTreeSet<ViolationKind>,
    /// Seed of everything random (faults, delays, ratios), so that a run can be repeated.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            app_secret: "simulator-app-secret".into(),
            verify_token: "simulator-verify-token".into(),
            access_tokens: Vec::new(),
            numbers: Vec::new(),
            auto_register: false,
            portfolios: BTreeMap::new(),
            default_tier: Tier::UNLIMITED,
            templates: Vec::new(),
            review_ms: 1_000,
            media: MediaRules::default(),
            webhook_url: None,
            webhooks: Webhooks::default(),
            limits: Limits::default(),
            latency: Delay::Fixed(0),
            faults: Vec::new(),
            rewrite_wa_id: false,
            prepend_country_code: true,
            tolerated: BTreeSet::new(),
            seed: 1,
        }
    }
}

impl Config {
    /// Says what is wrong with the values, if anything; called before a configuration is used.
    ///
    /// # Errors
    /// A sentence that names the field.
    pub fn check(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for number in &self.numbers {
            if !seen.insert(&number.phone_number_id) {
                return Err(format!(
                    "numbers: phone_number_id {} is listed twice",
                    number.phone_number_id
                ));
            }
        }
        if let Some(url) = &self.webhook_url
            && url.parse::<reqwest::Url>().is_err()
        {
            return Err("webhook_url: not a URL; give one like http://127.0.0.1:8080/webhooks/meta".into());
        }
        self.webhooks.check()?;
        self.faults.iter().try_for_each(Fault::check)
    }

    /// This configuration with a JSON merge patch (RFC 7396) applied: objects merge, everything else is replaced.
    ///
    /// # Errors
    /// A sentence that says which field cannot be, and nothing is changed.
    pub fn patched(&self, patch: &serde_json::Value) -> Result<Self, String> {
        let mut document = serde_json::to_value(self).map_err(|error| error.to_string())?;
        merge(&mut document, patch);
        let patched: Self = serde_json::from_value(document).map_err(|error| error.to_string())?;
        patched.check()?;
        Ok(patched)
    }

    pub(crate) fn tier_of(&self, portfolio: &str) -> Tier {
        self.portfolios.get(portfolio).copied().unwrap_or(self.default_tier)
    }

    pub(crate) fn accepts_token(&self, token: Option<&str>) -> bool {
        match token {
            None | Some("") => false,
            Some(token) => self.access_tokens.is_empty() || self.access_tokens.iter().any(|known| known == token),
        }
    }
}

fn merge(document: &mut serde_json::Value, patch: &serde_json::Value) {
    use serde_json::Value;
    let (Value::Object(fields), Value::Object(changes)) = (&mut *document, patch) else {
        *document = patch.clone();
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_survives_json() {
        let config = Config {
            numbers: vec![Number::new("2000001", "+15550001111", "1000001")],
            portfolios: BTreeMap::from([("9001".into(), Tier::of(250))]),
            ..Config::default()
        };

        let text = serde_json::to_string(&config).unwrap();

        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
    }

    #[test]
    fn a_patch_changes_only_what_it_names() {
        let before = Config {
            webhook_url: Some("http://127.0.0.1:1/a".into()),
            seed: 9,
            ..Config::default()
        };

        let after = before
            .patched(&json!({ "limits": { "day_ms": 2000 }, "webhook_url": null }))
            .unwrap();

        assert_eq!(after.limits.day_ms, 2000);
        assert_eq!(after.limits.pair_burst, before.limits.pair_burst);
        assert_eq!(after.webhook_url, None);
        assert_eq!(after.seed, 9);
    }

    #[test]
    fn an_unknown_field_is_named() {
        let refused = Config::default()
            .patched(&json!({ "webhok_url": "http://127.0.0.1:1/" }))
            .unwrap_err();
        assert!(refused.contains("webhok_url"), "{refused}");
    }
}
