//! Puts requests that come one by one into batches: one commit for many callers, at the price of a few milliseconds.

use std::sync::Arc;
use std::time::Duration;

use runtime::{Shutdown, batch};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::accept::{Core, Submission};
use crate::answer::Answer;
use crate::problem::Problem;

/// Rows of a batch, at most (a broadcast may overshoot).
const ROWS: usize = 500;
/// How long the first request of a batch waits for others.
const WINDOW: Duration = Duration::from_millis(3);
/// Batches on their way at the same time. A few keep the ledger busy; while they do, the next ones grow.
const AT_ONCE: usize = 4;
/// Requests that may wait for a batch; beyond that, callers wait, which is the back-pressure.
const WAITING: usize = 2_000;
/// Longest wait for an answer. The commit may still come after it, as with any lost answer.
const DEADLINE: Duration = Duration::from_secs(20);

/// Hands requests in. Clones share the batches; when the last one is gone, the batches end.
#[derive(Debug, Clone)]
pub struct Batcher(mpsc::Sender<Entry>);

#[derive(Debug)]
struct Entry {
    submission: Submission,
    reply: oneshot::Sender<Answer>,
}

impl Batcher {
    /// Starts making batches for a core.
    pub fn start(core: Core, shutdown: &Shutdown) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        shutdown.spawn("ingest batches", run(core, receiver));
        Self(sender)
    }

    /// The answer to one submission, after its commit.
    pub async fn accept(&self, submission: Submission) -> Answer {
        let (reply, answer) = oneshot::channel();
        let answered = async {
            self.0.send(Entry { submission, reply }).await.ok()?;
            answer.await.ok()
        };
        match tokio::time::timeout(DEADLINE, answered).await {
            Ok(Some(answer)) => answer,
            Ok(None) => Problem::internal().into(),
            Err(_) => Problem::unavailable().into(),
        }
    }
}

async fn run(core: Core, mut receiver: mpsc::Receiver<Entry>) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    loop {
        let permit = Arc::clone(&room)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let Some(entries) = batch::next_weighed(&mut receiver, ROWS, WINDOW, |entry| entry.submission.rows()).await
        else {
            break;
        };
        while running.try_join_next().is_some() {}
        let core = core.clone();
        running.spawn(async move {
            accept(&core, entries).await;
            drop(permit);
        });
    }
    while running.join_next().await.is_some() {}
}

async fn accept(core: &Core, entries: Vec<Entry>) {
    let (submissions, replies): (Vec<Submission>, Vec<_>) =
        entries.into_iter().map(|entry| (entry.submission, entry.reply)).unzip();
    for (answer, reply) in core.accept(&submissions).await.into_iter().zip(replies) {
        // Whoever asked may have hung up, which is theirs to decide.
        let _ = reply.send(answer);
    }
}
