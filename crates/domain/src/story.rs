//! What happens to a message next, and when: the end of its story. Pure; the ledger says where the message stands.

use chrono::{DateTime, Utc};

use crate::rules::FlowStatus;
use crate::status::State;

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Where it is in the pipeline.
    pub state: State,
    /// When somebody must look at it again.
    pub wake_at: Option<DateTime<Utc>>,
    /// Its flow, while the flow's cursor has not come by; the number is how many rows go before it.
    pub flow: Option<(FlowStatus, u32)>,
    /// Its sender asked for a resend when the outcome stays unknown.
    pub resend: bool,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is with Meta; what follows is told by webhooks.
    Webhooks,
    /// It is over.
    Nothing,
    /// Its flow's cursor comes by.
    FlowTurn {
        /// Rows of the flow that go before it.
        rows_before: u32,
    },
    /// Its flow must be resumed first.
    Resume {
        /// Rows of the flow that go before it.
        rows_before: u32,
    },
    /// Its flow was canceled, and nobody moves it any more.
    FlowCanceled,
    /// It is released to the broker.
    Release,
    /// A sender takes it; at the alarm its job is published again.
    Claim,
    /// The outcome of its attempt is recorded; at the alarm the attempt is called uncertain.
    Outcome,
    /// A webhook says what became of it; at the alarm it ends as unknown.
    Proof,
    /// A webhook says what became of it; at the alarm it is sent again, as its sender asked for.
    ProofOrResend,
}

/// What happens next to a message that stands there. The time is the message's alarm.
pub fn next(standing: &Standing) -> Next {
    match (standing.state, standing.flow) {
        (State::Accepted, _) => Next::Webhooks,
        (State::Failed | State::Expired | State::Canceled | State::Unknown, _) => Next::Nothing,
        (State::Parked, Some((FlowStatus::Canceled, _))) => Next::FlowCanceled,
        (State::Parked, Some((FlowStatus::Paused, rows_before))) => Next::Resume { rows_before },
        (State::Parked, Some((FlowStatus::Running, rows_before))) if standing.wake_at.is_none() => {
            Next::FlowTurn { rows_before }
        }
        (State::Parked, _) => Next::Release,
        (State::Queued, _) => Next::Claim,
        (State::Sending, _) => Next::Outcome,
        (State::Uncertain, _) if standing.resend => Next::ProofOrResend,
        (State::Uncertain, _) => Next::Proof,
    }
}

impl Next {
    /// A stable word for it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Webhooks => "webhooks",
            Self::Nothing => "nothing",
            Self::FlowTurn { .. } => "flow_turn",
            Self::Resume { .. } => "resume",
            Self::FlowCanceled => "flow_canceled",
            Self::Release => "release",
            Self::Claim => "claim",
            Self::Outcome => "outcome",
            Self::Proof => "proof",
            Self::ProofOrResend => "proof_or_resend",
        }
    }

    /// How many rows of its flow go before it.
    pub fn rows_before(self) -> Option<u32> {
        match self {
            Self::FlowTurn { rows_before } | Self::Resume { rows_before } => Some(rows_before),
            _ => None,
        }
    }

    /// One sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Webhooks => "Meta has it; what follows is told by Meta's webhooks.",
            Self::Nothing => "It is over.",
            Self::FlowTurn { .. } => "It goes when its flow's cursor comes by, after the rows before it.",
            Self::Resume { .. } => "Its flow is paused; resume the flow to let it go.",
            Self::FlowCanceled => "Its flow was canceled; it never goes.",
            Self::Release => "It is released to the broker at that time.",
            Self::Claim => {
                "A sender takes it as soon as its number has a slot; if none did by then, its job is published again."
            }
            Self::Outcome => "An attempt is under way; if its outcome is not recorded by then, it is called uncertain.",
            Self::Proof => "A webhook may still prove what became of it; if none came by then, it ends as unknown.",
            Self::ProofOrResend => {
                "A webhook may still prove what became of it; if none came by then, it is sent again."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARKED: Standing = Standing {
        state: State::Parked,
        wake_at: None,
        flow: None,
        resend: false,
    };

    #[test]
    fn a_row_of_a_flow_waits_for_the_cursor_until_it_has_an_alarm_of_its_own() {
        let of_flow = |status, wake_at| {
            next(&Standing {
                flow: Some((status, 7)),
                wake_at,
                ..PARKED
            })
        };

        assert_eq!(of_flow(FlowStatus::Running, None), Next::FlowTurn { rows_before: 7 });
        assert_eq!(of_flow(FlowStatus::Running, Some(DateTime::UNIX_EPOCH)), Next::Release);
        assert_eq!(of_flow(FlowStatus::Paused, None), Next::Resume { rows_before: 7 });
        assert_eq!(of_flow(FlowStatus::Canceled, None), Next::FlowCanceled);
    }

    #[test]
    fn what_is_over_has_nothing_next_and_everything_else_has_something() {
        for state in State::ALL {
            let next = next(&Standing { state, ..PARKED });
            assert_eq!(
                matches!(next, Next::Nothing | Next::Webhooks),
                state.is_final(),
                "{state:?}"
            );
        }
        let resend = Standing {
            state: State::Uncertain,
            resend: true,
            ..PARKED
        };
        assert_eq!(next(&resend), Next::ProofOrResend);
    }
}
