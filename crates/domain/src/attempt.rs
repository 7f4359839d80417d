//! What one POST to Meta came to. Three results, not two: an outcome that cannot be known is neither success nor failure,
//! and only the honest third value keeps a message from being sent twice.

use crate::ids::Wamid;

/// The result of one POST, classified strictly: what is not provably accepted or provably refused is [`Outcome::Unknown`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A 2xx with a wamid: Meta has it.
    Accepted(Accepted),
    /// Provably not accepted: no connection was made, or a 4xx with a parsed Graph error came back.
    Rejected(Rejection),
    /// Everything else: timeouts and resets after the first byte, unreadable answers, every 5xx.
    Unknown(Uncertainty),
}

/// Meta took the message. Accepted is not sent: the ladder goes on in webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Meta's id of the message.
    pub wamid: Wamid,
    /// The recipient as Meta knows it (digits, no `+`); may differ from the number we sent to (Brazil, Mexico).
    pub wa_id: Option<String>,
    /// Meta holds the message for quality assessment (template pacing): no `sent` webhook until it is released.
    pub held_for_quality: bool,
}

/// Why a message was provably not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// The request never began: DNS, connect or TLS failed.
    NotSent {
        /// What failed, without personal data.
        cause: String,
    },
    /// Meta answered 4xx with an error object.
    Graph(GraphError),
}

/// Why an outcome cannot be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncertainty {
    /// Short and without personal data: `response timeout`, `connection reset`, `HTTP 502`.
    pub cause: String,
    /// The answer's status, when there was one.
    pub http_status: Option<u16>,
    /// The answer's error object, when it could be read.
    pub graph: Option<GraphError>,
}

/// The error object of Meta's Graph API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphError {
    /// Branch on this, never on the HTTP status (Meta's own advice); [`crate::meta_error::lookup`] says what to do.
    pub code: i64,
    /// Deprecated by Meta since v16, still seen.
    pub subcode: Option<i64>,
    /// The answer's status.
    pub http_status: u16,
    /// Meta's `message`.
    pub title: String,
    /// Meta's `error_data.details`.
    pub details: Option<String>,
    /// What Meta's support asks for.
    pub fbtrace_id: Option<String>,
    /// Meta's `is_transient`.
    pub transient: bool,
}
