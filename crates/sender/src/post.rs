//! One claimed row: composed, posted at its slot, judged.
//!
//! **Invariants.** A claim is posted at most once, and only by the process that saw its commit succeed. A POST never leaves before
//! its slot, never later than [`pace::MAX_SEND_DELAY`] after it and never after the message's end: a slot that cannot be kept is
//! given back, and the row waits for another.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::attempt::{GraphError, Outcome, Rejection, Uncertainty};
use domain::opaque::Signer;
use domain::trace::{Span, SpanKind};
use domain::{Lane, MediaId, NumberId, Reason, State, pace};
use futures_util::FutureExt as _;
use meta::message::Composed;
use runtime::crash::{CrashPoint, crash_after, crash_at};
use runtime::telemetry::traces;
use serde_json::{Value, json};
use store::Reading;
use store::outcomes::{Post, Recorded};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};
use uuid::Uuid;

use crate::aftermath::{Aftermath, Attempted, Consequence, aftermath};
use crate::breaker::{HostBreaker, Leave};
use crate::journal::{Journal, Trail};
use crate::lead::Lead;
use crate::media;
use crate::message::Message;
use crate::metrics;
use crate::record::{Ended, Entry};

/// Posts, each row in a task of its own.
#[derive(Debug, Clone)]
pub(crate) struct Poster {
    meta: meta::Client,
    /// For the messages of test keys.
    test_meta: Option<meta::Client>,
    signer: Signer,
    tasks: TaskTracker,
    record: mpsc::Sender<Entry>,
    journal: Journal,
    breaker: HostBreaker,
    lead: Arc<Lead>,
}

/// A row that admission gave a slot.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) message: Message,
    pub(crate) lane: Lane,
    pub(crate) claim: Uuid,
    pub(crate) attempt: i32,
    pub(crate) slot: DateTime<Utc>,
    /// The ledger's clock, read after the claim.
    pub(crate) reading: Reading,
    /// Its place among those in flight, until its outcome is on its way to the ledger.
    pub(crate) permit: OwnedSemaphorePermit,
    /// To call Meta's host once.
    pub(crate) leave: Leave,
    /// Its part of the journal.
    pub(crate) trail: Trail,
}

/// How an attempt ended, what that means for others, and files that Meta does not know any more.
type Judged = (Recorded, Option<Consequence>, Vec<(MediaId, NumberId, String)>);

impl Poster {
    pub(crate) fn new(
        (meta, test_meta): (meta::Client, Option<meta::Client>),
        signer: Signer,
        tasks: TaskTracker,
        record: mpsc::Sender<Entry>,
        journal: Journal,
    ) -> Self {
        Self {
            meta,
            test_meta,
            signer,
            tasks,
            record,
            journal,
            breaker: HostBreaker::default(),
            lead: Arc::default(),
        }
    }

    /// Where outcomes go.
    pub(crate) fn record(&self) -> &mpsc::Sender<Entry> {
        &self.record
    }

    /// What says whether Meta's host may be called.
    pub(crate) fn breaker(&self) -> &HostBreaker {
        &self.breaker
    }

    /// How far ahead slots are taken.
    pub(crate) fn lead(&self) -> &Lead {
        &self.lead
    }

    /// Where claims are noted.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Posts a row at its slot and passes on what came of it.
    pub(crate) fn post(&self, mut claimed: Claimed) {
        let poster = self.clone();
        self.tasks.spawn(async move {
            let (recorded, consequence, stale) = poster.attempt(&mut claimed).await;
            claimed.trail.done(&recorded);
            let ended = Ended {
                recorded,
                consequence,
                stale,
                trail: claimed.trail,
            };
            // The recorder lives longer than every task; if it does not, the process is going down and leases will tell.
            if poster.record.send(Entry::Ended(Box::new(ended))).await.is_err() {
                error!(message.id = %claimed.message.id, "an outcome could not be recorded: its recorder is gone");
            }
            drop(claimed.permit);
        });
    }

    async fn attempt(&self, claimed: &mut Claimed) -> Judged {
        // The desk lets no test pass without a stand-in. Should one come by, it goes nowhere.
        let meta = if claimed.message.test {
            self.test_meta.as_ref()
        } else {
            Some(&self.meta)
        };
        let (Some(meta), Some(composed)) = (meta, self.compose(claimed)) else {
            return claimed.quarantined();
        };
        let slot = claimed.reading.surely_reached(claimed.slot);
        tokio::time::sleep_until(slot.into()).await;
        let begun = Instant::now();
        crash_at(CrashPoint::W4);
        if begun > claimed.latest() {
            self.lead.missed(begun);
            return claimed.given_back(begun);
        }
        self.lead.kept(begun);
        metrics::set_out(begun.saturating_duration_since(slot));
        let set_out = claimed.reading.time(begun);
        let since = |at: DateTime<Utc>| (set_out - at).to_std().unwrap_or_default();
        let queue = claimed.message.waited.to_std().unwrap_or_default();
        metrics::waited(claimed.lane.as_str(), queue, claimed.message.prompt_since.map(since));
        let message = &claimed.message;
        let watch = Arc::new(Beginning::of(claimed));
        let watching = Arc::clone(&watch);
        let watching: Arc<meta::Watch> = Arc::new(move |step| watching.follow(step));
        let post = meta.send_message_watched(&message.phone_number_id, &message.token, composed, watching);
        // A panic in there tells nothing about how far it came.
        let outcome = AssertUnwindSafe(post).catch_unwind().await.unwrap_or_else(|_| {
            Outcome::Unknown(Uncertainty {
                cause: "a panic while posting".to_owned(),
                http_status: None,
                graph: None,
            })
        });
        if watch.called_off.load(Ordering::SeqCst) {
            return claimed.given_back(Instant::now());
        }
        // A stand-in tells nothing about Meta's host.
        if let (false, Some(leave)) = (claimed.message.test, claimed.leave.split()) {
            leave.used(&outcome);
        }
        claimed.ended(outcome, begun, Instant::now())
    }

    fn compose(&self, claimed: &Claimed) -> Option<Composed> {
        let message = &claimed.message;
        let working = self.journal.marker();
        working.on(message.id);
        let composed = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let opaque = self.signer.sign(message.id, claimed.attempt);
            meta::message::compose(&message.recipient, &message.content, &opaque)
        }));
        match composed {
            Ok(Ok(composed)) => return Some(composed),
            Ok(Err(why)) => error!(message.id = %message.id, "a message is set aside: {why}"),
            Err(_) => error!(message.id = %message.id, "a message is set aside: composing it panicked"),
        }
        None
    }
}

/// Where a POST becomes one that may have happened: right before its first byte, so that a sender that dies while it connects leaves a
/// message that provably was not sent.
struct Beginning {
    note: Box<dyn Fn() -> bool + Send + Sync>,
    /// It could not be noted, so it was not to be.
    called_off: AtomicBool,
}

impl Beginning {
    fn of(claimed: &Claimed) -> Self {
        Self {
            note: Box::new(claimed.trail.begin(claimed.message.id, claimed.slot)),
            called_off: AtomicBool::new(false),
        }
    }

    fn follow(&self, step: meta::Step) -> bool {
        match step {
            meta::Step::Connected => {
                crash_at(CrashPoint::W5);
                let noted = (self.note)();
                self.called_off.store(!noted, Ordering::SeqCst);
                return noted;
            }
            meta::Step::HandedOver => crash_after(CrashPoint::W6),
            meta::Step::Answered => crash_at(CrashPoint::W7),
            meta::Step::Read => crash_at(CrashPoint::W8),
        }
        true
    }
}

impl Claimed {
    /// The last moment to set out.
    fn latest(&self) -> Instant {
        let end = (self.slot + pace::MAX_SEND_DELAY).min(self.message.expires_at);
        self.reading.surely_not_passed(end)
    }

    fn ended(&self, outcome: Outcome, begun: Instant, ended: Instant) -> Judged {
        let now = self.reading.time(ended);
        let stale = media::stale(&self.message, &outcome);
        let mut after = aftermath(&outcome, &self.attempted(), now, rand::random());
        if after.state == State::Parked && !stale.is_empty() {
            // What was wrong is known, and mended by another upload.
            after.wake_at = Some(now);
        }
        self.tell(&outcome, &after, ended - begun);
        self.trace(&outcome, begun, now);
        let (word, http_status, error) = story(&outcome);
        let post = Post {
            claim: self.claim,
            slot: self.slot,
            ended_at: now,
            post_ms: i32::try_from((ended - begun).as_millis()).unwrap_or(i32::MAX),
            outcome: word,
            http_status,
            error,
        };
        let recorded = Recorded {
            id: self.message.id,
            attempt: self.attempt,
            state: after.state,
            wake_at: after.wake_at,
            reason: after.reason.as_ref().map(ToString::to_string),
            wamid: after.wamid.map(|wamid| wamid.0),
            burns: after.burns,
            refused: after.refused,
            post: Some(post),
        };
        // Nor about its numbers, accounts and templates.
        let of_live = |consequence: &Consequence| !self.message.test || matches!(consequence, Consequence::FallBack(_));
        (recorded, after.consequence.filter(of_live), stale)
    }

    /// A span of the message's trace, where somebody follows it.
    fn trace(&self, outcome: &Outcome, begun: Instant, ended: DateTime<Utc>) {
        let Some(parent) = self.message.trace.filter(|trace| trace.is_sampled()) else {
            return;
        };
        let (word, http_status, _) = story(outcome);
        traces::record(|| {
            let mut attributes = vec![
                ("message.id", self.message.id.to_string()),
                ("attempt", self.attempt.to_string()),
                ("outcome", word.to_owned()),
                ("lane", self.lane.as_str().to_owned()),
            ];
            attributes.extend(http_status.map(|status| ("http.response.status_code", status.to_string())));
            let span = Span {
                parent,
                context: parent.child(rand::random()),
                name: "post to Meta",
                kind: SpanKind::Client,
                began: self.reading.time(begun),
                ended,
                attributes,
                failure: (word != "accepted").then(|| word.to_owned()),
            };
            span.to_json()
        });
    }

    fn attempted(&self) -> Attempted {
        Attempted {
            id: self.message.id,
            number: self.message.number,
            waba: self.message.waba,
            template: self.message.template,
            category: self.message.category,
            expires_at: self.message.expires_at,
            attempt: self.attempt,
            failures: self.message.failures,
            has_fallback: self.message.has_fallback,
        }
    }

    fn given_back(&self, at: Instant) -> Judged {
        metrics::given_back();
        let late_ms = at
            .saturating_duration_since(self.reading.surely_not_passed(self.slot))
            .as_millis();
        debug!(message.id = %self.message.id, late_ms, "a slot is given up: it passed {late_ms} ms ago");
        let given_back = Recorded::given_back(self.message.id, self.attempt, self.reading.time(at));
        (given_back, None, Vec::new())
    }

    fn quarantined(&self) -> Judged {
        metrics::quarantined();
        let quarantined = Recorded {
            state: State::Failed,
            wake_at: None,
            reason: Some(Reason::Quarantined.to_string()),
            ..Recorded::given_back(self.message.id, self.attempt, self.slot)
        };
        (quarantined, None, Vec::new())
    }

    fn tell(&self, outcome: &Outcome, after: &Aftermath, took: Duration) {
        let (id, attempt, call_ms) = (self.message.id, self.attempt, took.as_millis());
        let word = story(outcome).0;
        metrics::posted(word, took);
        if after.state == State::Parked {
            metrics::retried(
                &after
                    .reason
                    .as_ref()
                    .map_or_else(|| "not_sent".into(), |reason| reason.code()),
            );
        }
        match outcome {
            Outcome::Accepted(_) => {
                debug!(message.id = %id, attempt, call_ms, lane = self.lane.as_str(), "Meta accepted message {id}");
            }
            Outcome::Rejected(Rejection::NotSent { cause }) => {
                info!(message.id = %id, attempt, "message {id} was not sent: {cause}");
            }
            Outcome::Rejected(Rejection::Graph(error)) => {
                info!(message.id = %id, attempt, meta.code = error.code, next = ?after.state, "Meta refused message {id} with code {}", error.code);
            }
            Outcome::Unknown(uncertainty) => {
                warn!(message.id = %id, attempt, call_ms, "whether Meta has message {id} is not known: {}", uncertainty.cause);
            }
        }
    }
}

/// What is kept of an outcome: its word, the answer's status, the error.
fn story(outcome: &Outcome) -> (&'static str, Option<u16>, Option<Value>) {
    let graph = |error: &GraphError| {
        json!({"code": error.code, "subcode": error.subcode, "title": error.title, "details": error.details,
            "fbtrace_id": error.fbtrace_id, "transient": error.transient})
    };
    match outcome {
        Outcome::Accepted(accepted) => {
            let held = accepted.held_for_quality.then(|| json!({"held_for_quality": true}));
            ("accepted", Some(200), held)
        }
        Outcome::Rejected(Rejection::NotSent { cause }) => ("rejected", None, Some(json!({"cause": cause}))),
        Outcome::Rejected(Rejection::Graph(error)) => ("rejected", Some(error.http_status), Some(graph(error))),
        Outcome::Unknown(uncertainty) => {
            let mut error = uncertainty.graph.as_ref().map_or_else(|| json!({}), graph);
            error["cause"] = json!(uncertainty.cause);
            ("unknown", uncertainty.http_status, Some(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn beginning(can_be_noted: bool) -> (Beginning, Arc<AtomicUsize>) {
        let notes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&notes);
        let note = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            can_be_noted
        };
        let beginning = Beginning {
            note: Box::new(note),
            called_off: AtomicBool::new(false),
        };
        (beginning, notes)
    }

    #[test]
    fn a_post_is_noted_before_its_first_byte_and_called_off_when_it_cannot_be() {
        let (noted, notes) = beginning(true);
        assert!(noted.follow(meta::Step::Connected));
        assert_eq!(notes.load(Ordering::SeqCst), 1, "before anything is handed over");
        for step in [meta::Step::HandedOver, meta::Step::Answered, meta::Step::Read] {
            assert!(noted.follow(step));
        }
        assert_eq!(notes.load(Ordering::SeqCst), 1, "and once");
        assert!(!noted.called_off.load(Ordering::SeqCst));

        let (not_noted, _) = beginning(false);
        assert!(!not_noted.follow(meta::Step::Connected));
        assert!(not_noted.called_off.load(Ordering::SeqCst));
    }
}
