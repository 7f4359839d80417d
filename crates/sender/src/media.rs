//! Files of messages: Meta's ids in the places of ours, and the uploads that get those ids.
//!
//! A message that names a file may go when Meta has the file for its sender number. Otherwise it is parked, the file is uploaded beside
//! everything else, and when it is there all messages that waited for it are woken. However many messages name a file, and however
//! many senders see them, one of them uploads it: the ledger gives out the right to (`store::media`).
//!
//! **Invariant:** no message is claimed before its files are with Meta: an upload takes its time, and a slot does not wait.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::media::{Format, MediaId, Target, fill, may_name_ours, places};
use domain::meta_error::{Disposition, MetaError};
use domain::{MessageId, NumberId, Reason, State};
use meta::Bytes;
use meta::media::NewFile;
use secrecy::SecretString;
use serde_json::Value;
use store::Store;
use store::admission::Settlement;
use store::media::{Pair, Standing, UploadClaim};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::message::Message;

/// Uploads at a time, of this process.
const UPLOADS: usize = 4;
/// Pieces read ahead of the network: with their size, most of what an upload takes of the memory.
const AHEAD: usize = 4;
/// How long a claim on an upload lasts without being renewed.
const LEASE: Duration = Duration::from_secs(30);
const RENEW: Duration = Duration::from_secs(10);
/// How long a message waits for an upload before it looks again; it is woken when the file is there.
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(30);
/// Between tries of an upload: doubles with each failure.
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(15 * 60);

/// A file that a message names, as Meta knows it.
pub(crate) type Attached = (MediaId, String);

/// Puts files into messages, and uploads what is missing.
#[derive(Debug, Clone)]
pub(crate) struct MediaDesk {
    store: Store,
    meta: meta::Client,
    permits: Arc<Semaphore>,
    /// What this process uploads, or waits to.
    running: Arc<Mutex<HashSet<Pair>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl MediaDesk {
    /// Uploads end, unfinished, with `stop`; somebody else takes them up.
    pub(crate) fn new(store: Store, meta: meta::Client, stop: CancellationToken) -> Self {
        Self {
            store,
            meta,
            permits: Arc::new(Semaphore::new(UPLOADS)),
            running: Arc::default(),
            tasks: TaskTracker::new(),
            stop,
        }
    }

    /// Waits until every upload has ended; none must begin any more.
    pub(crate) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Puts Meta's ids into the messages that name files. Those that cannot go yet, or never, are taken out: what to write down for each
    /// comes back.
    ///
    /// # Errors
    /// When the ledger is not available.
    pub(crate) async fn attach(
        &self,
        go: &mut Vec<Message>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Settlement>, store::Error> {
        let mut named: HashMap<MessageId, Vec<MediaId>> = HashMap::new();
        let mut pairs = HashSet::new();
        for message in go
            .iter()
            .filter(|message| !message.test && may_name_ours(&message.content))
        {
            let files = files(&message.content);
            pairs.extend(files.iter().map(|file| (*file, message.number)));
            if !files.is_empty() {
                named.insert(message.id, files);
            }
        }
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let pairs: Vec<Pair> = pairs.into_iter().collect();
        let standings: HashMap<Pair, Standing> = self.store.media_standings(&pairs).await?.into_iter().collect();
        let mut settlements = Vec::new();
        go.retain_mut(|message| {
            let Some(files) = named.get(&message.id) else {
                return true;
            };
            match ready(message, files, &standings) {
                Ok((content, attached)) => {
                    (message.content, message.attached) = (content, attached);
                    true
                }
                Err(not) => {
                    settlements.push(not.settlement(message, now));
                    if let NotReady::Missing(missing) = not {
                        for file in missing {
                            self.upload((file, message.number), message);
                        }
                    }
                    false
                }
            }
        });
        Ok(settlements)
    }

    /// Begins an upload, unless this process is at it already.
    fn upload(&self, pair: Pair, message: &Message) {
        if self.stop.is_cancelled() || !lock(&self.running).insert(pair) {
            return;
        }
        let desk = self.clone();
        let (phone_number_id, token) = (message.phone_number_id.clone(), Arc::clone(&message.token));
        self.tasks.spawn(async move {
            if let Err(error) = desk.upload_once(pair, &phone_number_id, &token).await {
                warn!(media.id = %pair.0, error = &error as &dyn std::error::Error, "an upload is left to whoever comes next");
            }
            lock(&desk.running).remove(&pair);
        });
    }

    async fn upload_once(&self, pair: Pair, phone_number_id: &str, token: &SecretString) -> Result<(), store::Error> {
        let permit = tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            permit = self.permits.acquire() => permit,
        };
        let _permit = permit.expect("nobody closes this semaphore");
        let Some(claim) = self.store.claim_media_upload(pair, LEASE.as_secs_f64()).await? else {
            return Ok(());
        };
        let media = pair.0;
        let outcome = tokio::select! {
            outcome = self.hand_over(&claim, phone_number_id, token) => outcome,
            () = self.lost(&claim) => return Ok(()),
            () = self.stop.cancelled() => return self.store.let_media_upload_go(&claim).await,
        };
        match outcome {
            Ok(meta_id) => {
                let woken = self.store.media_uploaded(&claim, &meta_id).await?;
                metrics::counter!("turnpike_media_uploads_total", "outcome" => "uploaded").increment(1);
                info!(media.id = %media, bytes = claim.size, woken, "file {media} is with Meta, {woken} messages go on");
            }
            Err(error) => {
                let (retry, refused) = after(&error, claim.failures);
                self.store
                    .media_not_uploaded(&claim, retry.as_secs_f64(), refused)
                    .await?;
                let outcome = if refused.is_some() { "refused" } else { "failed" };
                metrics::counter!("turnpike_media_uploads_total", "outcome" => outcome).increment(1);
                warn!(media.id = %media, outcome, "file {media} was not uploaded: {error}");
            }
        }
        Ok(())
    }

    /// The file to Meta, piece by piece.
    async fn hand_over(
        &self,
        claim: &UploadClaim,
        phone_number_id: &str,
        token: &SecretString,
    ) -> Result<String, meta::Error> {
        let (pieces, read) = mpsc::channel(AHEAD);
        let file = NewFile {
            phone_number_id,
            mime: &claim.mime,
            extension: Format::of_mime(&claim.mime).map_or("bin", Format::extension),
            size: claim.size,
            pieces: read,
        };
        let (id, store) = (claim.pair.0, &self.store);
        let reading = async move {
            for seq in 0.. {
                let piece = match store.media_piece(id, seq).await {
                    Ok(Some(piece)) => Ok(Bytes::from(piece)),
                    Ok(None) => return,
                    Err(error) => Err(io::Error::other(error)),
                };
                // Nobody reads on when Meta has answered early.
                if pieces.send(piece).await.is_err() {
                    return;
                }
            }
        };
        let (uploaded, ()) = tokio::join!(self.meta.upload_media(file, token), reading);
        uploaded
    }

    /// Ends when the claim is somebody else's.
    async fn lost(&self, claim: &UploadClaim) {
        loop {
            tokio::time::sleep(RENEW).await;
            // Without the ledger the lease may well run out; what was uploaded then is not recorded, and uploaded again.
            if let Ok(false) = self.store.renew_media_upload(claim, LEASE.as_secs_f64()).await {
                return;
            }
        }
    }
}

/// Why a message cannot go with its files.
#[derive(Debug, PartialEq, Eq)]
enum NotReady {
    /// These have to be uploaded.
    Missing(Vec<MediaId>),
    /// Never.
    Never(Reason),
}

impl NotReady {
    fn settlement(&self, message: &Message, now: DateTime<Utc>) -> Settlement {
        let (state, until, reason) = match self {
            Self::Missing(_) => (State::Parked, Some(now + LOOK_AGAIN), Reason::MediaUpload),
            Self::Never(reason) => (State::Failed, None, reason.clone()),
        };
        Settlement {
            id: message.id,
            state,
            until,
            reason,
        }
    }
}

/// The files of ours that a content names, each once.
fn files(content: &str) -> Vec<MediaId> {
    let Ok(content) = serde_json::from_str::<Value>(content) else {
        return Vec::new();
    };
    let ours = places(&content).into_iter().filter_map(|place| match place.target {
        Target::Ours(id) => Some(id),
        Target::Id(_) | Target::Link(_) => None,
    });
    let mut files: Vec<MediaId> = ours.collect();
    files.sort_unstable();
    files.dedup();
    files
}

/// The content as Meta takes it, when all of its files are there.
fn ready(
    message: &Message,
    files: &[MediaId],
    standings: &HashMap<Pair, Standing>,
) -> Result<(String, Vec<Attached>), NotReady> {
    let (mut ids, mut missing) = (HashMap::new(), Vec::new());
    for file in files {
        match standings.get(&(*file, message.number)) {
            Some(Standing::There(id)) => {
                ids.insert(*file, id.clone());
            }
            Some(Standing::Refused(code)) => return Err(NotReady::Never(Reason::Meta(*code))),
            Some(Standing::Gone) => return Err(NotReady::Never(Reason::MediaNotFound)),
            Some(Standing::Missing(_)) | None => missing.push(*file),
        }
    }
    if !missing.is_empty() {
        return Err(NotReady::Missing(missing));
    }
    match fill(&message.content, &ids) {
        Some(content) => Ok((content, ids.into_iter().collect())),
        None => Err(NotReady::Never(Reason::Quarantined)),
    }
}

/// How long after a failed upload the next try is due, and Meta's code where there must be none. An upload may be repeated without
/// harm, so whatever is not a clear no is tried again.
fn after(error: &meta::Error, failures: u32) -> (Duration, Option<i64>) {
    let retry = FIRST_RETRY
        .saturating_mul(2_u32.saturating_pow(failures))
        .min(LONGEST_RETRY);
    let refused = match error {
        // Of a file, "try again in a moment" means that Meta could not fetch a link; ours was handed over.
        meta::Error::Graph(graph) if graph.code == UPLOAD_ERROR => Some(graph.code),
        meta::Error::Graph(graph) if MetaError::of(graph).disposition == Disposition::Fail => Some(graph.code),
        _ => None,
    };
    (retry, refused)
}

/// Meta's code for media that cannot be used: of the wrong kind, or, in an answer to a message, gone.
pub(crate) const UPLOAD_ERROR: i64 = 131_053;

/// What the answer to a message says about its files: that Meta does not know these ids any more.
pub(crate) fn stale(message: &Message, outcome: &domain::attempt::Outcome) -> Vec<(MediaId, NumberId, String)> {
    use domain::attempt::{Outcome, Rejection};
    match outcome {
        Outcome::Rejected(Rejection::Graph(error)) if error.code == UPLOAD_ERROR => message
            .attached
            .iter()
            .map(|(file, id)| (*file, message.number, id.clone()))
            .collect(),
        Outcome::Accepted(_) | Outcome::Rejected(_) | Outcome::Unknown(_) => Vec::new(),
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A set is whole after a panic elsewhere.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
