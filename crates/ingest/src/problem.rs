//! Every no that a door can say by itself: a stable code, its HTTP status, a sentence and the details.

use domain::content::FieldError;
use domain::meta_error::{Disposition, MetaError};
use serde_json::{Value, json};
use tracing::warn;

/// A stable error code, with the HTTP status it comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "each variant is its own code; the sentences are where they are made"
)]
pub enum Code {
    InvalidJson,
    InvalidBody,
    InvalidCursor,
    Unauthorized,
    InvalidApiKey,
    InsufficientPermissions,
    AddressNotAllowed,
    TestKey,
    TestModeOff,
    NameTaken,
    InsufficientBalance,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    NotCancelable,
    CampaignState,
    OptedOut,
    FlowCanceled,
    NotResolvable,
    Conflict,
    IdempotencyConflict,
    IdempotencyInFlight,
    PayloadTooLarge,
    UnsupportedMediaType,
    ValidationError,
    InvalidPhoneNumber,
    SenderNotFound,
    GateRefused,
    MetaRefused,
    TierLimitExceeded,
    RateLimited,
    InternalError,
    MetaUnavailable,
    Unavailable,
}

impl Code {
    /// The code in an answer.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        self.row().1
    }

    fn row(self) -> (&'static str, u16) {
        match self {
            Self::InvalidJson => ("INVALID_JSON", 400),
            Self::InvalidBody => ("INVALID_BODY", 400),
            Self::InvalidCursor => ("INVALID_CURSOR", 400),
            Self::Unauthorized => ("UNAUTHORIZED", 401),
            Self::InvalidApiKey => ("INVALID_API_KEY", 401),
            Self::InsufficientBalance => ("INSUFFICIENT_BALANCE", 402),
            Self::InsufficientPermissions => ("INSUFFICIENT_PERMISSIONS", 403),
            Self::AddressNotAllowed => ("ADDRESS_NOT_ALLOWED", 403),
            Self::TestKey => ("TEST_KEY", 403),
            Self::TestModeOff => ("TEST_MODE_OFF", 403),
            Self::NotFound => ("NOT_FOUND", 404),
            Self::MethodNotAllowed => ("METHOD_NOT_ALLOWED", 405),
            Self::RequestTimeout => ("REQUEST_TIMEOUT", 408),
            Self::NameTaken => ("NAME_TAKEN", 409),
            Self::NotCancelable => ("NOT_CANCELABLE", 409),
            Self::CampaignState => ("CAMPAIGN_STATE", 409),
            Self::OptedOut => ("OPTED_OUT", 409),
            Self::FlowCanceled => ("FLOW_CANCELED", 409),
            Self::NotResolvable => ("NOT_RESOLVABLE", 409),
            Self::Conflict => ("CONFLICT", 409),
            Self::IdempotencyConflict => ("IDEMPOTENCY_CONFLICT", 409),
            Self::IdempotencyInFlight => ("IDEMPOTENCY_IN_FLIGHT", 409),
            Self::PayloadTooLarge => ("PAYLOAD_TOO_LARGE", 413),
            Self::UnsupportedMediaType => ("UNSUPPORTED_MEDIA_TYPE", 415),
            Self::ValidationError => ("VALIDATION_ERROR", 422),
            Self::InvalidPhoneNumber => ("INVALID_PHONE_NUMBER", 422),
            Self::SenderNotFound => ("SENDER_NOT_FOUND", 422),
            Self::GateRefused => ("GATE_REFUSED", 422),
            Self::MetaRefused => ("META_REFUSED", 422),
            Self::TierLimitExceeded => ("TIER_LIMIT_EXCEEDED", 429),
            Self::RateLimited => ("RATE_LIMITED", 429),
            Self::InternalError => ("INTERNAL_ERROR", 500),
            Self::MetaUnavailable => ("META_UNAVAILABLE", 503),
            Self::Unavailable => ("UNAVAILABLE", 503),
        }
    }
}

/// A no, before it is an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Which.
    pub code: Code,
    /// One sentence for people, with the next step.
    pub message: String,
    /// What it was decided on; an object.
    pub details: Value,
    /// Seconds after which the same request may do better.
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem without details.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: json!({}),
            retry_after: None,
        }
    }

    /// Adds what it was decided on.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    /// Says when the same request may do better.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// One field is wrong.
    pub fn field(code: Code, wrong: FieldError) -> Self {
        Self::new(code, wrong.to_string())
            .details(json!({"field": wrong.field, "value": wrong.value, "expected": wrong.expected}))
    }

    /// The ledger is away: nothing was lost, nothing was kept for sure.
    pub fn unavailable() -> Self {
        Self::new(
            Code::Unavailable,
            "The service cannot reach its database; try again, with the same idempotency key if you sent one.",
        )
        .retry_after(1)
    }

    /// Others were faster in the ledger: nothing was kept.
    pub fn contention() -> Self {
        Self::new(
            Code::Unavailable,
            "Other requests were in the way of this one, and nothing of it was kept; try again.",
        )
        .retry_after(1)
    }

    /// Our own fault.
    pub fn internal() -> Self {
        Self::new(
            Code::InternalError,
            "Nothing was processed: the service failed and logged why; report it with this request id.",
        )
    }

    /// Meta said no, or nothing.
    pub fn meta(error: &meta::Error) -> Self {
        let meta::Error::Graph(graph) = error else {
            warn!("a call to Meta failed: {error}");
            let message = "Meta did not answer this call; try again in a moment.";
            return Self::new(Code::MetaUnavailable, message).retry_after(10);
        };
        let known = MetaError::of(graph);
        let details = json!({
            "code": graph.code.to_string(), "title": graph.title, "details": graph.details, "category": known.category.as_str(),
        });
        if let Disposition::Hold { first_seconds, .. } = known.disposition {
            let message = format!("Meta lets this account make no more calls for now; {}", known.advice);
            return Self::new(Code::RateLimited, message)
                .details(details)
                .retry_after(first_seconds.max(60));
        }
        let message = format!(
            "Meta refused the call with code {}: {}; {}",
            graph.code, graph.title, known.advice
        );
        Self::new(Code::MetaRefused, message).details(details)
    }

    /// `{"error": …}` as it stands in an answer.
    pub fn to_json(&self) -> Value {
        json!({"error": {
            "code": self.code.as_str(),
            "message": self.message,
            "status": self.code.status(),
            "details": self.details,
        }})
    }
}

impl From<&store::Error> for Problem {
    fn from(error: &store::Error) -> Self {
        if error.is_contention() {
            Self::contention()
        } else if error.is_unavailable() {
            Self::unavailable()
        } else {
            Self::internal()
        }
    }
}
