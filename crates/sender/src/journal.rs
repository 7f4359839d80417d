//! The attempt journal: what this process is about to do, and has done, where a successor finds it after a `kill -9`.
//!
//! The ledger cannot tell whether the POST of a claim began when its sender is gone; the journal can. Before rows are claimed it
//! says so, before a POST's first byte it says so, and after the answer it says what that was. [`crate::rescue`] reads what a dead
//! process left.
//!
//! **Invariants.** No POST begins before its record is written, or the file is gone: "claimed, and no more" proves that nothing was
//! posted. Losing a file is safe: the leases do the same work, only later and with less knowledge. Nothing is ever synced, because
//! the page cache outlives a process; across a restart of the machine only positive records are believed.
//!
//! A journal is a row of segments. A segment that is full is followed by a new one, and removed when the last of its claims is
//! settled, so the folder holds a few megabytes at most, however long a process runs.

mod record;
mod segment;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use domain::MessageId;
use store::outcomes::Recorded;
use tracing::{error, warn};
use uuid::Uuid;

pub(crate) use record::{Done, Record};
pub(crate) use segment::{Dead, leftovers};
use segment::{Marker, Segment};

/// Bytes after which a segment is followed by a new one: about ten thousand messages.
const FULL: u64 = 8 << 20;

/// The beginning of the names of one ledger's files, so that pipelines that share a folder leave each other's alone.
pub(crate) fn stem(ledger: &[&str]) -> String {
    format!("{:016x}", record::checksum(ledger.join(" ").as_bytes()))
}

/// The journal of this process. Cheap to clone; one that is off writes nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    stem: String,
    current: Mutex<Arc<Segment>>,
    /// A write failed: nothing more is claimed here.
    broken: AtomicBool,
}

impl Journal {
    /// Opens a journal in a folder, for one ledger: `stem` begins its files' names.
    ///
    /// # Errors
    /// When the folder or the first file cannot be made.
    pub(crate) fn open(folder: &Path, stem: &str) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self(Some(Arc::new(Inner {
            folder: folder.to_owned(),
            stem: stem.to_owned(),
            current: Mutex::new(Arc::new(Segment::create(folder, stem)?)),
            broken: AtomicBool::new(false),
        }))))
    }

    /// Notes that these rows are about to be claimed, before anybody asks the ledger for them: from the moment of that commit on it is
    /// known that none of them has begun.
    pub(crate) fn claim(&self, claim: Uuid, ids: &[MessageId]) -> Trail {
        let segment = self.0.as_ref().and_then(|inner| inner.note(claim, ids));
        Trail {
            segment,
            claim,
            rows: ids.len(),
        }
    }

    /// Where to note which row is being worked on, for as long as the marker lives.
    pub(crate) fn marker(&self) -> Marker {
        let Some(inner) = &self.0 else {
            return Marker::default();
        };
        Marker::take(Arc::clone(
            &inner.current.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

impl Inner {
    fn note(&self, claim: Uuid, ids: &[MessageId]) -> Option<Arc<Segment>> {
        if self.broken.load(Ordering::Relaxed) {
            return None;
        }
        let noted = self.segment().and_then(|segment| {
            let records = ids.iter().map(|id| Record::Claimed { id: *id, claim });
            segment.claim(records).map(|()| segment)
        });
        noted
            .inspect_err(|error| {
                self.broken.store(true, Ordering::Relaxed);
                let folder = self.folder.display();
                error!(error = error as &dyn std::error::Error, "the attempt journal in {folder} cannot be written and is off until the next start; leases go on without it");
            })
            .ok()
    }

    fn segment(&self) -> io::Result<Arc<Segment>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.len() >= FULL {
            *current = Arc::new(Segment::create(&self.folder, &self.stem)?);
        }
        Ok(Arc::clone(&current))
    }
}

/// The journal of one claim's rows. One that is dropped unsettled leaves its file behind, for the next start to read.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    segment: Option<Arc<Segment>>,
    claim: Uuid,
    rows: usize,
}

impl Trail {
    /// One row's part, out of the whole.
    pub(crate) fn split(&mut self) -> Self {
        self.rows = self.rows.saturating_sub(1);
        Self {
            segment: self.segment.clone(),
            claim: self.claim,
            rows: 1,
        }
    }

    /// What notes that a POST begins, when the time has come. When that cannot be noted, and the file cannot be taken away either, it
    /// says no, and the POST must not be.
    pub(crate) fn begin(&self, id: MessageId, slot: DateTime<Utc>) -> impl Fn() -> bool + Send + Sync + 'static {
        let (segment, claim) = (self.segment.clone(), self.claim);
        move || {
            let Some(segment) = &segment else { return true };
            match segment.append(&Record::Begun { id, claim, slot }) {
                Ok(()) => true,
                Err(error) => {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        "the attempt journal cannot be written"
                    );
                    segment.discard()
                }
            }
        }
    }

    /// Notes how a POST ended. Without it the successor holds the attempt for uncertain, which is safe.
    pub(crate) fn done(&self, outcome: &Recorded) {
        let (Some(segment), Some(done)) = (&self.segment, Done::of(outcome)) else {
            return;
        };
        if let Err(error) = segment.append(&Record::Done(done)) {
            warn!(
                error = &error as &dyn std::error::Error,
                "the attempt journal cannot be written"
            );
        }
    }

    /// The ledger knows all there is to know of these rows.
    pub(crate) fn settle(self) {
        if let Some(segment) = &self.segment {
            segment.settle(self.rows);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
