//! The recorder: outcomes on their way to the ledger, in batches.
//!
//! **Invariant:** it does not let go of an outcome before the ledger has it. Every write here may be repeated without harm, so while
//! the ledger is away it simply tries again; meanwhile its queue fills, which stops the claiming of more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{MediaId, MessageId, NumberId, Reason, WabaId};
use runtime::crash::{CrashPoint, crash_at, crash_during};
use runtime::{Shutdown, batch};
use store::Store;
use store::outcomes::{Numbers, Recorded};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::aftermath::Consequence;
use crate::journal::Trail;
use crate::metrics;

/// Outcomes per statement, and how long the first waits for others.
const BATCH: usize = 200;
const WINDOW: Duration = Duration::from_millis(10);
/// Pauses between tries while the ledger is away.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a stopping process still tries. After it the leases run out, and the attempts become uncertain.
const LAST_TRIES: Duration = Duration::from_secs(20);

/// Something the ledger must learn.
#[derive(Debug)]
pub(crate) enum Entry {
    /// An attempt ended.
    Ended(Box<Ended>),
    /// An admission whose commit is in doubt: nothing of it was posted.
    Doubtful {
        /// Its claim.
        claim: Uuid,
        /// What it asked for.
        ids: Vec<MessageId>,
        /// What the journal says of it.
        trail: Trail,
    },
}

/// How an attempt ended, and what that means for others.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) recorded: Recorded,
    pub(crate) consequence: Option<Consequence>,
    /// Files that Meta does not know any more by these ids.
    pub(crate) stale: Vec<(MediaId, NumberId, String)>,
    /// What the journal says of it.
    pub(crate) trail: Trail,
}

/// Writes entries.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) store: Store,
    pub(crate) shutdown: Shutdown,
}

impl Recorder {
    /// Works until everybody who could hand in an entry is gone.
    pub(crate) async fn run(self, mut entries: mpsc::Receiver<Entry>) {
        while let Some(batch) = batch::next(&mut entries, BATCH, WINDOW).await {
            self.persist(batch).await;
        }
    }

    async fn persist(&self, batch: Vec<Entry>) {
        crash_at(CrashPoint::W9);
        let size = batch.len();
        let batch = Batch::of(batch);
        let (mut pause, mut stopping) = (FIRST_PAUSE, None);
        while let Err(error) = self.write(&batch).await {
            if self.shutdown.is_requested() && stopping.get_or_insert_with(Instant::now).elapsed() >= LAST_TRIES {
                error!(
                    entries = size,
                    error = &error as &dyn std::error::Error,
                    "{size} outcomes are given up, the ledger is away; their leases will tell"
                );
                return;
            }
            warn!(
                entries = size,
                error = &error as &dyn std::error::Error,
                "{size} outcomes wait for the ledger"
            );
            // Spread, so that many senders do not come back to it in step.
            let part: f64 = rand::random_range(0.5..1.0);
            sleep(pause.mul_f64(part)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        crash_at(CrashPoint::W11);
        batch.trails.into_iter().for_each(Trail::settle);
    }

    async fn write(&self, batch: &Batch) -> Result<(), store::Error> {
        // First what keeps others from running into the same wall.
        for (numbers, (until, reason)) in &batch.holds {
            let held = self.store.hold_numbers(*numbers, *until, reason).await?;
            if held > 0 {
                warn!(numbers = ?numbers, until = %until, reason, "{held} sender numbers are held until {until}: {reason}");
            }
        }
        for (id, until) in &batch.pairs {
            self.store.hold_pair(*id, *until).await?;
        }
        for number in &batch.slower {
            if let Some((slowed, true)) = self.store.slow_down(*number).await? {
                warn!(number.id = %number, to = slowed.to, "sender number {number} goes slower, at {:.0} % of its pace: Meta throttled it", slowed.to * 100.0);
            }
        }
        for (number, reason) in &batch.stopped {
            if self.store.stop_number(*number, reason).await? {
                error!(number.id = %number, reason, "sender number {number} is stopped until Meta or an operator lets it go on: {reason}");
            }
        }
        for (waba, reason) in &batch.wabas {
            if self.store.restrict_waba(*waba).await? {
                error!(waba = %waba, reason, "an account is closed until Meta or an operator reopens it: {reason}");
            }
        }
        for (template, (status, reason)) in &batch.templates {
            if self.store.close_template(*template, status).await? {
                warn!(template = %template, reason, "a template is closed, Meta says {status}: {reason}");
            }
        }
        if !batch.stale.is_empty() {
            let files = self.store.forget_media_uploads(&batch.stale).await?;
            info!(
                files,
                "Meta does not know {files} files any more, they are uploaded again"
            );
        }
        for (claim, ids) in &batch.doubtful {
            let given_back = self.store.give_back_claim(*claim, ids).await?;
            info!(claim = %claim, rows = given_back, "{given_back} rows of an admission in doubt are given back");
        }
        if !batch.no_marketing.is_empty() {
            self.store.suppress_by_refusal(&batch.no_marketing).await?;
        }
        self.record(&batch.outcomes).await?;
        self.fall_back(&batch.fall_backs).await
    }

    async fn fall_back(&self, messages: &[(MessageId, Reason)]) -> Result<(), store::Error> {
        if messages.is_empty() {
            return Ok(());
        }
        match self.store.fall_back(messages).await {
            // They stay what they are, and are refused again until their tries are used up.
            Err(error) if error.is_about_data() => {
                error!(
                    rows = messages.len(),
                    error = &error as &dyn std::error::Error,
                    "messages cannot fall back to their templates"
                );
                Ok(())
            }
            outcome => outcome.map(drop),
        }
    }

    async fn record(&self, outcomes: &[Recorded]) -> Result<(), store::Error> {
        if outcomes.is_empty() {
            return Ok(());
        }
        let recording = crash_during(CrashPoint::W10, self.store.record_outcomes(outcomes));
        let recorded = if outcomes.iter().any(|outcome| outcome.refused) {
            crash_during(CrashPoint::R3, recording).await
        } else {
            recording.await
        };
        match recorded {
            Err(error) if error.is_about_data() => {}
            outcome => return outcome.map(drop),
        }
        for outcome in outcomes {
            match self.store.record_outcomes(std::slice::from_ref(outcome)).await {
                Err(error) if error.is_about_data() => {
                    metrics::unrecorded();
                    error!(message.id = %outcome.id, attempt = outcome.attempt, error = &error as &dyn std::error::Error, "an outcome cannot be recorded, its lease will tell");
                }
                outcome => drop(outcome?),
            }
        }
        Ok(())
    }
}

/// Entries, put together by what is written at once.
#[derive(Debug, Default)]
struct Batch {
    outcomes: Vec<Recorded>,
    doubtful: Vec<(Uuid, Vec<MessageId>)>,
    stale: Vec<(MediaId, NumberId, String)>,
    /// The longest hold of each scope.
    holds: BTreeMap<Numbers, (DateTime<Utc>, String)>,
    /// One message of each pair that waits.
    pairs: Vec<(MessageId, DateTime<Utc>)>,
    slower: BTreeSet<NumberId>,
    stopped: BTreeMap<NumberId, String>,
    wabas: BTreeMap<WabaId, String>,
    templates: BTreeMap<domain::TemplateId, (&'static str, String)>,
    fall_backs: Vec<(MessageId, Reason)>,
    no_marketing: Vec<MessageId>,
    /// Settled when all of the above is written, and no sooner.
    trails: Vec<Trail>,
}

impl Batch {
    fn of(entries: Vec<Entry>) -> Self {
        let mut batch = Self::default();
        for entry in entries {
            match entry {
                Entry::Doubtful { claim, ids, trail } => {
                    batch.doubtful.push((claim, ids));
                    batch.trails.push(trail);
                }
                Entry::Ended(ended) => {
                    let reason = ended.recorded.reason.clone().unwrap_or_default();
                    if let Some(consequence) = ended.consequence {
                        batch.add(consequence, reason);
                    }
                    batch.stale.extend(ended.stale);
                    batch.outcomes.push(ended.recorded);
                    batch.trails.push(ended.trail);
                }
            }
        }
        batch
    }

    fn add(&mut self, consequence: Consequence, reason: String) {
        match consequence {
            Consequence::SlowDown(number, until) => {
                self.slower.insert(number);
                self.add(Consequence::Hold(Numbers::One(number), until), reason);
            }
            Consequence::Hold(numbers, until) => {
                let hold = self.holds.entry(numbers).or_insert_with(|| (until, reason.clone()));
                if hold.0 < until {
                    *hold = (until, reason);
                }
            }
            Consequence::HoldPair(id, until) => self.pairs.push((id, until)),
            Consequence::StopNumber(number) => {
                self.stopped.insert(number, reason);
            }
            Consequence::RestrictWaba(waba) => {
                self.wabas.insert(waba, reason);
            }
            Consequence::CloseTemplate(template, status) => {
                self.templates.insert(template, (status, reason));
            }
            Consequence::NoMarketing(message) => self.no_marketing.push(message),
            Consequence::FallBack(message) => self.fall_backs.push((message, Reason::parse(&reason))),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn many_throttles_of_one_number_are_one_hold_the_longest() {
        let now = DateTime::from_timestamp(1_750_000_000, 0).unwrap();
        let number = Numbers::One(NumberId(1));
        let ended = |seconds| {
            Entry::Ended(Box::new(Ended {
                recorded: Recorded {
                    reason: Some(format!("meta_{seconds}")),
                    ..Recorded::given_back(MessageId(Uuid::from_u128(1)), 1, now)
                },
                consequence: Some(Consequence::Hold(number, now + TimeDelta::seconds(seconds))),
                stale: Vec::new(),
                trail: Trail::default(),
            }))
        };

        let batch = Batch::of([1, 4, 2].map(ended).into());

        assert_eq!(batch.outcomes.len(), 3);
        let expected = (now + TimeDelta::seconds(4), "meta_4".to_owned());
        assert_eq!(batch.holds, BTreeMap::from([(number, expected)]));
    }
}
