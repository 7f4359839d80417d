//! A campaign's plan: `POST /api/v1/campaigns`, and its change of time.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use domain::campaign::{Ramp, Safety};
use domain::content::{self, FieldError};
use serde_json::{Map, Value};

use super::values::{self, FARTHEST, SenderName, given};
use super::wrong::Wrong;
use crate::answer::timestamp;
use crate::problem::Problem;

/// The path, also part of what an idempotency key stands for.
const PATH: &str = "/api/v1/campaigns";
/// Most sender numbers of one campaign.
const MAX_NUMBERS: usize = 100;
/// Most templates of one campaign.
const MAX_VARIANTS: usize = 10;
/// Longest name, in characters.
const MAX_NAME: usize = 200;
const FIELDS: &[&str] = &[
    "name",
    "template_name",
    "template_language",
    "template_params",
    "variants",
    "from",
    "scheduled_at",
    "scheduled_local",
    "expires_at",
    "webhook_url",
    "metadata",
    "tier_reserve_percent",
    "ramp",
    "safety",
];
const TIMES: &[&str] = &["scheduled_at", "scheduled_local", "expires_at"];

/// A well-formed plan, before its numbers and templates were looked up.
#[derive(Debug, Clone, PartialEq)]
pub struct CampaignRequest {
    /// What people call it; the first template's name when it has none.
    pub name: Option<String>,
    /// What is said; never empty.
    pub variants: Vec<VariantRequest>,
    /// From which numbers; empty leaves the choice to us.
    pub from: Vec<SenderName>,
    /// When it goes.
    pub times: Reschedule,
    /// Where the caller wants to hear of its messages.
    pub webhook_url: Option<String>,
    /// The caller's own, for recipients that have none of their own.
    pub metadata: Option<Value>,
    /// The share of the messaging limit that it leaves to others.
    pub tier_reserve_percent: Option<u8>,
    /// How it warms up.
    pub ramp: Option<Ramp>,
    /// What stops it.
    pub safety: Safety,
    /// Tells the same request from another one under the same idempotency key.
    pub hash: [u8; 32],
}

/// One of the templates that share the audience.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantRequest {
    /// What it is called in counts.
    pub name: String,
    /// The template.
    pub template_name: String,
    /// Its language; `None` where it has only one.
    pub template_language: Option<String>,
    /// Parameters for recipients that have none of their own.
    pub template_params: Option<Value>,
    /// Its share, compared with the others'.
    pub weight: u32,
}

/// When a campaign goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reschedule {
    /// Not before then.
    pub scheduled_at: Option<DateTime<Utc>>,
    /// Not before the clock on the recipient's wall shows this.
    pub scheduled_local: Option<NaiveDateTime>,
    /// Not after then.
    pub expires_at: Option<DateTime<Utc>>,
}

impl CampaignRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// With every field that is wrong.
    pub fn read(fields: &Map<String, Value>, now: DateTime<Utc>) -> Result<Self, Problem> {
        let mut wrong = Wrong::default();
        wrong.unknown(fields, FIELDS, "");
        let name = given(fields, "name").and_then(|value| wrong.check(name("name", value)));
        let variants = variants(fields, &mut wrong);
        let from = from(given(fields, "from"), &mut wrong);
        let times = times(fields, now, &mut wrong);
        let webhook_url =
            given(fields, "webhook_url").and_then(|value| wrong.check(values::webhook_url("webhook_url", value)));
        let metadata = given(fields, "metadata").and_then(|value| wrong.check(values::metadata("metadata", value)));
        let tier_reserve_percent = given(fields, "tier_reserve_percent").and_then(|value| {
            let read = value.as_u64().and_then(|percent| u8::try_from(percent).ok());
            let read = read.filter(|percent| *percent <= 90);
            let expected = "a whole percentage from 0 to 90";
            wrong.check(read.ok_or_else(|| FieldError::new("tier_reserve_percent", value, expected)))
        });
        let ramp = given(fields, "ramp").and_then(|value| wrong.check(ramp(value)));
        let safety = given(fields, "safety").and_then(|value| wrong.check(safety(value)));
        wrong.into_result()?;
        Ok(Self {
            name,
            variants,
            from,
            times,
            webhook_url,
            metadata,
            tier_reserve_percent,
            ramp,
            safety: safety.unwrap_or_default(),
            hash: super::hash(PATH, Value::from(fields.clone()).to_string().as_bytes()),
        })
    }
}

impl Reschedule {
    /// Reads a body with nothing but times.
    ///
    /// # Errors
    /// With every field that is wrong.
    pub fn read(fields: &Map<String, Value>, now: DateTime<Utc>) -> Result<Self, Problem> {
        let mut wrong = Wrong::default();
        wrong.unknown(fields, TIMES, "");
        let times = times(fields, now, &mut wrong);
        wrong.into_result()?;
        Ok(times)
    }
}

fn name(field: &str, value: &Value) -> Result<String, FieldError> {
    let text = value.as_str().map(str::trim);
    let text = text.filter(|text| !text.is_empty() && text.chars().count() <= MAX_NAME && !text.contains('\0'));
    let expected = || FieldError::new(field, value, format!("a text of up to {MAX_NAME} characters"));
    Ok(text.ok_or_else(expected)?.to_owned())
}

fn variants(fields: &Map<String, Value>, wrong: &mut Wrong) -> Vec<VariantRequest> {
    let Some(list) = given(fields, "variants") else {
        return variant(fields, "", 0, wrong).into_iter().collect();
    };
    if let Some(value) = given(fields, "template_name") {
        wrong.add(FieldError::new(
            "template_name",
            value,
            "nothing here, as there are variants",
        ));
    }
    let items = list
        .as_array()
        .filter(|items| (1..=MAX_VARIANTS).contains(&items.len()));
    let Some(items) = items else {
        let expected =
            format!("a list of 1 to {MAX_VARIANTS} templates, each {{\"template_name\": \"sale\", \"weight\": 1}}");
        wrong.add(FieldError::new("variants", list, expected));
        return Vec::new();
    };
    let mut read: Vec<VariantRequest> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let at = format!("variants[{index}].");
        let Value::Object(fields) = item else {
            wrong.add(FieldError::new(at.trim_end_matches('.'), item, "an object"));
            continue;
        };
        wrong.unknown(
            fields,
            &[
                "name",
                "template_name",
                "template_language",
                "template_params",
                "weight",
            ],
            &at,
        );
        let Some(variant) = variant(fields, &at, index, wrong) else {
            continue;
        };
        if read.iter().any(|other| other.name == variant.name) {
            let value = Value::from(variant.name.as_str());
            wrong.add(FieldError::new(
                format!("{at}name"),
                &value,
                "a name that no other variant has",
            ));
        }
        read.push(variant);
    }
    if items.len() == read.len() && read.iter().all(|variant| variant.weight == 0) {
        wrong.add(FieldError::new("variants", list, "at least one with a weight above 0"));
    }
    read
}

fn variant(fields: &Map<String, Value>, at: &str, index: usize, wrong: &mut Wrong) -> Option<VariantRequest> {
    let field = format!("{at}template_name");
    let value = fields.get("template_name").unwrap_or(&Value::Null);
    let template_name = wrong.check(content::template_name(&field, value));
    let template_language = given(fields, "template_language")
        .and_then(|value| wrong.check(content::language_code(&format!("{at}template_language"), value)));
    let template_params = given(fields, "template_params").and_then(|value| {
        let fits = matches!(value, Value::Array(_) | Value::Object(_));
        let expected = || FieldError::new(format!("{at}template_params"), value, "a list of values, or an object");
        wrong.check(fits.then(|| value.clone()).ok_or_else(expected))
    });
    let weight = given(fields, "weight").filter(|_| !at.is_empty()).and_then(|value| {
        let read = value.as_u64().filter(|weight| *weight <= 1_000);
        let expected = || FieldError::new(format!("{at}weight"), value, "a whole number from 0 to 1000");
        wrong.check(read.and_then(|weight| u32::try_from(weight).ok()).ok_or_else(expected))
    });
    let named = given(fields, "name").filter(|_| !at.is_empty());
    let named = named.and_then(|value| wrong.check(name(&format!("{at}name"), value)));
    let letter = char::from(b'a' + u8::try_from(index).unwrap_or(0));
    Some(VariantRequest {
        name: named.unwrap_or_else(|| letter.to_string()),
        template_name: template_name?,
        template_language,
        template_params,
        weight: weight.unwrap_or(1),
    })
}

fn from(value: Option<&Value>, wrong: &mut Wrong) -> Vec<SenderName> {
    let Some(value) = value else { return Vec::new() };
    let Some(items) = value.as_array() else {
        return wrong.phone(values::sender("from", value)).into_iter().collect();
    };
    if items.is_empty() || items.len() > MAX_NUMBERS {
        let expected = format!("a sender number, or a list of 1 to {MAX_NUMBERS}");
        wrong.add(FieldError::new("from", value, expected));
    }
    let names = items.iter().enumerate();
    names
        .filter_map(|(index, item)| wrong.phone(values::sender(&format!("from[{index}]"), item)))
        .collect()
}

fn times(fields: &Map<String, Value>, now: DateTime<Utc>, wrong: &mut Wrong) -> Reschedule {
    let mut read = |name: &str| given(fields, name).and_then(|value| wrong.check(values::time(name, value)));
    let (scheduled_at, expires_at) = (read("scheduled_at"), read("expires_at"));
    let scheduled_local =
        given(fields, "scheduled_local").and_then(|value| wrong.check(local("scheduled_local", value)));
    if let (Some(_), Some(_)) = (scheduled_at, scheduled_local) {
        let expected = "one of scheduled_at and scheduled_local";
        wrong.add(FieldError::new("scheduled_local", &fields["scheduled_local"], expected));
    }
    let latest = scheduled_at.or_else(|| scheduled_local.map(|shown| shown.and_utc() + TimeDelta::hours(12)));
    if let Some(at) = latest.filter(|at| *at > now + FARTHEST) {
        let field = if scheduled_at.is_some() {
            "scheduled_at"
        } else {
            "scheduled_local"
        };
        let expected = format!("a time within a year, not after {}", timestamp(now + FARTHEST));
        wrong.add(FieldError::new(field, &Value::from(timestamp(at)), expected));
    }
    let begins = scheduled_at.or(latest).map_or(now, |at| at.max(now));
    if expires_at.is_some_and(|at| at <= begins) {
        let expected = format!("a time after {}, when the campaign begins", timestamp(begins));
        wrong.add(FieldError::new("expires_at", &fields["expires_at"], expected));
    }
    Reschedule {
        scheduled_at,
        scheduled_local,
        expires_at,
    }
}

fn local(field: &str, value: &Value) -> Result<NaiveDateTime, FieldError> {
    let expected = "a time without a zone, as in 2026-01-31T09:00:00: by the clock of each recipient";
    let wrong = || FieldError::new(field, value, expected);
    let text = value.as_str().ok_or_else(wrong)?;
    let read = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S");
    let read = read.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"));
    let read = read
        .ok()
        .filter(|at| (1970..=9999).contains(&chrono::Datelike::year(at)));
    read.ok_or_else(wrong)
}

fn ramp(value: &Value) -> Result<Ramp, FieldError> {
    let expected =
        "{\"first_hour\": 100, \"factor\": 2}: messages in the first hour, and how much more each hour; 1 to 10";
    let read: Option<Ramp> = serde_json::from_value(value.clone()).ok();
    let read = read.filter(|ramp| ramp.first_hour > 0 && (1.0..=10.0).contains(&ramp.factor));
    read.ok_or_else(|| FieldError::new("ramp", value, expected))
}

fn safety(value: &Value) -> Result<Safety, FieldError> {
    serde_json::from_value(value.clone())
        .ok()
        .filter(|safety: &Safety| safety.max_error_percent <= 100)
        .ok_or_else(|| {
            let expected = "{\"max_error_percent\": 30, \"min_attempts\": 50, \"codes\": [131048], \"quality\": true}";
            FieldError::new("safety", value, expected)
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-24T10:00:00Z".parse().unwrap()
    }

    fn read(body: Value) -> Result<CampaignRequest, Problem> {
        CampaignRequest::read(body.as_object().unwrap(), now())
    }

    #[test]
    fn one_template_is_a_variant_by_itself() {
        let read = read(json!({"template_name": "sale", "from": "+15550001111"})).unwrap();

        assert_eq!(
            (
                read.variants.len(),
                read.variants[0].weight,
                read.variants[0].name.as_str()
            ),
            (1, 1, "a")
        );
        assert_eq!(read.from.len(), 1);
        assert_eq!(read.safety, Safety::default());
    }

    #[test]
    fn each_mistake_is_named() {
        for (body, field) in [
            (json!({}), "template_name"),
            (json!({"template_name": "sale", "schedule_at": "x"}), "schedule_at"),
            (
                json!({"template_name": "sale", "scheduled_at": "2028-01-01T00:00:00Z"}),
                "scheduled_at",
            ),
            (
                json!({"template_name": "sale", "scheduled_local": "2026-12-01T09:00:00Z"}),
                "scheduled_local",
            ),
            (
                json!({"template_name": "sale", "expires_at": "2026-11-24T09:00:00Z"}),
                "expires_at",
            ),
            (json!({"template_name": "sale", "from": []}), "from"),
            (
                json!({"template_name": "sale", "tier_reserve_percent": 91}),
                "tier_reserve_percent",
            ),
            (json!({"template_name": "sale", "ramp": {"first_hour": 0}}), "ramp"),
            (json!({"template_name": "sale", "safety": {"max_errors": 3}}), "safety"),
            (json!({"variants": []}), "variants"),
            (
                json!({"variants": [{"template_name": "sale", "weight": -1}]}),
                "variants[0].weight",
            ),
            (
                json!({"variants": [{"template_name": "a", "name": "x"}, {"template_name": "b", "name": "x"}]}),
                "variants[1].name",
            ),
        ] {
            assert_eq!(read(body.clone()).unwrap_err().details["field"], field, "{body}");
        }
        let both = json!({"template_name": "s", "scheduled_at": "2026-12-01T09:00:00Z", "scheduled_local": "2026-12-01T09:00"});
        assert_eq!(read(both).unwrap_err().details["field"], "scheduled_local");
    }
}
