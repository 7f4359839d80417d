//! What `turnpike apply FILE` declares: organizations with their keys, accounts, numbers and templates (contract, "apply FILE").
//! Unknown fields are refused, so that a misspelt one is not silently ignored.

mod balance;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::category::Category;
use crate::network::Network;
use crate::policy::Policies;
use crate::recipient::Recipient;
use crate::rules::fraud_guard::FraudGuard;
use crate::rules::frequency_cap::FrequencyCap;
use crate::rules::quiet_hours::QuietHours;
use crate::template::ParameterFormat;
use crate::tier::Tier;

pub use balance::RateDeclaration;

/// The file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// Tenants.
    #[serde(default)]
    pub organization: Vec<Organization>,
}

/// A tenant and all that it owns.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// Stable short name: lowercase letters, digits, `_` and `-`. Part of every event's routing key.
    pub slug: String,
    /// Name for people.
    pub name: String,
    /// The broker user whose intake messages belong to this organization.
    pub amqp_user: Option<String>,
    /// The currency of `balance` and `rate`, as in `EUR`.
    pub currency: Option<String>,
    /// What a new prepaid balance begins with, as in `100.00`; there is none without it. Read once: afterwards money moves by top-ups.
    pub balance: Option<String>,
    /// The rate card; replaced as a whole where it is given.
    #[serde(default)]
    pub rate: Vec<RateDeclaration>,
    /// Messages accepted on one day (UTC) at most; no limit when absent.
    pub daily_quota: Option<u32>,
    /// Messages accepted in one month (UTC) at most; no limit when absent.
    pub monthly_quota: Option<u32>,
    /// Rules against the abuse of its keys.
    pub fraud_guard: Option<FraudGuard>,
    /// When its recipients are not to be disturbed.
    pub quiet_hours: Option<QuietHours>,
    /// How often marketing is too often.
    pub frequency_cap: Option<FrequencyCap>,
    /// Its share of what the scheduler releases when all want more than that, compared with the others': 1 to 100, and 1 when absent.
    pub dispatch_weight: Option<u8>,
    /// Keys for the HTTP API.
    #[serde(default)]
    pub api_key: Vec<ApiKey>,
    /// WhatsApp Business Accounts.
    #[serde(default)]
    pub waba: Vec<Waba>,
}

/// A key for the HTTP API. Its secret is made and printed once, or brought along.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// Name, unique in the organization.
    pub name: String,
    /// Environment variable that holds the whole key, in the form `tp_<id>_<secret>`, or `tp_test_<id>_<secret>`.
    pub secret_env: Option<String>,
    /// Its messages go to a stand-in for Meta.
    #[serde(default)]
    pub test: bool,
    /// Not valid from then on.
    pub expires_at: Option<DateTime<Utc>>,
    /// Networks that it may be used from, in CIDR notation; anywhere when left out.
    pub allowed_from: Option<Vec<String>>,
    /// How often it may call; the installation's own limit when left out.
    pub requests_per_minute: Option<u32>,
    /// What it may do: `messages:write`, `messages:read`, `admin`.
    #[serde(default = "all_scopes")]
    pub scopes: Vec<String>,
}

/// The most calls a minute that a key may be allowed.
pub const MOST_PER_MINUTE: u32 = 1_000_000;

/// Every scope there is.
pub const SCOPES: [&str; 3] = ["messages:write", "messages:read", "admin"];

fn all_scopes() -> Vec<String> {
    SCOPES.map(str::to_owned).to_vec()
}

/// A WhatsApp Business Account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waba {
    /// Meta's id.
    pub id: String,
    /// The token itself; better kept in the environment.
    pub access_token: Option<String>,
    /// Environment variable that holds the token.
    pub access_token_env: Option<String>,
    /// The business portfolio: the messaging-limit scope, shared by all its accounts.
    pub portfolio: Option<String>,
    /// Meta's word for the messaging limit, as in `TIER_100K`; that of a new portfolio when absent.
    #[serde(default = "new_portfolio")]
    pub messaging_limit_tier: String,
    /// Sender numbers.
    #[serde(default)]
    pub number: Vec<Number>,
    /// Templates.
    #[serde(default)]
    pub template: Vec<TemplateDeclaration>,
}

fn new_portfolio() -> String {
    "TIER_250".to_owned()
}

/// A sender number.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// Meta's id.
    pub phone_number_id: String,
    /// E.164, with the `+`.
    pub phone: String,
    /// Messages per second, as Meta grants them.
    #[serde(default = "standard_throughput")]
    pub throughput: u32,
}

fn standard_throughput() -> u32 {
    80
}

/// A template, either by the short fields or by Meta's own `components`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateDeclaration {
    /// Name.
    pub name: String,
    /// Language code.
    pub language: String,
    /// `MARKETING`, `UTILITY` or `AUTHENTICATION`.
    pub category: String,
    /// Meta's word; `APPROVED` when absent.
    #[serde(default = "approved")]
    pub status: String,
    /// `POSITIONAL` or `NAMED`.
    #[serde(default = "positional")]
    pub parameter_format: String,
    /// The body's text, or Meta's component.
    pub body: Option<Value>,
    /// The header: a text, or Meta's component, as in `{ format = "IMAGE" }`.
    pub header: Option<Value>,
    /// The footer's text.
    pub footer: Option<Value>,
    /// Meta's buttons.
    pub buttons: Option<Value>,
    /// Meta's cards.
    pub carousel: Option<Value>,
    /// Meta's component list, instead of all of the above.
    pub components: Option<Value>,
}

fn approved() -> String {
    "APPROVED".to_owned()
}

fn positional() -> String {
    "POSITIONAL".to_owned()
}

/// What is wrong with a declaration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {found:?} is not {expected}")]
pub struct Error {
    /// Where, as in `organization acme, waba 1000001, number 2000001: phone`.
    pub place: String,
    /// What stands there.
    pub found: String,
    /// What would have been right.
    pub expected: &'static str,
}

impl Declaration {
    /// Checks every value that the form alone does not check; all mistakes at once.
    pub fn check(&self) -> Result<(), Vec<Error>> {
        let mut errors = Vec::new();
        let mut wrong = |place: String, found: &str, expected| {
            errors.push(Error {
                place,
                found: found.to_owned(),
                expected,
            })
        };
        for organization in &self.organization {
            let at = format!("organization {}", organization.slug);
            if !is_slug(&organization.slug) {
                wrong(
                    format!("{at}: slug"),
                    &organization.slug,
                    "1 to 63 lowercase letters, digits, _ or -, beginning with a letter or digit",
                );
            }
            if let Some(weight) = organization
                .dispatch_weight
                .filter(|weight| !(1..=100).contains(weight))
            {
                wrong(
                    format!("{at}: dispatch_weight"),
                    &weight.to_string(),
                    "a whole number from 1 to 100",
                );
            }
            balance::check(organization, &at, &mut wrong);
            for error in Policies::from(organization).check(&at) {
                wrong(error.place, &error.found, error.expected);
            }
            for key in &organization.api_key {
                let place = |field: &str| format!("{at}, api_key {}: {field}", key.name);
                for network in key.allowed_from.iter().flatten() {
                    if Network::parse(network).is_none() {
                        wrong(
                            place("allowed_from"),
                            network,
                            "a network, as in 10.0.0.0/8 or 2001:db8::/32",
                        );
                    }
                }
                if key.allowed_from.as_ref().is_some_and(Vec::is_empty) {
                    wrong(
                        place("allowed_from"),
                        "[]",
                        "at least one network, or nothing for anywhere",
                    );
                }
                if key
                    .requests_per_minute
                    .is_some_and(|limit| !(1..=MOST_PER_MINUTE).contains(&limit))
                {
                    let found = key.requests_per_minute.unwrap_or_default().to_string();
                    wrong(place("requests_per_minute"), &found, "1 to 1000000");
                }
                for scope in key.scopes.iter().filter(|scope| !SCOPES.contains(&scope.as_str())) {
                    wrong(
                        format!("{at}, api_key {}: scopes", key.name),
                        scope,
                        "messages:write, messages:read or admin",
                    );
                }
            }
            for waba in &organization.waba {
                let at = format!("{at}, waba {}", waba.id);
                if Tier::parse(&waba.messaging_limit_tier).is_none() {
                    wrong(
                        format!("{at}: messaging_limit_tier"),
                        &waba.messaging_limit_tier,
                        "a word of Meta's, as in TIER_250, TIER_100K or TIER_UNLIMITED",
                    );
                }
                for number in &waba.number {
                    let at = format!("{at}, number {}", number.phone_number_id);
                    if Recipient::parse(&number.phone).is_err() {
                        wrong(
                            format!("{at}: phone"),
                            &number.phone,
                            "a number with + and calling code, as in +15550001111",
                        );
                    }
                    if !(1..=1_000_000).contains(&number.throughput) {
                        wrong(
                            format!("{at}: throughput"),
                            &number.throughput.to_string(),
                            "messages per second from 1 up",
                        );
                    }
                }
                for template in &waba.template {
                    let at = format!("{at}, template {}", template.name);
                    if crate::content::template_name("name", &json!(template.name)).is_err() {
                        wrong(
                            format!("{at}: name"),
                            &template.name,
                            "1 to 512 lowercase letters, digits or _",
                        );
                    }
                    if Category::parse(&template.category).is_none_or(|category| category == Category::Service) {
                        wrong(
                            format!("{at}: category"),
                            &template.category,
                            "MARKETING, UTILITY or AUTHENTICATION",
                        );
                    }
                    if ParameterFormat::parse(&template.parameter_format).is_none() {
                        wrong(
                            format!("{at}: parameter_format"),
                            &template.parameter_format,
                            "POSITIONAL or NAMED",
                        );
                    }
                }
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

fn is_slug(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= 63 && text.bytes().next().is_some_and(fits) && text.bytes().all(|b| fits(b) || b == b'_' || b == b'-')
}

impl TemplateDeclaration {
    /// Meta's component list.
    pub fn to_components(&self) -> Value {
        if let Some(components) = &self.components {
            return components.clone();
        }
        let part = |kind: &str, value: &Option<Value>| match value {
            None => None,
            Some(Value::String(text)) => Some(json!({"type": kind, "text": text})),
            Some(Value::Object(fields)) => {
                let mut fields = fields.clone();
                fields.insert("type".to_owned(), json!(kind));
                Some(Value::Object(fields))
            }
            Some(other) => Some(json!({"type": kind, kind.to_ascii_lowercase(): other})),
        };
        let carousel = self
            .carousel
            .as_ref()
            .map(|cards| json!({"type": "CAROUSEL", "cards": cards}));
        let parts = [
            part("HEADER", &self.header),
            part("BODY", &self.body),
            part("FOOTER", &self.footer),
            part("BUTTONS", &self.buttons),
            carousel,
        ];
        Value::Array(parts.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> TemplateDeclaration {
        serde_json::from_value(
            json!({"name": "a", "language": "en_US", "category": "UTILITY", "body": "Hi {{1}}", "footer": "Bye",
            "header": {"format": "IMAGE"}, "buttons": [{"type": "QUICK_REPLY", "text": "Ok"}]}),
        )
        .unwrap()
    }

    #[test]
    fn short_fields_become_metas_components() {
        assert_eq!(
            template().to_components(),
            json!([
                {"type": "HEADER", "format": "IMAGE"},
                {"type": "BODY", "text": "Hi {{1}}"},
                {"type": "FOOTER", "text": "Bye"},
                {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Ok"}]}
            ])
        );
    }

    #[test]
    fn all_mistakes_are_found_at_once_and_placed() {
        let declaration: Declaration = serde_json::from_value(json!({"organization": [{
            "slug": "Acme", "name": "Acme",
            "api_key": [{"name": "k", "scopes": ["root"], "allowed_from": ["10.0.0.0/40"], "requests_per_minute": 0}],
            "waba": [{"id": "1", "messaging_limit_tier": "HUGE", "number": [{"phone_number_id": "2", "phone": "555", "throughput": 0}],
                "template": [{"name": "A B", "language": "en", "category": "SERVICE", "parameter_format": "X"}]}]
        }]}))
        .unwrap();

        let places: Vec<_> = declaration
            .check()
            .unwrap_err()
            .into_iter()
            .map(|error| error.place)
            .collect();

        assert_eq!(
            places,
            [
                "organization Acme: slug",
                "organization Acme, api_key k: allowed_from",
                "organization Acme, api_key k: requests_per_minute",
                "organization Acme, api_key k: scopes",
                "organization Acme, waba 1: messaging_limit_tier",
                "organization Acme, waba 1, number 2: phone",
                "organization Acme, waba 1, number 2: throughput",
                "organization Acme, waba 1, template A B: name",
                "organization Acme, waba 1, template A B: category",
                "organization Acme, waba 1, template A B: parameter_format",
            ]
        );
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        let result = serde_json::from_value::<Declaration>(
            json!({"organization": [{"slug": "a", "name": "A", "amqp_usr": "a"}]}),
        );
        assert!(result.unwrap_err().to_string().contains("amqp_usr"));
    }
}
