//! The kinds of faults, and what each does at the one place where it strikes.

use serde::{Deserialize, Serialize};

use crate::graph_error::GraphError;

/// The kinds of faults. In JSON the field `kind` holds the name in snake case, with the other fields beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FaultKind {
    // Before the message is accepted: Meta does not send it.
    /// The connection is reset without an answer; the message is *not* accepted.
    ResetBeforeAccept,
    /// 500 with code 131000; the message is *not* accepted.
    #[serde(rename = "http_500_not_accepted")]
    Http500NotAccepted,
    /// 503 with code 131016; the message is not accepted.
    ServiceUnavailable,
    /// Code 130429, whatever the throughput.
    Throttle,
    /// Code 131056, whatever the pair rate.
    PairThrottle,
    /// Any Graph error; the status of Meta's table unless `http_status` says otherwise.
    Error {
        /// Meta's error code.
        code: i64,
        /// HTTP status of the answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        http_status: Option<u16>,
    },

    // The message is accepted and its webhooks come; the caller does not learn it, or not clearly.
    /// The connection is closed without an answer.
    LostResponse,
    /// Nothing comes for `hold_ms`, then the connection is closed.
    TimeoutAfterAccept {
        /// How long the connection is held.
        #[serde(default = "a_minute")]
        hold_ms: u64,
    },
    /// 500 with code 131000.
    #[serde(rename = "http_500_accepted")]
    Http500Accepted,
    /// 200 with the first half of the JSON.
    TruncatedJson,
    /// 200 with an HTML page.
    #[serde(rename = "html_200")]
    Html200,
    /// The right answer, in pieces spread over `total_ms`.
    SlowBody {
        /// Time from the first to the last piece.
        total_ms: u64,
    },
    /// A `Content-Length` larger than the body; the connection closes early.
    WrongContentLength,

    // In the webhooks of an accepted message.
    /// A `failed` status with this code instead of sent, delivered, read.
    Failed {
        /// Meta's error code.
        code: i64,
    },
    /// `sent`, `delivered`, then `failed` with this code (Meta: several devices).
    FailedAfterDelivered {
        /// Meta's error code.
        code: i64,
    },
    /// Pacing: a template is answered with `held_for_quality_assessment`, and its statuses come `hold_ms` later; or, `dropped`, the only one
    /// is `failed` with 132015.
    HeldForQuality {
        /// How long it is held.
        hold_ms: u64,
        /// It is not let go in the end.
        #[serde(default)]
        dropped: bool,
    },
    /// No status at all.
    NoStatuses,
    /// `delivered` is left out, `read` comes at once.
    DeliveredDropped,
    /// The statuses of a message arrive in any order.
    StatusesShuffled,
    /// Webhooks of the message arrive later.
    Late {
        /// By so much.
        by_ms: u64,
    },
    /// Every webhook of the message arrives `times` times more.
    Duplicated {
        /// Extra deliveries.
        times: u32,
    },
    /// The first delivery of the webhook carries a wrong signature (its repetition a good one).
    BadSignature,
}

fn a_minute() -> u64 {
    60_000
}

/// Why a POST is turned away by a fault.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    Reset,
    Error(GraphError),
}

/// How an accepted POST is answered by a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Lost,
    Held { hold_ms: u64 },
    ServerError,
    TruncatedJson,
    Html,
    SlowBody { total_ms: u64 },
    WrongContentLength,
}

/// What a fault does to the webhooks of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twist {
    Failed { code: i64 },
    FailedAfterDelivered { code: i64 },
    HeldForQuality { hold_ms: u64, dropped: bool },
    NoStatuses,
    DeliveredDropped,
    StatusesShuffled,
    Late { by_ms: u64 },
    Duplicated { times: u32 },
    BadSignature,
}

impl Twist {
    /// Whether it makes sense for inbound messages too; the others are about statuses.
    pub(crate) fn strikes_inbound(self) -> bool {
        matches!(self, Self::Late { .. } | Self::Duplicated { .. } | Self::BadSignature)
    }
}

impl FaultKind {
    /// The name in JSON and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::ResetBeforeAccept => "reset_before_accept",
            Self::Http500NotAccepted => "http_500_not_accepted",
            Self::ServiceUnavailable => "service_unavailable",
            Self::Throttle => "throttle",
            Self::PairThrottle => "pair_throttle",
            Self::Error { .. } => "error",
            Self::LostResponse => "lost_response",
            Self::TimeoutAfterAccept { .. } => "timeout_after_accept",
            Self::Http500Accepted => "http_500_accepted",
            Self::TruncatedJson => "truncated_json",
            Self::Html200 => "html_200",
            Self::SlowBody { .. } => "slow_body",
            Self::WrongContentLength => "wrong_content_length",
            Self::Failed { .. } => "failed",
            Self::FailedAfterDelivered { .. } => "failed_after_delivered",
            Self::HeldForQuality { .. } => "held_for_quality",
            Self::NoStatuses => "no_statuses",
            Self::DeliveredDropped => "delivered_dropped",
            Self::StatusesShuffled => "statuses_shuffled",
            Self::Late { .. } => "late",
            Self::Duplicated { .. } => "duplicated",
            Self::BadSignature => "bad_signature",
        }
    }

    pub(crate) fn refusal(self) -> Option<Refusal> {
        match self {
            Self::ResetBeforeAccept => Some(Refusal::Reset),
            Self::Http500NotAccepted => Some(Refusal::Error(GraphError::of(131_000))),
            Self::ServiceUnavailable => Some(Refusal::Error(GraphError::of(131_016))),
            Self::Throttle => Some(Refusal::Error(GraphError::of(130_429))),
            Self::PairThrottle => Some(Refusal::Error(GraphError::of(131_056))),
            Self::Error { code, http_status } => {
                let error = GraphError::of(code);
                Some(Refusal::Error(match http_status {
                    Some(status) => error.with_status(status),
                    None => error,
                }))
            }
            _ => None,
        }
    }

    pub(crate) fn answer(self) -> Option<Answer> {
        match self {
            Self::LostResponse => Some(Answer::Lost),
            Self::TimeoutAfterAccept { hold_ms } => Some(Answer::Held { hold_ms }),
            Self::Http500Accepted => Some(Answer::ServerError),
            Self::TruncatedJson => Some(Answer::TruncatedJson),
            Self::Html200 => Some(Answer::Html),
            Self::SlowBody { total_ms } => Some(Answer::SlowBody { total_ms }),
            Self::WrongContentLength => Some(Answer::WrongContentLength),
            _ => None,
        }
    }

    pub(crate) fn twist(self) -> Option<Twist> {
        match self {
            Self::Failed { code } => Some(Twist::Failed { code }),
            Self::FailedAfterDelivered { code } => Some(Twist::FailedAfterDelivered { code }),
            Self::HeldForQuality { hold_ms, dropped } => Some(Twist::HeldForQuality { hold_ms, dropped }),
            Self::NoStatuses => Some(Twist::NoStatuses),
            Self::DeliveredDropped => Some(Twist::DeliveredDropped),
            Self::StatusesShuffled => Some(Twist::StatusesShuffled),
            Self::Late { by_ms } => Some(Twist::Late { by_ms }),
            Self::Duplicated { times } => Some(Twist::Duplicated { times }),
            Self::BadSignature => Some(Twist::BadSignature),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_every_kind_is_its_name_in_json() {
        let code = 131_026;
        for kind in [
            FaultKind::ResetBeforeAccept,
            FaultKind::Http500NotAccepted,
            FaultKind::ServiceUnavailable,
            FaultKind::Throttle,
            FaultKind::PairThrottle,
            FaultKind::Error {
                code,
                http_status: None,
            },
            FaultKind::LostResponse,
            FaultKind::TimeoutAfterAccept { hold_ms: 1 },
            FaultKind::Http500Accepted,
            FaultKind::TruncatedJson,
            FaultKind::Html200,
            FaultKind::SlowBody { total_ms: 1 },
            FaultKind::WrongContentLength,
            FaultKind::Failed { code },
            FaultKind::FailedAfterDelivered { code },
            FaultKind::HeldForQuality {
                hold_ms: 1,
                dropped: false,
            },
            FaultKind::NoStatuses,
            FaultKind::DeliveredDropped,
            FaultKind::StatusesShuffled,
            FaultKind::Late { by_ms: 1 },
            FaultKind::Duplicated { times: 1 },
            FaultKind::BadSignature,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap()["kind"], kind.name());
            let stages = [
                kind.refusal().is_some(),
                kind.answer().is_some(),
                kind.twist().is_some(),
            ];
            assert_eq!(
                stages.iter().filter(|&&here| here).count(),
                1,
                "{} strikes at one place",
                kind.name()
            );
        }
    }
}
