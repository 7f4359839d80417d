//! Stopping: one word that everybody hears, and a list of who is still busy.
//!
//! **Invariant:** a task started by [`Shutdown::spawn`] either ends by itself after the word or is named by
//! [`Shutdown::drain`]; none disappears silently, not by a panic either.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, error, info, info_span, warn};

/// Exit code after a second signal, as shells report an interrupted program.
const INTERRUPTED: i32 = 130;

/// The handle everybody holds: asks whether to stop, asks others to stop, starts tasks that are waited for.
/// Clones are the same shutdown.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: TaskTracker,
    running: Arc<Mutex<Running>>,
    failure: Arc<OnceLock<String>>,
}

/// Names of the tasks not yet ended, by number of start.
#[derive(Debug, Default)]
struct Running {
    started: u64,
    names: BTreeMap<u64, String>,
}

/// How a drain ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every task ended.
    Clean,
    /// These tasks were still busy when the time was over.
    TimedOut {
        /// Their names, oldest first.
        unfinished: Vec<String>,
    },
}

impl Shutdown {
    /// A shutdown nobody has asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on SIGTERM and SIGINT ask for the stop; a second one ends the process at once.
    ///
    /// # Errors
    /// When the operating system refuses the handlers.
    pub fn on_signals(&self) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        // Not tracked: it would keep the drain waiting for a signal that may never come.
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
                if shutdown.is_requested() {
                    warn!(signal = name, "{name} while stopping, ending at once");
                    std::process::exit(INTERRUPTED);
                }
                info!(
                    signal = name,
                    "{name}: finishing what is in hand, a second signal ends at once"
                );
                shutdown.trigger();
            }
        });
        Ok(())
    }

    /// Asks everybody to stop. Again is harmless.
    pub fn trigger(&self) {
        self.token.cancel();
    }

    /// Asks everybody to stop because of a failure; the first one is kept for [`failure`](Self::failure).
    pub fn fail(&self, reason: impl Into<String>) {
        // A second failure is a consequence more often than news.
        let _ = self.failure.set(reason.into());
        self.trigger();
    }

    /// Why the process must not exit with success, when a task panicked or somebody called [`fail`](Self::fail).
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Resolves when the stop is asked for.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Whether the stop was asked for.
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// A token that follows this shutdown and may be cancelled alone, for code that does not know this crate.
    pub fn child_token(&self) -> CancellationToken {
        self.token.child_token()
    }

    /// Starts a task that the drain waits for. It should end soon after [`requested`](Self::requested).
    /// When it panics, that is logged and everybody stops: half a role is worse than none.
    pub fn spawn(&self, name: impl Into<String>, task: impl Future<Output = ()> + Send + 'static) {
        let name = name.into();
        let span = info_span!("task", task.name = %name);
        let entry = Entry::new(&self.running, &name);
        let shutdown = self.clone();
        let watched = async move {
            let _entry = entry;
            if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
                let reason = format!("task {name} panicked: {}", words(panic.as_ref()));
                error!(task.name = %name, "{reason}");
                shutdown.fail(reason);
            }
        };
        self.tasks.spawn(watched.instrument(span));
    }

    /// Asks for the stop and waits until every task has ended, at most `grace`.
    pub async fn drain(&self, grace: Duration) -> Drained {
        self.trigger();
        self.tasks.close();
        match tokio::time::timeout(grace, self.tasks.wait()).await {
            Ok(()) => Drained::Clean,
            Err(_) => Drained::TimedOut {
                unfinished: lock(&self.running).names.values().cloned().collect(),
            },
        }
    }
}

/// A name on the list for as long as the task lives.
struct Entry {
    running: Arc<Mutex<Running>>,
    number: u64,
}

impl Entry {
    fn new(running: &Arc<Mutex<Running>>, name: &str) -> Self {
        let mut list = lock(running);
        list.started += 1;
        let number = list.started;
        list.names.insert(number, name.to_owned());
        Self {
            running: Arc::clone(running),
            number,
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock(&self.running).names.remove(&self.number);
    }
}

fn lock(running: &Mutex<Running>) -> MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn a_drain_waits_until_every_task_has_ended() {
        let shutdown = Shutdown::new();
        let (done, mut seen) = tokio::sync::mpsc::channel(1);
        let word = shutdown.clone();
        shutdown.spawn("careful", async move {
            word.requested().await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            done.send("finished").await.unwrap();
        });

        assert_eq!(shutdown.drain(GRACE).await, Drained::Clean);

        assert_eq!(seen.try_recv(), Ok("finished"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_names_the_tasks_that_do_not_end() {
        let shutdown = Shutdown::new();
        shutdown.spawn("quick", async {});
        shutdown.spawn("stubborn", std::future::pending());

        let drained = shutdown.drain(GRACE).await;

        assert_eq!(
            drained,
            Drained::TimedOut {
                unfinished: vec!["stubborn".to_owned()]
            }
        );
    }

    #[tokio::test]
    async fn a_panic_in_a_task_stops_everybody_and_is_a_failure() {
        let shutdown = Shutdown::new();
        shutdown.spawn("clumsy", async { panic!("dropped the vase") });

        shutdown.requested().await;

        assert_eq!(shutdown.failure(), Some("task clumsy panicked: dropped the vase"));
        assert_eq!(shutdown.drain(GRACE).await, Drained::Clean);
    }

    #[tokio::test]
    async fn an_orderly_stop_is_no_failure() {
        let shutdown = Shutdown::new();
        let clone = shutdown.clone();
        assert!(!shutdown.is_requested());

        clone.trigger();

        assert!(shutdown.is_requested());
        assert_eq!(shutdown.failure(), None);
    }

    #[tokio::test]
    async fn a_child_token_follows_but_does_not_lead() {
        let shutdown = Shutdown::new();
        shutdown.child_token().cancel();
        assert!(!shutdown.is_requested());

        let child = shutdown.child_token();
        shutdown.trigger();

        assert!(child.is_cancelled());
    }

    #[tokio::test]
    async fn a_signal_asks_for_the_stop() {
        let shutdown = Shutdown::new();
        shutdown.on_signals().unwrap();

        nix::sys::signal::raise(nix::sys::signal::Signal::SIGTERM).unwrap();

        tokio::time::timeout(GRACE, shutdown.requested())
            .await
            .expect("the signal is heard");
    }
}
