//! What is published, and what became of it.

use std::collections::BTreeMap;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use crate::Error;
use crate::topology::short;

/// AMQP's mark of a message that survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// A message to publish. It is always persistent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to; empty for the default exchange, whose routing key is a queue's name.
    pub exchange: String,
    /// Which way.
    pub routing_key: String,
    /// Must differ between the messages published at the same time: returned ones are told apart by it.
    pub message_id: String,
    /// The content.
    pub body: Vec<u8>,
    /// Repeats a question's correlation id in its answer.
    pub correlation_id: Option<String>,
    /// The queue where an answer is wanted.
    pub reply_to: Option<String>,
    /// The publisher's user. The broker refuses any other than the login's by closing the channel.
    pub user_id: Option<String>,
    /// MIME type of the body.
    pub content_type: String,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// What it means when no queue takes it.
    pub unroutable: Unroutable,
}

/// What it means when no queue takes a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unroutable {
    /// It is not published: [`Failure::Unroutable`].
    Fails,
    /// Nobody wanted it: as good as published. Right for events and for answers.
    IsFine,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// The broker has it, in a queue (or nobody wanted it and that is fine).
    Confirmed,
    /// It may or may not have arrived. Publish it again later.
    Failed(Failure),
}

/// Why a message does not count as published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No queue takes it.
    #[error("no queue takes it")]
    Unroutable,
    /// The broker refused it, as a full queue does.
    #[error("the broker refused it")]
    Refused,
    /// The broker did not say in time what became of it, or the connection broke first.
    #[error("the broker did not confirm it in time")]
    Unconfirmed,
    /// There is no connection to the broker.
    #[error("the broker is away")]
    Disconnected,
    /// The broker takes nothing at the moment, being short of memory or disk.
    #[error("the broker takes nothing at the moment, being short of memory or disk")]
    Blocked,
    /// Exchange, routing key, id or a header's name is longer than the 255 bytes AMQP allows.
    #[error("one of its names is longer than 255 bytes")]
    TooLong,
}

impl Published {
    /// Whether the broker has it.
    pub const fn is_confirmed(self) -> bool {
        matches!(self, Self::Confirmed)
    }
}

impl Failure {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Unroutable => "unroutable",
            Self::Refused => "refused",
            Self::Unconfirmed => "unconfirmed",
            Self::Disconnected => "disconnected",
            Self::Blocked => "blocked",
            Self::TooLong => "too_long",
        }
    }
}

impl Outgoing {
    /// A JSON message that some queue must take.
    pub fn new(
        exchange: impl Into<String>,
        routing_key: impl Into<String>,
        message_id: impl Into<String>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        Self {
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            message_id: message_id.into(),
            body: body.into(),
            correlation_id: None,
            reply_to: None,
            user_id: None,
            content_type: "application/json".to_owned(),
            headers: BTreeMap::new(),
            unroutable: Unroutable::Fails,
        }
    }

    /// As [`new`](Self::new), straight into a queue.
    pub fn to_queue(queue: impl Into<String>, message_id: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self::new("", queue, message_id, body)
    }

    /// An answer to a message with `reply_to` (the direct reply-to of RabbitMQ too); whoever asked may be gone.
    /// See [`Topology::owns`](crate::Topology::owns) for where an answer must not go.
    pub fn reply(
        reply_to: impl Into<String>,
        correlation_id: Option<String>,
        message_id: impl Into<String>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let message = Self::to_queue(reply_to, message_id, body);
        Self {
            correlation_id,
            unroutable: Unroutable::IsFine,
            ..message
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    pub(super) fn properties(&self) -> Result<BasicProperties, Error> {
        let mut properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_message_id(short("message id", &self.message_id)?)
            .with_content_type(short("content type", &self.content_type)?);
        if let Some(id) = &self.correlation_id {
            properties = properties.with_correlation_id(short("correlation id", id)?);
        }
        if let Some(queue) = &self.reply_to {
            properties = properties.with_reply_to(short("reply queue", queue)?);
        }
        if let Some(user) = &self.user_id {
            properties = properties.with_user_id(short("user id", user)?);
        }
        if !self.headers.is_empty() {
            let mut headers = FieldTable::default();
            for (name, value) in &self.headers {
                headers.insert(
                    short("header name", name)?,
                    AMQPValue::LongString(value.as_str().into()),
                );
            }
            properties = properties.with_headers(headers);
        }
        Ok(properties)
    }
}
