//! The bytes of a body for `/messages` or `/marketing_messages`.
//!
//! The stored content is spliced into the envelope as it is: its parts are looked at once, to know where they end, and never built up again.
//! **Invariant:** what comes out is one JSON object with every key once, and the envelope (to whom, for whom, our callback
//! data) is ours alone: content cannot speak for it.

use std::borrow::Cow;
use std::fmt;

use domain::Recipient;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Meta's limit for `biz_opaque_callback_data`, in characters.
pub const OPAQUE_CAP: usize = 512;

/// Keys that make a body something else than a message from us to this recipient.
const RESERVED: [&str; 8] = [
    "messaging_product",
    "recipient_type",
    "to",
    "recipient",
    "biz_opaque_callback_data",
    "status",
    "message_id",
    "typing_indicator",
];

/// The key that only bodies for the Marketing Messages API have.
const MARKETING: &str = "product_policy";

/// A body, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// Which of the sender number's edges takes it.
    pub edge: Edge,
    /// One JSON object.
    pub body: Vec<u8>,
}

/// The edges of a sender number that take messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// `/messages`.
    Messages,
    /// `/marketing_messages`: the same body, for marketing templates only.
    MarketingMessages,
}

impl Edge {
    /// The last part of its address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::MarketingMessages => "marketing_messages",
        }
    }
}

/// Why a body cannot be made. All of these are faults of what was stored, not of the recipient or of Meta.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// The content is not a JSON object.
    #[error("composing a message: the content is not a JSON object, at column {column}")]
    NotAnObject {
        /// Where reading stopped.
        column: usize,
    },
    /// The content names no type, or one whose object is missing.
    #[error("composing a message: the content needs a type and an object of that name")]
    NoType,
    /// The content holds a key twice, or one that belongs to the envelope.
    #[error("composing a message: the content must not hold {key:?} here")]
    Key {
        /// The key.
        key: String,
    },
    /// The callback data is longer than Meta echoes.
    #[error("composing a message: the callback data is longer than {OPAQUE_CAP} characters")]
    OpaqueTooLong,
}

/// The body of the POST: `content` (`{"type":"text","text":{…}}`, with an optional `context`) to `to`, with `opaque` as
/// the callback data that Meta's webhooks echo. Content with a `product_policy` is for the Marketing Messages API.
pub fn compose(to: &Recipient, content: &str, opaque: &str) -> Result<Composed, ComposeError> {
    if opaque.chars().count() > OPAQUE_CAP {
        return Err(ComposeError::OpaqueTooLong);
    }
    let parts = parts(content)?;
    let edge = match parts.iter().any(|(key, _)| key == MARKETING) {
        true => Edge::MarketingMessages,
        false => Edge::Messages,
    };

    let mut body = Vec::with_capacity(content.len() + opaque.len() + 160);
    body.extend_from_slice(br#"{"messaging_product":"whatsapp","recipient_type":"individual","#);
    // A user id has a field of its own; where both are given Meta goes by the number.
    body.extend_from_slice(if to.is_user_id() {
        br#""recipient":"#
    } else {
        br#""to":"#
    });
    push_text(&mut body, to.as_str());
    for (key, value) in parts {
        body.push(b',');
        push_text(&mut body, &key);
        body.push(b':');
        body.extend_from_slice(value.get().as_bytes());
    }
    body.extend_from_slice(br#","biz_opaque_callback_data":"#);
    push_text(&mut body, opaque);
    body.push(b'}');
    Ok(Composed { edge, body })
}

/// The body that marks an inbound message as read, and the ones before it in that conversation; with `typing`, the person sees for 25
/// seconds, or until the reply comes, that somebody is typing.
pub fn read_mark(wamid: &str, typing: bool) -> Vec<u8> {
    let mut body = br#"{"messaging_product":"whatsapp","status":"read","message_id":"#.to_vec();
    push_text(&mut body, wamid);
    if typing {
        body.extend_from_slice(br#","typing_indicator":{"type":"text"}"#);
    }
    body.push(b'}');
    body
}

/// A key of the content and its value, unread.
type Part<'a> = (Cow<'a, str>, &'a RawValue);

fn parts(content: &str) -> Result<Vec<Part<'_>>, ComposeError> {
    let Parts(parts) =
        serde_json::from_str(content).map_err(|error| ComposeError::NotAnObject { column: error.column() })?;
    for (nth, (key, _)) in parts.iter().enumerate() {
        if RESERVED.contains(&key.as_ref()) || parts[..nth].iter().any(|(earlier, _)| earlier == key) {
            return Err(ComposeError::Key {
                key: key.chars().take(64).collect(),
            });
        }
    }
    let value_of = |name: &str| parts.iter().find(|(key, _)| key == name).map(|(_, value)| value.get());
    let named = value_of("type").and_then(|kind| serde_json::from_str::<Cow<'_, str>>(kind).ok());
    match named {
        // "type" itself is there, so it must not count as the object that it names.
        Some(kind) if kind != "type" && value_of(&kind).is_some() => Ok(parts),
        _ => Err(ComposeError::NoType),
    }
}

fn push_text(body: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(body, text).expect("writing a text into memory cannot fail");
}

struct Parts<'a>(Vec<Part<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Parts<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Parts<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts<'de>, A::Error> {
                let mut parts = Vec::with_capacity(4);
                while let Some(Key(key)) = map.next_key()? {
                    parts.push((key, map.next_value()?));
                    if parts.len() > 32 {
                        return Err(A::Error::custom("too many keys"));
                    }
                }
                Ok(Parts(parts))
            }
        }
        from.deserialize_map(Object)
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests;
