//! The desk: loads a batch with its facts, lets the rules decide on each row, and writes down what may not go.
//!
//! **Invariant:** one row that cannot be handled (its data, or a panic over it) is set aside by itself; the batch goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::policy::PolicyFacts;
use domain::rules::{Facts, Verdict, decide};
use domain::{MessageId, Reason, State};
use secrecy::SecretString;
use store::Store;
use store::admission::{Candidate, Settlement, Unreadable};
use store::policies::KnownPolicies;
use tracing::error;

use crate::journal::Journal;
use crate::keepsakes::Keepsakes;
use crate::media::MediaDesk;
use crate::message::{self, Message};
use crate::metrics;

/// How long a row waits that this build cannot read or whose access token it cannot open: somebody has to do something first.
const MENDED_AFTER: TimeDelta = TimeDelta::minutes(5);

/// What a test presents instead of an access token: those of Meta go to Meta only.
const NO_TOKEN: &str = "turnpike-test";

/// Loads and decides.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    store: Store,
    kept: Arc<Keepsakes>,
    policies: KnownPolicies,
    media: MediaDesk,
    journal: Journal,
    /// There is a stand-in for the messages of test keys.
    test_mode: bool,
}

/// What the rules made of a row.
#[derive(Debug)]
enum Decision {
    Go(Box<Message>),
    FallBack(Reason),
    Settle(Settlement),
}

impl Desk {
    pub(crate) fn new(store: Store, media: MediaDesk, journal: Journal, test_mode: bool) -> Self {
        Self {
            store,
            media,
            kept: Arc::default(),
            policies: KnownPolicies::default(),
            journal,
            test_mode,
        }
    }

    /// The messages that may go, in any order. Every other id is finished with: settled, or no longer queued.
    ///
    /// # Errors
    /// When the ledger is not available; nothing is known of any row then.
    pub(crate) async fn judge(&self, ids: &[MessageId]) -> Result<Vec<Message>, store::Error> {
        let (mut go, fall_back) = self.look(ids).await?;
        if !fall_back.is_empty() {
            // As templates they are other messages to every gate.
            let templates = self.fall_back(fall_back).await?;
            go.extend(self.look(&templates).await?.0);
        }
        Ok(go)
    }

    /// The messages that may go, and those that may go as what they fall back to.
    async fn look(&self, ids: &[MessageId]) -> Result<(Vec<Message>, Vec<(MessageId, Reason)>), store::Error> {
        let rows = self.load(ids).await?;
        self.kept.learn(&self.store, &rows).await?;
        let read_at = rows.first().map(|row| row.read_at);
        let mut policies = self.store.policy_facts(&self.policies, &rows).await?;
        let (mut go, mut settle, mut fall_back) = (Vec::with_capacity(rows.len()), Vec::new(), Vec::new());
        let mut capped = Vec::new();
        let working = self.journal.marker();
        for row in rows {
            let id = row.id;
            working.on(id);
            let policies = policies.remove(&id).unwrap_or_else(|| Ok(PolicyFacts::default()));
            let known = policies.as_ref().ok().filter(|_| !row.test);
            // A test takes no place.
            let cap = known.and_then(|policies| Some(policies.frequency.as_ref()?.cap));
            match guarded(id, || self.decide(row, policies)) {
                Decision::Go(message) => {
                    capped.extend(cap.map(|cap| (id, cap)));
                    go.push(*message);
                }
                Decision::FallBack(reason) => fall_back.push((id, reason)),
                Decision::Settle(settlement) => settle.push(settlement),
            }
        }
        drop(working);
        // Before a place under a cap is taken: a message that waits for a file takes none.
        if let Some(now) = read_at {
            settle.extend(self.media.attach(&mut go, now).await?);
        }
        capped.retain(|(id, _)| go.iter().any(|message| message.id == *id));
        // What the rules saw of a frequency cap may be old by now: the place itself is taken under a lock.
        let too_often = self.store.take_frequency(&capped).await?;
        go.retain(|message| !too_often.contains(&message.id));
        settle.extend(too_often.into_iter().map(|id| Settlement {
            id,
            state: State::Failed,
            until: None,
            reason: Reason::FrequencyCap,
        }));
        self.settle(settle).await?;
        Ok((go, fall_back))
    }

    /// Makes messages what they fall back to; those that could not be are set aside.
    async fn fall_back(&self, messages: Vec<(MessageId, Reason)>) -> Result<Vec<MessageId>, store::Error> {
        match self.store.fall_back(&messages).await {
            Err(error) if error.is_about_data() => {}
            outcome => return outcome,
        }
        let mut fell_back = Vec::new();
        for message in messages {
            match self.store.fall_back(std::slice::from_ref(&message)).await {
                Ok(did) => fell_back.extend(did),
                Err(error) if error.is_about_data() => self.quarantine(message.0, &error).await?,
                Err(error) => return Err(error),
            }
        }
        Ok(fell_back)
    }

    /// Takes rows out of the queue.
    ///
    /// # Errors
    /// When the ledger is not available.
    pub(crate) async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), store::Error> {
        if settlements.is_empty() {
            return Ok(());
        }
        for settlement in &settlements {
            metrics::gated(&settlement.reason.code());
        }
        match self.store.settle(&settlements).await {
            Err(error) if error.is_about_data() => {
                for settlement in settlements {
                    match self.store.settle(std::slice::from_ref(&settlement)).await {
                        // It stays queued, and is looked at again when its job is published again.
                        Err(error) if error.is_about_data() => {
                            error!(message.id = %settlement.id, error = &error as &dyn std::error::Error, "a message cannot be settled");
                        }
                        outcome => drop(outcome?),
                    }
                }
                Ok(())
            }
            outcome => outcome.map(drop),
        }
    }

    /// Sets a row aside for good.
    ///
    /// # Errors
    /// When the ledger is not available.
    pub(crate) async fn quarantine(&self, id: MessageId, why: &store::Error) -> Result<(), store::Error> {
        error!(message.id = %id, error = why as &dyn std::error::Error, "a message is set aside: its data cannot be handled");
        self.settle(vec![quarantined(id)]).await
    }

    async fn load(&self, ids: &[MessageId]) -> Result<Vec<Candidate>, store::Error> {
        match self.store.load(ids).await {
            Err(error) if error.is_about_data() => {}
            outcome => return outcome,
        }
        let mut rows = Vec::new();
        for id in ids {
            match self.store.load(&[*id]).await {
                Ok(found) => rows.extend(found),
                Err(error) if error.is_about_data() => self.quarantine(*id, &error).await?,
                Err(error) => return Err(error),
            }
        }
        Ok(rows)
    }

    fn decide(&self, row: Candidate, policies: Result<PolicyFacts, Unreadable>) -> Decision {
        let (id, now) = (row.id, row.read_at);
        let shape = self.kept.shape(&row);
        let facts = message::facts(&row, shape.as_deref());
        let verdict = match facts.and_then(|facts| policies.map(|policies| Facts { policies, ..facts })) {
            Ok(facts) => decide(&facts, now),
            Err(why) => return Decision::Settle(unreadable(id, why, now)),
        };
        if let Verdict::FallBack { reason } = verdict {
            return Decision::FallBack(reason);
        }
        if let Some(settlement) = settlement(id, verdict) {
            return Decision::Settle(settlement);
        }
        let token = match row.test {
            true if self.test_mode => Ok(Arc::new(SecretString::from(NO_TOKEN))),
            true => return Decision::Settle(failed(id, "test_mode_off")),
            false => self.kept.token(&self.store, &row),
        };
        let token = match token {
            Ok(token) => token,
            Err(why) => {
                error!(waba.id = %row.waba_meta_id, error = &why as &dyn std::error::Error, "the access token of an account cannot be opened, its messages wait");
                return Decision::Settle(waits(id, "access_token_unreadable", now));
            }
        };
        match message::message(row, token) {
            Ok(message) => Decision::Go(Box::new(message)),
            Err(why) => Decision::Settle(unreadable(id, why, now)),
        }
    }
}

/// A decision that survives a panic: the row is set aside, and the others go on.
fn guarded(id: MessageId, decide: impl FnOnce() -> Decision) -> Decision {
    // Nothing that a decision touches is left half done by a panic: what is kept is inserted whole.
    catch_unwind(AssertUnwindSafe(decide)).unwrap_or_else(|_| {
        error!(message.id = %id, "a message is set aside: deciding on it panicked");
        Decision::Settle(quarantined(id))
    })
}

/// What to write down for a verdict; nothing for one that lets the message go.
pub(crate) fn settlement(id: MessageId, verdict: Verdict) -> Option<Settlement> {
    let (state, until, reason) = match verdict {
        Verdict::Send => return None,
        Verdict::Defer { until, reason } => (State::Parked, until, reason),
        // Without its fallback that is what it comes to.
        Verdict::FallBack { reason } => (State::Failed, None, reason),
        Verdict::Drop { reason } => match reason {
            Reason::Expired => (State::Expired, None, reason),
            Reason::Canceled => (State::Canceled, None, reason),
            _ => (State::Failed, None, reason),
        },
    };
    Some(Settlement {
        id,
        state,
        until,
        reason,
    })
}

fn unreadable(id: MessageId, why: Unreadable, now: DateTime<Utc>) -> Settlement {
    error!(message.id = %id, "a message cannot be handled: {why}");
    match why {
        Unreadable::Unknown(_) => waits(id, "unreadable", now),
        Unreadable::Broken(_) => quarantined(id),
    }
}

fn waits(id: MessageId, reason: &str, now: DateTime<Utc>) -> Settlement {
    Settlement {
        id,
        state: State::Parked,
        until: Some(now + MENDED_AFTER),
        reason: Reason::Other(reason.to_owned()),
    }
}

fn failed(id: MessageId, reason: &str) -> Settlement {
    Settlement {
        id,
        state: State::Failed,
        until: None,
        reason: Reason::Other(reason.to_owned()),
    }
}

fn quarantined(id: MessageId) -> Settlement {
    metrics::quarantined();
    Settlement {
        id,
        state: State::Failed,
        until: None,
        reason: Reason::Quarantined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: MessageId = MessageId(uuid::Uuid::from_u128(1));

    #[track_caller]
    fn check(verdict: Verdict, expected: Option<(State, Option<DateTime<Utc>>)>) {
        let got = settlement(ID, verdict).map(|settlement| (settlement.state, settlement.until));
        assert_eq!(got, expected);
    }

    #[test]
    fn a_verdict_becomes_what_is_written_down() {
        let until = DateTime::from_timestamp(1_750_000_000, 0);
        let drop = |reason| Verdict::Drop { reason };
        let defer = |until| Verdict::Defer {
            until,
            reason: Reason::SenderPaused,
        };

        check(Verdict::Send, None);
        check(drop(Reason::Expired), Some((State::Expired, None)));
        check(drop(Reason::Canceled), Some((State::Canceled, None)));
        check(drop(Reason::OptedOut), Some((State::Failed, None)));
        check(drop(Reason::TemplateNotApproved), Some((State::Failed, None)));
        check(defer(until), Some((State::Parked, until)));
        check(defer(None), Some((State::Parked, None)));
    }

    #[test]
    fn a_panic_over_one_row_sets_that_row_aside() {
        let decision = guarded(ID, || panic!("a bug in a rule"));

        let Decision::Settle(settlement) = decision else {
            panic!("{decision:?}")
        };
        assert_eq!(
            (settlement.state, settlement.reason),
            (State::Failed, Reason::Quarantined)
        );
    }
}
