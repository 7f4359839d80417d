//! The role: sessions with the broker come and go, POSTs and the recorder outlive them.

use std::path::PathBuf;
use std::sync::Arc;

use broker::{Address, Connection, Publisher, Topology};
use domain::Lane;
use domain::opaque::Signer;
use runtime::crash::{CrashPoint, crash_at};
use runtime::health::Health;
use runtime::{Healthy, Shutdown, Supervisor};
use store::Store;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::Error;
use crate::dead::DeadLetters;
use crate::desk::Desk;
use crate::journal::{Journal, stem};
use crate::lane::{Tools, prefetch};
use crate::media::MediaDesk;
use crate::post::Poster;
use crate::record::Recorder;
use crate::rescue::Rescue;

/// Outcomes that may wait for the recorder.
const OUTCOMES: usize = 4096;

/// What a sender works with.
#[derive(Debug)]
pub struct Parts {
    /// The ledger. The pool should have six connections or more: two lanes that decide and admit, and the recorder.
    pub store: Store,
    /// Meta.
    pub meta: meta::Client,
    /// A stand-in for Meta, for the messages of test keys; without one they fail.
    pub test_meta: Option<meta::Client>,
    /// Signs callback strings; receipts reads them with the same key.
    pub signer: Signer,
    /// The broker.
    pub address: Address,
    /// Its queues.
    pub topology: Topology,
    /// For jobs that nobody can read. Its driver must run until [`run`] has returned.
    pub publisher: Publisher,
}

/// What may be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Rows of a lane that are claimed and whose POST has not ended; about messages per second times seconds per POST. Each
    /// is a connection to Meta while its POST lasts.
    pub in_flight: usize,
    /// Where the attempt journal is kept: a folder on a disk of this machine, which several senders may share. Without one, what a
    /// killed sender had claimed waits for its lease and ends as uncertain.
    pub journal: Option<PathBuf>,
}

impl Default for Config {
    /// Enough for 4,000 messages a second where Meta answers in a quarter of one.
    fn default() -> Self {
        Self {
            in_flight: 1024,
            journal: None,
        }
    }
}

/// Runs a sender until the shutdown. Then it stops consuming, gives back what is not claimed, lets every POST end (30 s at most, the
/// client's own limit) and records the outcomes: what it leaves behind is in nobody's way, and nothing of it is uncertain.
pub async fn run(parts: Parts, config: Config, shutdown: &Shutdown, health: &Health) {
    let (record, entries) = mpsc::channel(OUTCOMES);
    let recorder = Recorder {
        store: parts.store.clone(),
        shutdown: shutdown.clone(),
    };
    let (recorded, all_recorded) = oneshot::channel::<()>();
    shutdown.spawn("sender recorder", async move {
        recorder.run(entries).await;
        drop(recorded);
    });

    let (journal, rescue) = open_journal(&parts, &config);
    let posts = TaskTracker::new();
    let poster = Poster::new(
        (parts.meta.clone(), parts.test_meta.clone()),
        parts.signer.clone(),
        posts.clone(),
        record,
        journal.clone(),
    );
    let media = MediaDesk::new(parts.store.clone(), parts.meta.clone(), shutdown.child_token());
    let lanes = Lane::ALL.map(|lane| tools(lane, &parts, config.in_flight, &poster, &media));
    drop(poster);
    Supervisor::new("sender")
        .probe(health.probe("sender"))
        .run(shutdown, |healthy| {
            session(&parts, rescue.as_ref(), &lanes, shutdown, healthy)
        })
        .await;

    media.ended().await;
    if !posts.is_empty() {
        crash_at(CrashPoint::W12);
    }
    info!(posts = posts.len(), "waiting for {} POSTs to end", posts.len());
    drop(lanes);
    // Every POST that is under way can still tell the recorder, which ends after the last of them, by a panic too.
    let _ = all_recorded.await;
}

/// The journal of this process, and what looks after those of others. Without a journal everything goes on, with less knowledge
/// after a crash.
fn open_journal(parts: &Parts, config: &Config) -> (Journal, Option<Rescue>) {
    let Some(folder) = &config.journal else {
        return Default::default();
    };
    let stem = stem(&[parts.store.place(), &parts.topology.exchanges.send]);
    match Journal::open(folder, &stem) {
        Ok(journal) => {
            let rescue = Rescue {
                store: parts.store.clone(),
                folder: folder.clone(),
                stem,
            };
            (journal, Some(rescue))
        }
        Err(error) => {
            let folder = folder.display();
            warn!(
                error = &error as &dyn std::error::Error,
                "no attempt journal in {folder}: after a crash, claimed messages wait for their leases; choose another TURNPIKE_SENDER_JOURNAL"
            );
            Default::default()
        }
    }
}

fn tools(lane: Lane, parts: &Parts, places: usize, poster: &Poster, media: &MediaDesk) -> Tools {
    Tools {
        lane,
        store: parts.store.clone(),
        desk: Desk::new(
            parts.store.clone(),
            media.clone(),
            poster.journal().clone(),
            parts.test_meta.is_some(),
        ),
        dead: DeadLetters::new(parts.publisher.clone(), &parts.topology.queues.dead),
        poster: poster.clone(),
        in_flight: Arc::new(Semaphore::new(places)),
        places,
    }
}

/// One connection to the broker, until it or the ledger fails, or the shutdown.
async fn session(
    parts: &Parts,
    rescue: Option<&Rescue>,
    lanes: &[Tools; 2],
    shutdown: &Shutdown,
    healthy: Healthy,
) -> Result<(), Error> {
    // Before any job: the one that took a predecessor down may come again at once.
    if let Some(rescue) = rescue {
        rescue.run_once().await?;
    }
    let connection = Connection::open(&parts.address, "turnpike sender").await?;
    connection.declare(&parts.topology).await?;
    // A failure of one lane stops the other: the next session starts both afresh.
    let stop = shutdown.child_token();
    let mut running = Vec::new();
    for tools in lanes {
        let lane = tools.lane;
        let queue = match lane {
            Lane::Rt => &parts.topology.queues.rt,
            Lane::Bulk => &parts.topology.queues.bulk,
        };
        let subscription = connection.consume(queue, prefetch(lane)).await?;
        let work = tools.clone().run(subscription, stop.clone());
        running.push((lane, tokio::spawn(work)));
    }
    healthy.mark();
    let mut outcome = Ok(());
    for (lane, running) in running {
        let ended = running.await.unwrap_or(Err(Error::Panicked(lane.as_str())));
        stop.cancel();
        outcome = outcome.and(ended);
    }
    outcome?;
    Ok(connection.close().await?)
}
