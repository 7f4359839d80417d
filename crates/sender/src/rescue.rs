//! What a killed sender left behind, brought to its end from its journal, before anything else is done.
//!
//! **Invariants.** A row goes back to the queue only on proof that its POST had not begun. Everything is fenced by the claim, so what
//! a lease, a webhook or another reader told meanwhile wins. A file goes only when the ledger has all that it says.

use std::collections::HashMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use domain::{MessageId, Reason, State};
use serde_json::json;
use store::Store;
use store::outcomes::{Post, Recorded};
use store::rescue::Standing;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::journal::{Dead, Done, Record, leftovers};
use crate::metrics;

/// Claims per statement.
const BATCH: usize = 500;

/// Looks for journals of dead senders.
#[derive(Debug, Clone)]
pub(crate) struct Rescue {
    pub(crate) store: Store,
    pub(crate) folder: PathBuf,
    /// Which ledger's.
    pub(crate) stem: String,
}

/// What a pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pass {
    /// Given back, unattempted.
    pub(crate) not_begun: usize,
    /// Now waiting for their webhooks.
    pub(crate) uncertain: usize,
    /// Outcomes that had not reached the ledger.
    pub(crate) told: usize,
    /// Set aside: several senders died over them.
    pub(crate) quarantined: usize,
}

/// How far a claimed row came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Came {
    NotBegun,
    Begun { slot: DateTime<Utc> },
    Done(Box<Done>),
}

impl Rescue {
    /// Reads every journal that nobody writes any more.
    ///
    /// # Errors
    /// When the ledger is not available; the files stay, and again is harmless.
    pub(crate) async fn run_once(&self) -> Result<Pass, store::Error> {
        let mut pass = Pass::default();
        for dead in self.dead().await {
            self.bury(&dead, &mut pass).await?;
            if let Err(error) = dead.remove() {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "a journal that was read cannot be removed"
                );
            }
        }
        if pass != Pass::default() {
            let Pass {
                not_begun,
                uncertain,
                told,
                quarantined,
            } = pass;
            info!(
                not_begun,
                uncertain,
                told,
                quarantined,
                "of a sender that died: {not_begun} attempts had not begun, {uncertain} are uncertain, {told} were answered"
            );
        }
        Ok(pass)
    }

    async fn dead(&self) -> Vec<Dead> {
        let (folder, stem) = (self.folder.clone(), self.stem.clone());
        let read = tokio::task::spawn_blocking(move || leftovers(&folder, &stem)).await;
        read.unwrap_or_else(|panic| Err(std::io::Error::other(panic)))
            .inspect_err(|error| {
                let folder = self.folder.display();
                warn!(
                    error = error as &dyn std::error::Error,
                    "journals in {folder} cannot be read; leases will tell"
                );
            })
            .unwrap_or_default()
    }

    async fn bury(&self, dead: &Dead, pass: &mut Pass) -> Result<(), store::Error> {
        let came = how_far(&dead.records);
        let claims: Vec<(MessageId, Uuid)> = came.keys().copied().collect();
        for claims in claims.chunks(BATCH) {
            let (standing, reading) = self.store.standing_claims(claims).await?;
            let mut outcomes = Vec::new();
            for row in standing {
                let Some(came) = came.get(&(row.id, row.claim)) else {
                    continue;
                };
                if let Some(outcome) = outcome(came, &row, dead.complete, reading.at()) {
                    match came {
                        Came::NotBegun => pass.not_begun += 1,
                        Came::Begun { .. } => pass.uncertain += 1,
                        Came::Done(_) => pass.told += 1,
                    }
                    outcomes.push(outcome);
                }
            }
            if !outcomes.is_empty() {
                self.store.record_outcomes(&outcomes).await?;
            }
        }
        let blamed = blamed(dead.complete, &dead.marked, &came);
        if !blamed.is_empty() {
            for id in self.store.count_crashes(&blamed).await? {
                metrics::quarantined();
                pass.quarantined += 1;
                error!(message.id = %id, "message {id} is set aside: a sender died over it again and again");
            }
        }
        Ok(())
    }
}

pub(crate) fn how_far(records: &[Record]) -> HashMap<(MessageId, Uuid), Came> {
    let mut rows = HashMap::new();
    for record in records {
        // Records of one row are written one after the other, each after the one before is: the furthest counts.
        match record {
            Record::Claimed { id, claim } => {
                rows.entry((*id, *claim)).or_insert(Came::NotBegun);
            }
            Record::Begun { id, claim, slot } => {
                let came = rows.entry((*id, *claim)).or_insert(Came::NotBegun);
                if *came == Came::NotBegun {
                    *came = Came::Begun { slot: *slot };
                }
            }
            Record::Done(done) => {
                rows.insert((done.id, done.post.claim), Came::Done(Box::new(done.clone())));
            }
        }
    }
    rows
}

/// What to record for a claim that stands; nothing where the ledger knows as much already, or more cannot be known.
pub(crate) fn outcome(came: &Came, row: &Standing, complete: bool, now: DateTime<Utc>) -> Option<Recorded> {
    match came {
        Came::NotBegun => complete.then(|| Recorded::given_back(row.id, row.attempt, now)),
        Came::Begun { slot } => (row.state == State::Sending).then(|| Recorded {
            state: State::Uncertain,
            wake_at: Some(now + row.category.hold()),
            reason: Some(Reason::OutcomeUnknown.to_string()),
            refused: false,
            post: Some(Post {
                claim: row.claim,
                slot: *slot,
                ended_at: now,
                post_ms: i32::try_from((now - slot).num_milliseconds()).unwrap_or(i32::MAX),
                outcome: "unknown",
                http_status: None,
                error: Some(json!({"cause": "the sender ended during the call"})),
            }),
            ..Recorded::given_back(row.id, row.attempt, now)
        }),
        Came::Done(done) => Some((**done).clone().recorded(row.attempt)),
    }
}

/// The rows that the process was working on when it died: marked, or with their POST under way.
pub(crate) fn blamed(complete: bool, marked: &[MessageId], came: &HashMap<(MessageId, Uuid), Came>) -> Vec<MessageId> {
    if !complete {
        // The machine went down, and nobody knows which of these were over.
        return Vec::new();
    }
    let begun = came.iter().filter(|(_, came)| matches!(came, Came::Begun { .. }));
    let mut blamed: Vec<MessageId> = begun.map(|((id, _), _)| *id).chain(marked.iter().copied()).collect();
    blamed.sort_unstable();
    blamed.dedup();
    blamed
}

#[cfg(test)]
mod tests;
