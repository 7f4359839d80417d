//! What is said of a webhook endpoint when it is made or changed.

use domain::content::FieldError;
use domain::event::Filter;
use domain::webhook::Secret;
use serde_json::{Map, Value};

use super::values::given;
use super::wrong::Wrong;
use crate::problem::Problem;

/// Longest description, in characters.
const MAX_DESCRIPTION: usize = 200;
/// Most filters of one endpoint.
const MAX_FILTERS: usize = 50;
/// Bounds of the deliveries under way at once.
const CONCURRENCY: std::ops::RangeInclusive<i64> = 1..=50;

/// Fields of an endpoint; what was not given is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndpointFields {
    /// Where. Only read here; whether it may be called is another question.
    pub url: Option<String>,
    /// The organization's own words.
    pub description: Option<String>,
    /// Which events are wanted.
    pub events: Option<Vec<String>>,
    /// Deliveries under way at once at most.
    pub concurrency: Option<i32>,
    /// A secret of the organization's own.
    pub secret: Option<Secret>,
    /// Whether it gets anything.
    pub enabled: Option<bool>,
}

impl EndpointFields {
    /// Reads a body that may have these fields.
    ///
    /// # Errors
    /// With every field that is wrong.
    pub fn read(fields: &Map<String, Value>, known: &[&str]) -> Result<Self, Problem> {
        let mut wrong = Wrong::default();
        wrong.unknown(fields, known, "");
        let text = |name: &str, most: usize, wrong: &mut Wrong| {
            let value = given(fields, name)?;
            let fits = |text: &&str| text.chars().count() <= most && !text.contains('\0');
            let expected = format!("text of at most {most} characters, without U+0000");
            let read = value.as_str().filter(fits).map(str::to_owned);
            wrong.check(read.ok_or_else(|| FieldError::new(name, value, expected)))
        };
        let url = text("url", domain::destination::MAX_LENGTH, &mut wrong);
        let description = text("description", MAX_DESCRIPTION, &mut wrong);
        let events = given(fields, "events").and_then(|value| wrong.check(filters(value)));
        let concurrency = given(fields, "concurrency").and_then(|value| {
            let read = value.as_i64().filter(|number| CONCURRENCY.contains(number));
            let wanted = "a number from 1 to 50";
            let read = read.and_then(|number| i32::try_from(number).ok());
            wrong.check(read.ok_or_else(|| FieldError::new("concurrency", value, wanted)))
        });
        let secret = given(fields, "secret").and_then(|value| {
            let read = Secret::parse(value.as_str().unwrap_or_default());
            // The value is a secret, even a wrong one.
            wrong.check(read.map_err(|error| FieldError::new("secret", &Value::Null, error.to_string())))
        });
        let enabled = given(fields, "enabled").and_then(|value| {
            let expected = "true or false";
            wrong.check(
                value
                    .as_bool()
                    .ok_or_else(|| FieldError::new("enabled", value, expected)),
            )
        });
        wrong.into_result()?;
        Ok(Self {
            url,
            description,
            events,
            concurrency,
            secret,
            enabled,
        })
    }
}

fn filters(value: &Value) -> Result<Vec<String>, FieldError> {
    let expected = format!("a list of 1 to {MAX_FILTERS} filters, as in [\"message.failed\", \"number.*\"]");
    let list = value.as_array().filter(|list| (1..=MAX_FILTERS).contains(&list.len()));
    let list = list.ok_or_else(|| FieldError::new("events", value, expected))?;
    let filter = |(index, value): (usize, &Value)| {
        let filter = Filter::parse(value.as_str().unwrap_or_default());
        let filter = filter.map_err(|error| FieldError::new(format!("events[{index}]"), value, error.to_string()));
        filter.map(|filter| filter.as_str().to_owned())
    };
    list.iter().enumerate().map(filter).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KNOWN: &[&str] = &["url", "description", "events", "concurrency", "secret", "enabled"];

    #[test]
    fn every_wrong_field_is_named() {
        for (body, field) in [
            (json!({"url": 1}), "url"),
            (json!({"description": "x".repeat(201)}), "description"),
            (json!({"events": []}), "events"),
            (json!({"events": "*"}), "events"),
            (json!({"events": ["*", "message.opened"]}), "events[1]"),
            (json!({"concurrency": 0}), "concurrency"),
            (json!({"concurrency": 51}), "concurrency"),
            (json!({"secret": "whsec_c2hvcnQ="}), "secret"),
            (json!({"enabled": "yes"}), "enabled"),
            (json!({"adress": "x"}), "adress"),
        ] {
            let problem = EndpointFields::read(body.as_object().unwrap(), KNOWN).unwrap_err();
            assert_eq!(problem.details["field"], field, "{body}");
        }
    }

    #[test]
    fn a_wrong_secret_is_not_repeated() {
        let body = json!({"secret": "my-secret"});
        let problem = EndpointFields::read(body.as_object().unwrap(), KNOWN).unwrap_err();
        assert!(!format!("{problem:?}").contains("my-secret"));
    }
}
