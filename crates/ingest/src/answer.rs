//! What a door answers to one request. The same value becomes an HTTP answer and an AMQP reply.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::problem::{Code, Problem};

/// An answer, without what belongs to one exchange only (request id, time).
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `{"data": …}` or `{"error": …}`.
    pub body: Value,
    /// Rows stand behind it: over AMQP, the message is done with. Otherwise nothing of the request was kept.
    pub recorded: bool,
    /// It was given before, to the same idempotency key.
    pub replayed: bool,
    /// `meta.pagination`, of a list.
    pub pagination: Option<Value>,
    /// Seconds after which the same request may do better.
    pub retry_after: Option<u32>,
}

impl Answer {
    /// An answer to a request that only asked.
    pub fn data(status: u16, data: Value) -> Self {
        Self {
            status,
            body: json!({"data": data}),
            recorded: false,
            replayed: false,
            pagination: None,
            retry_after: None,
        }
    }

    /// The same, with rows behind it.
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.recorded = true;
        self
    }

    /// Whether trying again later may do better because the ledger was away.
    pub fn is_unavailable(&self) -> bool {
        self.status == Code::Unavailable.status()
    }

    /// The error's code, when it is one.
    pub fn error_code(&self) -> Option<&str> {
        self.body["error"]["code"].as_str()
    }

    /// The whole body for one exchange.
    pub fn body_for(&self, request_id: &str, now: DateTime<Utc>) -> Value {
        let mut body = self.body.clone();
        body["meta"] = json!({"request_id": request_id, "timestamp": timestamp(now)});
        if let Some(pagination) = &self.pagination {
            body["meta"]["pagination"] = pagination.clone();
        }
        body
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        Self {
            status: problem.code.status(),
            body: problem.to_json(),
            recorded: false,
            replayed: false,
            pagination: None,
            retry_after: problem.retry_after,
        }
    }
}

/// A new request id, for logs and for people who ask about a request.
pub fn request_id() -> String {
    let random = rand::random::<[u8; 10]>();
    format!("req_{}", data_encoding::BASE32_DNSSEC.encode(&random))
}

/// A time as it stands in every answer: RFC 3339, UTC, milliseconds.
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A time that may be absent.
pub fn optional_timestamp(at: Option<DateTime<Utc>>) -> Value {
    at.map_or(Value::Null, |at| json!(timestamp(at)))
}

/// The ids of the messages behind an answer, for `Prefer: wait`.
pub fn message_ids(answer: &Answer) -> Vec<domain::MessageId> {
    let data = &answer.body["data"];
    let single = data.get("message_id").into_iter();
    let rows = data["results"].as_array().into_iter().flatten();
    single
        .chain(rows.filter_map(|row| row.get("message_id")))
        .filter_map(|id| id.as_str()?.parse::<Uuid>().ok())
        .map(domain::MessageId)
        .collect()
}
