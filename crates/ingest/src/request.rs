//! Requests: read from JSON, checked field by field, before anything is asked of the ledger.
//!
//! **Invariant:** pure. What comes out is well-formed whatever came in, and whatever is wrong is named by its field.

mod broadcast;
mod campaign;
mod endpoint;
mod lines;
mod message;
mod phone_list;
mod top_up;
mod values;
mod wrong;

use chrono::{DateTime, Utc};
use domain::content::FieldError;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::problem::{Code, Problem};

pub use broadcast::{Broadcast, Row};
pub use campaign::{CampaignRequest, Reschedule, VariantRequest};
pub use endpoint::EndpointFields;
pub use lines::{LineError, Lines, ListKind, RawLine, Read, json_list};
pub use message::Message;
pub use phone_list::{MAX_LINES, phone_list};
pub use top_up::TopUp;
pub(crate) use values::with_plus;
pub use values::{SenderName, Times, idempotency_key, recipient_of_query, timestamp_of_query};

/// Most recipients of one broadcast (Meta's own cap for broadcast lists).
pub const MAX_RECIPIENTS: usize = 256;

/// Which call a body is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One message.
    Message,
    /// One template to many people.
    Broadcast,
}

impl Kind {
    /// Longest body, in bytes. A message is far below it; a broadcast may carry metadata for every recipient.
    pub fn max_bytes(self) -> usize {
        match self {
            Self::Message => 256 * 1024,
            Self::Broadcast => 1024 * 1024,
        }
    }

    /// Its HTTP path; also part of what an idempotency key stands for, over AMQP too.
    pub fn path(self) -> &'static str {
        match self {
            Self::Message => "/api/v1/messages/whatsapp",
            Self::Broadcast => "/api/v1/messages/whatsapp/broadcast",
        }
    }

    /// Tells the same request from another one under the same idempotency key.
    pub fn hash(self, body: &[u8]) -> [u8; 32] {
        hash(self.path(), body)
    }

    /// The answer to a body that is too long.
    pub fn too_large(self) -> Problem {
        too_large(self.max_bytes())
    }
}

/// The answer to a body of more bytes than that.
pub fn too_large(limit: usize) -> Problem {
    Problem::new(
        Code::PayloadTooLarge,
        format!("The body is longer than {limit} bytes; send less in one request."),
    )
    .details(json!({"field": "$", "limit_bytes": limit, "expected": format!("at most {limit} bytes")}))
}

/// What an idempotency key stands for: a POST of this body to this path.
fn hash(path: &str, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"POST ");
    hash.update(path);
    hash.update(b"\n");
    hash.update(body);
    hash.finalize().into()
}

/// A request that is well-formed.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// One message.
    Message(Message),
    /// One template to many people.
    Broadcast(Broadcast),
}

impl Request {
    /// Reads a body. `now` is for times: a `scheduled_at` in the past means now, and a default expiry is counted from it.
    ///
    /// # Errors
    /// With every field that is wrong.
    pub fn read(kind: Kind, body: &[u8], now: DateTime<Utc>) -> Result<Self, Problem> {
        if body.len() > kind.max_bytes() {
            return Err(kind.too_large());
        }
        let body: Value = serde_json::from_slice(body).map_err(|error| {
            Problem::new(
                Code::InvalidJson,
                format!("The body is not JSON: {error}; send a JSON object."),
            )
            .details(json!({"field": "$", "line": error.line(), "column": error.column()}))
        })?;
        let Value::Object(fields) = &body else {
            let wrong = FieldError::new("$", &body, "a JSON object");
            return Err(Problem::field(Code::ValidationError, wrong));
        };
        match kind {
            Kind::Message => Message::read(fields, now).map(Self::Message),
            Kind::Broadcast => Broadcast::read(fields, now).map(Self::Broadcast),
        }
    }

    /// How many rows it makes.
    pub fn rows(&self) -> usize {
        match self {
            Self::Message(_) => 1,
            Self::Broadcast(broadcast) => broadcast.recipients.len(),
        }
    }

    /// The sender number that it names.
    pub fn from(&self) -> Option<&SenderName> {
        match self {
            Self::Message(message) => message.from.as_ref(),
            Self::Broadcast(broadcast) => broadcast.from.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests;
