//! Single values of a request, each read by one function that says what would have been right.

use axum::http::Uri;
use chrono::{DateTime, TimeDelta, Utc};
use domain::Recipient;
use domain::content::FieldError;
use serde_json::{Map, Value};

use super::wrong::Wrong;
use crate::answer::timestamp;

/// How far ahead a message may be scheduled.
pub(super) const FARTHEST: TimeDelta = TimeDelta::days(366);
/// How long after its time a message may still go, unless the caller says otherwise.
const DEFAULT_LIFE: TimeDelta = TimeDelta::hours(24);
/// Longest idempotency key, in characters.
const MAX_KEY: usize = 128;
/// Longest webhook address, in bytes.
const MAX_URL: usize = 2048;
/// Longest metadata, in bytes of JSON.
const MAX_METADATA: usize = 4096;

/// By which name a caller knows a sender number: its phone number, or Meta's id of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderName(String);

impl SenderName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads `+` and a phone number, or the digits of a `phone_number_id`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(field: &str, text: &str) -> Result<Self, FieldError> {
        let is_id = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_id || Recipient::parse(text).is_ok() {
            return Ok(Self(text.to_owned()));
        }
        let expected = "a sender number: its phone number with +, as in +15550001111, or its phone_number_id";
        Err(FieldError::new(field, &Value::from(text), expected))
    }
}

/// When a message may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Not before then; `None` is now.
    pub scheduled_at: Option<DateTime<Utc>>,
    /// Not after then.
    pub expires_at: DateTime<Utc>,
}

/// A field's value; explicit `null` is as good as absent.
pub(super) fn given<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

pub(super) fn recipient(field: &str, value: Option<&Value>) -> Result<Recipient, FieldError> {
    let value = value.unwrap_or(&Value::Null);
    let expected = "a phone number with +, as in +15550001111";
    let text = value.as_str().ok_or_else(|| FieldError::new(field, value, expected))?;
    Recipient::parse_any(text).map_err(|error| FieldError::new(field, value, format!("{expected}: it {error}")))
}

/// A recipient in a query string, where an unescaped `+` arrives as a space.
///
/// # Errors
/// When it is no phone number.
pub fn recipient_of_query(field: &str, text: Option<&str>) -> Result<Recipient, FieldError> {
    recipient(field, text.map(|text| Value::from(with_plus(text))).as_ref())
}

/// The `+` of a query string that nobody escaped.
pub(crate) fn with_plus(text: &str) -> String {
    text.strip_prefix(' ')
        .map_or_else(|| text.to_owned(), |digits| format!("+{digits}"))
}

/// A time in a query string.
///
/// # Errors
/// When it is none.
pub fn timestamp_of_query(field: &str, text: &str) -> Result<DateTime<Utc>, FieldError> {
    time(field, &Value::from(text.replace(' ', "+")))
}

pub(super) fn sender(field: &str, value: &Value) -> Result<SenderName, FieldError> {
    SenderName::parse(field, value.as_str().unwrap_or_default())
        .map_err(|error| FieldError::new(field, value, error.expected))
}

pub(super) fn times(fields: &Map<String, Value>, now: DateTime<Utc>, wrong: &mut Wrong) -> Option<Times> {
    let read = |name, wrong: &mut Wrong| match given(fields, name) {
        None => Some(None),
        Some(value) => wrong.check(time(name, value)).map(Some),
    };
    let (scheduled_at, expires_at) = (read("scheduled_at", wrong), read("expires_at", wrong));
    // What lies in the past is due now.
    let scheduled_at = scheduled_at?.filter(|at| *at > now);
    if scheduled_at.is_some_and(|at| at > now + FARTHEST) {
        let expected = format!("a time within a year, not after {}", timestamp(now + FARTHEST));
        wrong.add(FieldError::new("scheduled_at", &fields["scheduled_at"], expected));
        return None;
    }
    let start = scheduled_at.unwrap_or(now);
    let expires_at = expires_at?.unwrap_or(start + DEFAULT_LIFE);
    if expires_at <= start {
        let expected = format!("a time after {}, when the message may go", timestamp(start));
        wrong.add(FieldError::new("expires_at", &fields["expires_at"], expected));
        return None;
    }
    Some(Times {
        scheduled_at,
        expires_at,
    })
}

pub(super) fn time(field: &str, value: &Value) -> Result<DateTime<Utc>, FieldError> {
    let read = value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    // Only years that every calendar on the way can hold.
    let read = read.filter(|at| (1970..=9999).contains(&chrono::Datelike::year(&at.to_utc())));
    let at = read.ok_or_else(|| FieldError::new(field, value, "a time in RFC 3339, as in 2026-01-31T09:00:00Z"))?;
    Ok(at.to_utc())
}

pub(super) fn webhook_url(field: &str, value: &Value) -> Result<String, FieldError> {
    let wrong = || FieldError::new(field, value, "an address: https://… or http://…, up to 2048 characters");
    let text = value.as_str().filter(|text| text.len() <= MAX_URL).ok_or_else(wrong)?;
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let host = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    let scheme = matches!(uri.scheme_str(), Some("https" | "http"));
    if scheme && host.is_some_and(|authority| !authority.host().is_empty()) {
        Ok(text.to_owned())
    } else {
        Err(wrong())
    }
}

pub(super) fn metadata(field: &str, value: &Value) -> Result<Value, FieldError> {
    if !value.is_object() {
        return Err(FieldError::new(field, value, "an object"));
    }
    let length = value.to_string().len();
    if length > MAX_METADATA {
        let expected = format!("at most {MAX_METADATA} bytes of JSON, given {length}");
        return Err(FieldError::new(field, value, expected));
    }
    if has_nul(value) {
        return Err(FieldError::new(
            field,
            value,
            "no character U+0000, which PostgreSQL cannot keep",
        ));
    }
    Ok(value.clone())
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// An idempotency key: 1 to 128 visible ASCII characters.
///
/// # Errors
/// When it is something else.
pub fn idempotency_key(field: &str, text: &str) -> Result<String, FieldError> {
    let fits = (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if fits {
        return Ok(text.to_owned());
    }
    let expected = format!("1 to {MAX_KEY} visible ASCII characters");
    Err(FieldError::new(field, &Value::from(text), expected))
}

/// One of a few words.
pub(super) fn word<T: Copy>(field: &str, value: &Value, words: &[(&str, T)]) -> Result<T, FieldError> {
    let known = words.iter().find(|(word, _)| value.as_str() == Some(word));
    known.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        FieldError::new(field, value, format!("one of {}", words.join(", ")))
    })
}
