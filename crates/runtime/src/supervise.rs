//! Keeping a session with an outside system alive: run it, and when it ends run the next one, with back-off.
//!
//! **Invariant:** recovery happens here and nowhere else. A session returns on any error; it never repairs itself, so
//! there is one place where the state of a connection is built.
//!
//! This is also the only module that names the `backoff` crate.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backoff::backoff::Backoff as _;
use backoff::exponential::{ExponentialBackoff, ExponentialBackoffBuilder};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::Shutdown;
use crate::health::Probe;

/// A session that ran this long was well, whether it said so or not.
const HEALTHY_AFTER: Duration = Duration::from_secs(10);

/// How long to wait between sessions: full jitter, doubling from `first` to `ceiling`.
///
/// Full jitter (anything from zero up) because a broker that comes back must not be met by all its clients at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest first wait.
    pub first: Duration,
    /// The longest wait ever.
    pub ceiling: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            ceiling: Duration::from_secs(5),
        }
    }
}

impl Backoff {
    /// The crate draws from `interval ± interval * factor`, so half the interval and a factor of one is full jitter.
    fn build(self) -> ExponentialBackoff<backoff::SystemClock> {
        ExponentialBackoffBuilder::new()
            .with_initial_interval(self.first / 2)
            .with_max_interval(self.ceiling / 2)
            .with_multiplier(2.0)
            .with_randomization_factor(1.0)
            .with_max_elapsed_time(None)
            .build()
    }
}

/// A session's way of saying that it is up: the back-off starts afresh next time, and the health probe turns green.
#[derive(Clone, Debug, Default)]
pub struct Healthy {
    marked: Arc<AtomicBool>,
    probe: Option<Probe>,
}

impl Healthy {
    /// Says it.
    pub fn mark(&self) {
        self.marked.store(true, Ordering::Relaxed);
        if let Some(probe) = &self.probe {
            probe.up();
        }
    }
}

/// Runs `session` again whenever it ends, until the shutdown; see [`Supervisor`] for more to choose.
pub async fn supervise<S, F, E>(name: &str, shutdown: &Shutdown, session: S)
where
    S: FnMut(Healthy) -> F,
    F: Future<Output = Result<(), E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    Supervisor::new(name).run(shutdown, session).await;
}

/// What to supervise under which name, with which back-off, and which probe shows it.
#[derive(Debug)]
pub struct Supervisor {
    name: String,
    backoff: Backoff,
    probe: Option<Probe>,
}

impl Supervisor {
    /// With the default back-off and without a probe.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            backoff: Backoff::default(),
            probe: None,
        }
    }

    /// Waits differently between sessions.
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Shows in this probe whether a session is up.
    #[must_use]
    pub fn probe(mut self, probe: Probe) -> Self {
        self.probe = Some(probe);
        self
    }

    /// Runs `session` again after every error and every end. Once the shutdown is asked for no new session starts; the
    /// one that runs is expected to hear of it by itself and is waited for, so that it can finish what it has in hand.
    pub async fn run<S, F, E>(self, shutdown: &Shutdown, mut session: S)
    where
        S: FnMut(Healthy) -> F,
        F: Future<Output = Result<(), E>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let name = self.name.as_str();
        let mut waits = self.backoff.build();
        while !shutdown.is_requested() {
            let healthy = Healthy {
                marked: Arc::default(),
                probe: self.probe.clone(),
            };
            let started = Instant::now();
            let outcome = session(healthy.clone()).await;
            if shutdown.is_requested() && outcome.is_ok() {
                break;
            }
            if healthy.marked.load(Ordering::Relaxed) || started.elapsed() >= HEALTHY_AFTER {
                waits.reset();
            }
            let reason = match outcome {
                Ok(()) => "it ended without being asked to".to_owned(),
                Err(error) => chain(error.into().as_ref()),
            };
            if let Some(probe) = &self.probe {
                probe.down(reason.as_str());
            }
            metrics::counter!("turnpike_session_failures_total", "session" => self.name.clone()).increment(1);
            if shutdown.is_requested() {
                warn!(session.name = name, "{name} failed while stopping: {reason}");
                break;
            }
            let wait = waits.next_backoff().unwrap_or(self.backoff.ceiling);
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            warn!(
                session.name = name,
                wait_ms, "{name} failed, next attempt in {wait_ms} ms: {reason}"
            );
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = shutdown.requested() => {}
            }
        }
        info!(session.name = name, "{name} stopped");
    }
}

/// The error and what caused it, in one line. A cause that its parent already quotes is not repeated.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::health::Health;

    #[derive(Debug, thiserror::Error)]
    #[error("opening the session")]
    struct Broken(#[source] std::io::Error);

    fn broken() -> Broken {
        Broken(std::io::Error::other("no route"))
    }

    /// The paused-time moments at which sessions started, as `session` is run until it has run `times` times.
    async fn starts<F>(times: usize, session: impl Fn(usize, Healthy) -> F) -> Vec<Duration>
    where
        F: Future<Output = Result<(), Broken>>,
    {
        let shutdown = Shutdown::new();
        let begin = Instant::now();
        let seen = Mutex::new(Vec::new());
        supervise("test", &shutdown, |healthy| {
            let mut seen = seen.lock().unwrap();
            seen.push(begin.elapsed());
            if seen.len() == times {
                shutdown.trigger();
            }
            session(seen.len(), healthy)
        })
        .await;
        seen.into_inner().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_runs_again_after_an_error_and_after_an_end() {
        let starts = starts(5, async |run, _| if run % 2 == 0 { Ok(()) } else { Err(broken()) }).await;

        assert_eq!(starts.len(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_stay_under_a_doubling_ceiling_of_five_seconds() {
        let starts = starts(60, async |_, _| Err(broken())).await;

        let waits: Vec<Duration> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        for (index, wait) in waits.iter().enumerate() {
            let ceiling = Duration::from_millis(100 << index.min(6)).min(Duration::from_secs(5));
            assert!(
                *wait <= ceiling + Duration::from_millis(2),
                "wait {index} of {wait:?} is above {ceiling:?}"
            );
        }
        assert!(
            waits.iter().any(|wait| *wait > Duration::from_secs(2)),
            "late waits are long: {waits:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_said_healthy_starts_the_waits_afresh() {
        let starts = starts(40, async |run, healthy: Healthy| {
            if run > 20 {
                healthy.mark();
            }
            Err(broken())
        })
        .await;

        for pair in starts[20..].windows(2) {
            assert!(pair[1] - pair[0] <= Duration::from_millis(102), "{starts:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_ran_long_starts_the_waits_afresh() {
        let starts = starts(20, async |_, _| {
            tokio::time::sleep(HEALTHY_AFTER).await;
            Err(broken())
        })
        .await;

        for pair in starts.windows(2) {
            assert!(
                pair[1] - pair[0] <= HEALTHY_AFTER + Duration::from_millis(102),
                "{starts:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_cuts_the_wait_short_and_starts_no_new_session() {
        let shutdown = Shutdown::new();
        let runs = Mutex::new(0);
        let long = Backoff {
            first: Duration::from_secs(3600),
            ceiling: Duration::from_secs(3600),
        };
        let supervised = Supervisor::new("test").backoff(long).run(&shutdown, async |_| {
            *runs.lock().unwrap() += 1;
            Err(broken())
        });

        let stop = async {
            tokio::task::yield_now().await;
            shutdown.trigger();
        };
        tokio::join!(supervised, stop);

        assert_eq!(*runs.lock().unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_probe_shows_the_session_and_why_it_failed() {
        let shutdown = Shutdown::new();
        let health = Health::new();
        let probe = health.probe("broker");
        let supervised = Supervisor::new("broker")
            .probe(probe)
            .run(&shutdown, async |healthy: Healthy| {
                assert!(!health.is_ready());
                healthy.mark();
                assert!(health.is_ready());
                shutdown.trigger();
                Err(broken())
            });

        supervised.await;

        let reason = health.report()["probes"]["broker"]["reason"].clone();
        assert_eq!(reason, "opening the session: no route");
    }
}
