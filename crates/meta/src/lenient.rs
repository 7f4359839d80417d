//! Reading what Meta means rather than what its documentation says: numbers come as strings and strings as numbers, and
//! an odd value in a side field must not cost the element it stands in.

use std::fmt;

use chrono::{DateTime, Utc};
use domain::Recipient;
use domain::tier::Tier;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde_json::value::RawValue;

/// The value, or the default where it is null or not what we expect.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(from: D) -> Result<T, D::Error> {
    let raw = Box::<RawValue>::deserialize(from)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

/// A text, or a number as its digits: ids are both.
pub(crate) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    struct Text;
    impl Visitor<'_> for Text {
        type Value = String;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text or an integer")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }
        fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }
        fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }
    }
    from.deserialize_any(Text)
}

/// The same, absent where it is neither.
pub(crate) fn optional_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(or_default::<D, Option<Text>>(from)?.map(|text| text.0))
}

/// An integer, or a text of its digits.
pub(crate) fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    text(from)?.parse().map_err(|_| D::Error::custom("not an integer"))
}

/// A time in Unix seconds, as a text (in messages and statuses) or an integer (elsewhere).
pub(crate) fn time<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
    DateTime::from_timestamp(integer(from)?, 0).ok_or_else(|| D::Error::custom("not a time in Unix seconds"))
}

/// The same, absent where it is neither.
pub(crate) fn optional_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    Ok(or_default::<D, Option<Time>>(from)?.map(|time| time.0))
}

/// A phone number as webhooks write it, in digits; absent where it is none.
pub(crate) fn recipient<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Recipient>, D::Error> {
    Ok(optional_text(from)?.and_then(|digits| Recipient::from_digits(&digits).ok()))
}

/// The digits of a phone number, however it is written.
pub(crate) fn digits<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(text(from)?.chars().filter(char::is_ascii_digit).collect())
}

/// A messaging limit, as a word or a number; absent where it is neither.
pub(crate) fn tier<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Tier>, D::Error> {
    Ok(optional_text(from)?.as_deref().and_then(Tier::parse))
}

#[derive(Deserialize)]
struct Text(#[serde(deserialize_with = "text")] String);

#[derive(Deserialize)]
struct Time(#[serde(deserialize_with = "time")] DateTime<Utc>);
