//! What becomes of a message, and of others, after its attempt: Meta's answer turned into a next step.
//!
//! **Invariants.** An unknown outcome is never repeated. A throttle burns no attempt: it holds what Meta throttles, and the message
//! waits. Whatever may come back comes back before the message's end, or fails now with its last reason.

use chrono::{DateTime, TimeDelta, Utc};
use domain::attempt::{GraphError, Outcome, Rejection};
use domain::meta_error::{self, Disposition, MetaError, Scope};
use domain::{Category, MessageId, NumberId, Reason, State, TemplateId, WabaId, Wamid, retry};
use store::outcomes::Numbers;

/// How long the app is closed after Meta said that it may not call; then one more message may ask.
const CLOSED: TimeDelta = TimeDelta::hours(1);
/// How often a message looks whether a closed account, number or template is open again, as in `domain::rules`.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(5);

/// The message that was attempted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempted {
    pub(crate) id: MessageId,
    pub(crate) number: NumberId,
    pub(crate) waba: WabaId,
    pub(crate) template: Option<TemplateId>,
    pub(crate) category: Category,
    pub(crate) expires_at: DateTime<Utc>,
    /// The number of this attempt, from 1.
    pub(crate) attempt: i32,
    /// Earlier attempts that burned.
    pub(crate) failures: i32,
    /// A template is to be sent should the service window be closed.
    pub(crate) has_fallback: bool,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aftermath {
    pub(crate) state: State,
    pub(crate) wake_at: Option<DateTime<Utc>>,
    pub(crate) reason: Option<Reason>,
    pub(crate) wamid: Option<Wamid>,
    /// Counts against the retry budget.
    pub(crate) burns: bool,
    /// Provably not accepted.
    pub(crate) refused: bool,
    /// What it means for other messages.
    pub(crate) consequence: Option<Consequence>,
}

/// What an error means for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consequence {
    /// They wait, and the number goes slower from then on.
    SlowDown(NumberId, DateTime<Utc>),
    /// They wait.
    Hold(Numbers, DateTime<Utc>),
    /// Those from this message's number to its recipient wait.
    HoldPair(MessageId, DateTime<Utc>),
    /// Nothing goes from this number until Meta or an operator lets it go on.
    StopNumber(NumberId),
    /// Nothing goes from this account until Meta or an operator reopens it.
    RestrictWaba(WabaId),
    /// Nothing goes with this template; Meta's word for its status.
    CloseTemplate(TemplateId, &'static str),
    /// The message itself goes as its fallback from now on: Meta's clock says that the window is closed.
    FallBack(MessageId),
    /// The recipient of this message wants no marketing from this organization.
    NoMarketing(MessageId),
}

/// What comes after an outcome. `jitter` in `[0, 1)` spreads retries.
pub(crate) fn aftermath(outcome: &Outcome, message: &Attempted, now: DateTime<Utc>, jitter: f64) -> Aftermath {
    match outcome {
        Outcome::Accepted(accepted) => Aftermath {
            wamid: Some(accepted.wamid.clone()),
            refused: false,
            ..message.ends(State::Accepted, None)
        },
        Outcome::Unknown(uncertainty) => Aftermath {
            wake_at: Some(now + message.category.hold()),
            refused: false,
            // Meta's trouble is known even where the outcome is not: no use in making many more outcomes unknown.
            consequence: uncertainty.graph.as_ref().and_then(|error| message.held(error, now)),
            ..message.ends(State::Uncertain, Some(Reason::OutcomeUnknown))
        },
        Outcome::Rejected(Rejection::NotSent { .. }) => {
            let failures = message.failures.saturating_add(1).unsigned_abs();
            message.retry(retry::next(failures, jitter, now), Reason::NotSent)
        }
        Outcome::Rejected(Rejection::Graph(error)) => refused(error, message, now, jitter),
    }
}

fn refused(error: &GraphError, message: &Attempted, now: DateTime<Utc>, jitter: f64) -> Aftermath {
    let reason = Reason::Meta(error.code);
    match MetaError::of(error).disposition {
        Disposition::Fail if message.has_fallback && error.code == meta_error::WINDOW_CLOSED => {
            // Burns: should it never become its fallback, it must not ask forever.
            let failures = message.failures.saturating_add(1).unsigned_abs();
            Aftermath {
                consequence: Some(Consequence::FallBack(message.id)),
                ..message.retry(retry::next(failures, jitter, now), reason)
            }
        }
        Disposition::Fail if error.code == meta_error::STOPPED_MARKETING => Aftermath {
            consequence: Some(Consequence::NoMarketing(message.id)),
            ..message.ends(State::Failed, Some(reason))
        },
        Disposition::Fail => message.ends(State::Failed, Some(reason)),
        disposition @ Disposition::RetrySoon { .. } => {
            let failures = message.failures.unsigned_abs();
            let pause = disposition
                .pause(failures)
                .filter(|_| failures + 1 < retry::MAX_FAILURES);
            let spread = |pause: TimeDelta| pause.num_milliseconds() as f64 * (0.5 + 0.5 * jitter);
            let at = pause.map(|pause| now + TimeDelta::milliseconds(spread(pause) as i64));
            message.retry(at, reason)
        }
        disposition @ Disposition::Hold { .. } => {
            let until = now + disposition.pause(message.throttled()).unwrap_or_default();
            message.waits(until, reason, message.held(error, now))
        }
        Disposition::StopScope => {
            let (until, consequence) = message.closed(error, now);
            message.waits(until, reason, consequence)
        }
        Disposition::NotBefore { hours } => {
            let until = now + TimeDelta::hours(hours.into());
            if until >= message.expires_at {
                return Aftermath {
                    consequence: message.held(error, now),
                    ..message.ends(State::Failed, Some(reason))
                };
            }
            message.waits(until, reason, message.held(error, now))
        }
    }
}

impl Attempted {
    /// How often in a row this message was throttled before: claims that burned nothing. Counted on the message, not on the number,
    /// so that a hundred throttles at once lengthen the pause once, and a restart does not shorten it.
    fn throttled(&self) -> u32 {
        u32::try_from(self.attempt - 1 - self.failures).unwrap_or(0)
    }

    /// A refusal that is final, unless the state says otherwise.
    fn ends(&self, state: State, reason: Option<Reason>) -> Aftermath {
        Aftermath {
            state,
            wake_at: None,
            reason,
            wamid: None,
            burns: state == State::Failed,
            refused: true,
            consequence: None,
        }
    }

    fn retry(&self, at: Option<DateTime<Utc>>, reason: Reason) -> Aftermath {
        match at {
            Some(at) if at < self.expires_at => Aftermath {
                wake_at: Some(at),
                burns: true,
                ..self.ends(State::Parked, Some(reason))
            },
            _ => self.ends(State::Failed, Some(reason)),
        }
    }

    /// Parked without burning anything; at its end the scheduler calls it expired.
    fn waits(&self, until: DateTime<Utc>, reason: Reason, consequence: Option<Consequence>) -> Aftermath {
        Aftermath {
            wake_at: Some(until.min(self.expires_at)),
            consequence,
            ..self.ends(State::Parked, Some(reason))
        }
    }

    /// Whom an error that passes by itself holds, and until when.
    fn held(&self, error: &GraphError, now: DateTime<Utc>) -> Option<Consequence> {
        let known = MetaError::of(error);
        let pause = match known.disposition {
            disposition @ (Disposition::Hold { .. } | Disposition::NotBefore { .. }) => {
                disposition.pause(self.throttled())?
            }
            Disposition::Fail | Disposition::RetrySoon { .. } | Disposition::StopScope => return None,
        };
        let numbers = match known.scope {
            Scope::Number if error.code == meta_error::TOO_FAST => {
                return Some(Consequence::SlowDown(self.number, now + pause));
            }
            Scope::Number => Numbers::One(self.number),
            Scope::Waba => Numbers::OfWaba(self.waba),
            Scope::App => Numbers::All,
            Scope::Pair => return Some(Consequence::HoldPair(self.id, now + pause)),
            Scope::Message | Scope::Recipient | Scope::Template => return None,
        };
        Some(Consequence::Hold(numbers, now + pause))
    }

    /// What an error closes that only Meta or a person can open again, and when to look.
    fn closed(&self, error: &GraphError, now: DateTime<Utc>) -> (DateTime<Utc>, Option<Consequence>) {
        match MetaError::of(error).scope {
            Scope::Waba => (now + LOOK_AGAIN, Some(Consequence::RestrictWaba(self.waba))),
            Scope::Template => {
                // 132016 is Meta's "disabled"; the others come back.
                let status = if error.code == 132_016 { "DISABLED" } else { "PAUSED" };
                let close = |template| Consequence::CloseTemplate(template, status);
                (now + LOOK_AGAIN, self.template.map(close))
            }
            Scope::Number => (now + LOOK_AGAIN, Some(Consequence::StopNumber(self.number))),
            Scope::App => (now + CLOSED, Some(Consequence::Hold(Numbers::All, now + CLOSED))),
            Scope::Message | Scope::Recipient | Scope::Pair => (now + CLOSED, None),
        }
    }
}

#[cfg(test)]
mod tests;
