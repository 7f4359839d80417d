//! What goes wrong: each fault with a probability, a filter and a budget, set by configuration or at run time.
//!
//! A fault strikes at one of three places: before the message is accepted ([`Refusal`]), in the answer to an accepted
//! message ([`Answer`]), or in its webhooks ([`Twist`]).

use std::collections::BTreeMap;

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::graph_error::GraphError;

mod target;

pub(crate) use target::Target;

/// One thing that goes wrong, and for whom.
///
/// As JSON: `{"kind": "lost_response", "probability": 0.1, "count": 3}`,
/// `{"kind": "failed", "code": 131026, "recipients": ["*7"]}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// What happens.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// Share of the matching messages that are struck.
    #[serde(default = "always")]
    pub probability: f64,
    /// Only these recipients: digits, with `*` before or after them for "ends with" or "begins with". All when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// Only these sender numbers (`phone_number_id`). All when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<String>,
    /// Strike at most so often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

fn always() -> f64 {
    1.0
}

impl Fault {
    /// A fault that strikes every message.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            probability: always(),
            recipients: Vec::new(),
            numbers: Vec::new(),
            count: None,
        }
    }

    /// Strikes only this share of the messages.
    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// Strikes at most `count` times.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// Strikes only this recipient; see [`Fault::recipients`] for patterns.
    #[must_use]
    pub fn to(mut self, recipient: impl Into<String>) -> Self {
        self.recipients.push(recipient.into());
        self
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if (0.0..=1.0).contains(&self.probability) {
            Ok(())
        } else {
            Err(format!(
                "faults: probability {} of {} is not between 0 and 1",
                self.probability,
                self.kind.name()
            ))
        }
    }
}

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

/// The faults in force, and how often each kind has struck since the last reset.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    active: Vec<Active>,
    fired: BTreeMap<&'static str, u64>,
}

#[derive(Debug)]
struct Active {
    fault: Fault,
    fired: u64,
}

impl Faults {
    /// Replaces the faults in force; budgets start anew, the totals stay.
    pub(crate) fn set(&mut self, faults: &[Fault]) {
        self.active = faults
            .iter()
            .map(|fault| Active {
                fault: fault.clone(),
                fired: 0,
            })
            .collect();
    }

    pub(crate) fn fired(&self) -> BTreeMap<String, u64> {
        self.fired
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    }

    pub(crate) fn forget_fired(&mut self) {
        self.fired.clear();
    }

    /// The first fault of a stage that strikes this target, with its name.
    pub(crate) fn first<T>(
        &mut self,
        target: Target<'_>,
        rng: &mut impl Rng,
        stage: impl Fn(FaultKind) -> Option<T>,
    ) -> Option<(T, &'static str)> {
        self.strikes(target, rng, stage).next()
    }

    /// Every fault of a stage that strikes this target.
    pub(crate) fn all<T>(
        &mut self,
        target: Target<'_>,
        rng: &mut impl Rng,
        stage: impl Fn(FaultKind) -> Option<T>,
    ) -> Vec<T> {
        self.strikes(target, rng, stage).map(|(effect, _)| effect).collect()
    }

    /// Lazily: a fault that is not asked for does not use up its budget.
    fn strikes<T>(
        &mut self,
        target: Target<'_>,
        rng: &mut impl Rng,
        stage: impl Fn(FaultKind) -> Option<T>,
    ) -> impl Iterator<Item = (T, &'static str)> {
        let Self { active, fired } = self;
        active.iter_mut().filter_map(move |Active { fault, fired: used }| {
            let effect = stage(fault.kind)?;
            let spent = fault.count.is_some_and(|count| *used >= count);
            if spent || !target.matches(&fault.numbers, &fault.recipients) || !rng.random_bool(fault.probability) {
                return None;
            }
            *used += 1;
            *fired.entry(fault.kind.name()).or_default() += 1;
            Some((effect, fault.kind.name()))
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use serde_json::json;

    use super::*;

    const ANA: Target<'static> = Target {
        phone_number_id: "2000001",
        recipient: "14155550107",
    };
    const BOB: Target<'static> = Target {
        phone_number_id: "2000001",
        recipient: "14155550100",
    };

    fn faults(list: &[Fault]) -> (Faults, StdRng) {
        let mut faults = Faults::default();
        faults.set(list);
        (faults, StdRng::seed_from_u64(1))
    }

    #[test]
    fn a_fault_reads_the_json_that_it_writes() {
        let fault = Fault::new(FaultKind::Error {
            code: 131_057,
            http_status: Some(500),
        })
        .to("*7")
        .times(2);

        let written = serde_json::to_value(&fault).unwrap();

        assert_eq!(written["kind"], "error");
        assert_eq!(written["code"], 131_057);
        assert_eq!(serde_json::from_value::<Fault>(written).unwrap(), fault);
    }

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

    #[test]
    fn defaults_fill_what_json_leaves_out() {
        let fault: Fault = serde_json::from_value(json!({ "kind": "timeout_after_accept" })).unwrap();

        assert_eq!(fault, Fault::new(FaultKind::TimeoutAfterAccept { hold_ms: 60_000 }));
    }

    #[test]
    fn a_budget_is_spent_only_by_strikes() {
        let (mut faults, mut rng) = faults(&[Fault::new(FaultKind::LostResponse).to("*7").times(1)]);

        assert_eq!(faults.first(BOB, &mut rng, FaultKind::answer), None);
        assert_eq!(
            faults.first(ANA, &mut rng, FaultKind::answer),
            Some((Answer::Lost, "lost_response"))
        );
        assert_eq!(faults.first(ANA, &mut rng, FaultKind::answer), None);
        assert_eq!(faults.fired(), BTreeMap::from([("lost_response".to_owned(), 1)]));
    }

    #[test]
    fn the_first_of_two_faults_leaves_the_second_its_budget() {
        let once = |kind| Fault::new(kind).times(1);
        let (mut faults, mut rng) = faults(&[once(FaultKind::LostResponse), once(FaultKind::Html200)]);

        assert_eq!(
            faults.first(ANA, &mut rng, FaultKind::answer),
            Some((Answer::Lost, "lost_response"))
        );
        assert_eq!(
            faults.first(ANA, &mut rng, FaultKind::answer),
            Some((Answer::Html, "html_200"))
        );
        assert_eq!(faults.first(ANA, &mut rng, FaultKind::answer), None);
    }

    #[test]
    fn a_probability_is_a_share() {
        let (mut faults, mut rng) = faults(&[Fault::new(FaultKind::LostResponse).with_probability(0.25)]);

        let struck = (0..4_000)
            .filter(|_| faults.first(ANA, &mut rng, FaultKind::answer).is_some())
            .count();

        assert!((900..1_100).contains(&struck), "{struck} of 4,000");
    }
}
