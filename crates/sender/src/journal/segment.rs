//! One file of a journal: a head with the machine's boot and the rows being worked on, then records.
//!
//! **Invariant:** a file belongs to whoever holds its lock. Its writer holds it until the process ends, in whatever way; only then
//! can a reader take it, and only who took it removes it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use domain::MessageId;
use uuid::Uuid;

use super::record::{RECORD, Record};

const MAGIC: &[u8; 16] = b"turnpike.sender1";
const BOOT: u64 = 16;
const BOOT_LENGTH: usize = 36;
const MARKERS: u64 = 64;
const MARKER: usize = 16;
/// Rows that can be worked on at once, one bit each. More threads than that go unmarked.
const PLACES: usize = 64;
/// Where records begin.
const HEAD: usize = 2048;
const EXTENSION: &str = "journal";
/// A file that nobody came back for by then is of no use to anybody: every lease and hold it could tell about is over.
const FORGOTTEN: Duration = Duration::from_secs(7 * 24 * 3600);

/// A file that this process writes.
#[derive(Debug)]
pub(super) struct Segment {
    file: File,
    path: PathBuf,
    /// Where the next record goes. Reserved first and written then, so that nobody waits for anybody; a kill in between leaves a
    /// gap, which readers pass over.
    end: AtomicU64,
    /// Claimed rows that the ledger does not know all about yet.
    unsettled: AtomicUsize,
    marked: AtomicU64,
    discarded: AtomicBool,
}

impl Segment {
    pub(super) fn create(folder: &Path, stem: &str) -> io::Result<Self> {
        loop {
            let path = folder.join(format!("{stem}-{}.{EXTENSION}", Uuid::new_v4().simple()));
            // For this account's eyes: Meta's message ids can be traced to people.
            let mut options = OpenOptions::new();
            let file = options
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            // A reader may have come by between these two and taken the empty file for a dead one's; then another.
            if file.try_lock().is_err() || file.metadata()?.nlink() == 0 {
                continue;
            }
            let mut head = [0; HEAD];
            head[..MAGIC.len()].copy_from_slice(MAGIC);
            if let Some(boot) = boot() {
                head[BOOT as usize..][..BOOT_LENGTH].copy_from_slice(&boot);
            }
            file.write_all_at(&head, 0)?;
            return Ok(Self {
                file,
                path,
                end: AtomicU64::new(HEAD as u64),
                unsettled: AtomicUsize::new(0),
                marked: AtomicU64::new(0),
                discarded: AtomicBool::new(false),
            });
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }

    /// Writes claims, all at once.
    pub(super) fn claim(&self, records: impl ExactSizeIterator<Item = Record>) -> io::Result<()> {
        self.unsettled.fetch_add(records.len(), Ordering::Relaxed);
        let bytes: Vec<u8> = records.flat_map(|record| record.encode()).collect();
        self.write(&bytes)
    }

    pub(super) fn append(&self, record: &Record) -> io::Result<()> {
        self.write(&record.encode())
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        if self.discarded.load(Ordering::Acquire) {
            return Ok(());
        }
        let at = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file.write_all_at(bytes, at)
    }

    pub(super) fn settle(&self, rows: usize) {
        self.unsettled.fetch_sub(rows, Ordering::Relaxed);
    }

    /// Takes the file away, so that it cannot say less than what happened. Says whether it is gone.
    pub(super) fn discard(&self) -> bool {
        if self.discarded.load(Ordering::Acquire) {
            return true;
        }
        let gone = fs::remove_file(&self.path).is_ok() || self.file.set_len(0).is_ok();
        self.discarded.store(gone, Ordering::Release);
        gone
    }

    fn mark(&self, place: usize, id: Uuid) {
        // What cannot be marked is merely not blamed.
        let _ = self.file.write_all_at(id.as_bytes(), MARKERS + (place * MARKER) as u64);
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if *self.unsettled.get_mut() == 0 && !*self.discarded.get_mut() {
            // One that stays is read by the next start, and told nothing new by it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Says which row is being worked on: if the process dies over it, that row is to blame.
#[derive(Debug, Default)]
pub(crate) struct Marker(Option<(Arc<Segment>, usize)>);

impl Marker {
    pub(super) fn take(segment: Arc<Segment>) -> Self {
        let taken = segment
            .marked
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |marked| {
                let place = marked.trailing_ones();
                (place < PLACES as u32).then(|| marked | 1 << place)
            });
        Self(taken.ok().map(|before| (segment, before.trailing_ones() as usize)))
    }

    /// From now on it is this one.
    pub(crate) fn on(&self, id: MessageId) {
        if let Some((segment, place)) = &self.0 {
            segment.mark(*place, id.0);
        }
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        if let Some((segment, place)) = &self.0 {
            segment.mark(*place, Uuid::nil());
            segment.marked.fetch_and(!(1 << place), Ordering::Relaxed);
        }
    }
}

/// A file whose writer is gone. Locked until it is dropped.
#[derive(Debug)]
pub(crate) struct Dead {
    _lock: File,
    path: PathBuf,
    /// Every whole record, in about the order in which they were written.
    pub(crate) records: Vec<Record>,
    /// Rows that were being worked on when the process died.
    pub(crate) marked: Vec<MessageId>,
    /// The machine has not been restarted since, so no record is missing that was written.
    pub(crate) complete: bool,
}

impl Dead {
    /// Takes a file, unless its writer lives or somebody else has taken it.
    fn take(path: PathBuf) -> io::Result<Option<Self>> {
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        if file.try_lock().is_err() || file.metadata()?.nlink() == 0 {
            return Ok(None);
        }
        let bytes = fs::read(&path)?;
        let (head, records) = bytes.split_at_checked(HEAD).unwrap_or_default();
        let ours = head.starts_with(MAGIC);
        let places = if ours {
            &head[MARKERS as usize..][..PLACES * MARKER]
        } else {
            &[]
        };
        let marked = places.chunks_exact(MARKER).filter_map(|id| Uuid::from_slice(id).ok());
        let same_boot = |boot: [u8; BOOT_LENGTH]| head[BOOT as usize..].starts_with(&boot);
        Ok(Some(Self {
            _lock: file,
            path,
            records: if ours {
                records.chunks_exact(RECORD).filter_map(Record::decode).collect()
            } else {
                Vec::new()
            },
            marked: marked.filter(|id| !id.is_nil()).map(MessageId).collect(),
            complete: ours && boot().is_some_and(same_boot),
        }))
    }

    /// All that it says is in the ledger.
    pub(crate) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// Takes every file of dead processes of one ledger, and throws away what was forgotten of others.
///
/// # Errors
/// When the folder cannot be read. A single file that cannot be is left alone, with a word in the log.
pub(crate) fn leftovers(folder: &Path, stem: &str) -> io::Result<Vec<Dead>> {
    let mut dead = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != EXTENSION) {
            continue;
        }
        let taken = if name.starts_with(&format!("{stem}-")) {
            Dead::take(path)
        } else {
            forget(path).map(|()| None)
        };
        match taken {
            Ok(taken) => dead.extend(taken),
            Err(error) => tracing::warn!(
                file = name,
                error = &error as &dyn std::error::Error,
                "an attempt journal cannot be read and is left alone"
            ),
        }
    }
    Ok(dead)
}

fn forget(path: PathBuf) -> io::Result<()> {
    let age = fs::metadata(&path)?.modified()?.elapsed().unwrap_or_default();
    if age > FORGOTTEN {
        Dead::take(path)?.map_or(Ok(()), Dead::remove)?;
    }
    Ok(())
}

/// Which start of the machine this is, where the system tells.
fn boot() -> Option<[u8; BOOT_LENGTH]> {
    let id = fs::read("/proc/sys/kernel/random/boot_id").ok()?;
    id.get(..BOOT_LENGTH)?.try_into().ok()
}
