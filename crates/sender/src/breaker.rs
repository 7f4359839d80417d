//! A circuit breaker for Meta's host: when many calls end in a 5xx, a timeout or no connection at all, no more are begun until a few
//! that try have got through. Each such call may leave a message uncertain, which no retry mends.
//!
//! **Invariant:** it holds admission, not messages: a row that it keeps back was not claimed, and burns nothing.
//!
//! Closed, it counts the calls of the last ten seconds. Open, it lets nobody through. Half open, it lets one through, then two, then
//! four, each round when the one before went well; after the largest it closes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::attempt::{Outcome, Rejection};
use tracing::{info, warn};

use crate::metrics;

/// Calls older than this are forgotten.
const MEMORY: Duration = Duration::from_secs(10);
/// Fewer calls prove nothing.
const ENOUGH: u32 = 20;
/// The share of trouble that opens it, in tenths.
const TENTHS: u32 = 3;
/// How long it stays open at first, and at most: each round of tries that fails doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// After a round of so many it closes.
const LAST_ROUND: u32 = 32;
/// While a round is out, how soon to ask again.
const NEXT_LOOK: Duration = Duration::from_millis(100);

/// The state machine. Time is an argument.
#[derive(Debug)]
struct Breaker {
    phase: Phase,
    /// Grows with every change of phase and every round. What was let through in another era is not counted in this one.
    era: u64,
    pause: Duration,
    began: Instant,
}

#[derive(Debug)]
enum Phase {
    Closed(VecDeque<Second>),
    Open { until: Instant },
    HalfOpen(Round),
}

/// What ended within one second.
#[derive(Debug, Clone, Copy)]
struct Second {
    since_start: u64,
    calls: u32,
    bad: u32,
}

/// Tries that are made together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Round {
    size: u32,
    begun: u32,
    good: u32,
    bad: u32,
}

/// A change that people want to know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Opened,
    Closed,
}

/// What the breaker says to who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// So many may begin.
    Go(u32),
    /// None; ask again then.
    NotBefore(Instant),
}

impl Breaker {
    fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Closed(VecDeque::new()),
            era: 0,
            pause: FIRST_PAUSE,
            began: now,
        }
    }

    fn ask(&mut self, wanted: u32, now: Instant) -> Answer {
        match &mut self.phase {
            Phase::Closed(_) => Answer::Go(wanted),
            Phase::Open { until } if now < *until => Answer::NotBefore(*until),
            Phase::Open { .. } => {
                self.round(1);
                self.ask(wanted, now)
            }
            Phase::HalfOpen(round) => match wanted.min(round.size - round.begun) {
                0 => Answer::NotBefore(now + NEXT_LOOK),
                granted => {
                    round.begun += granted;
                    Answer::Go(granted)
                }
            },
        }
    }

    /// Calls that were let through and not made.
    fn unused(&mut self, era: u64, calls: u32) {
        if let Phase::HalfOpen(round) = &mut self.phase
            && era == self.era
        {
            round.begun -= calls;
        }
    }

    fn ended(&mut self, era: u64, bad: bool, now: Instant) -> Option<Change> {
        if era != self.era {
            return None;
        }
        match &mut self.phase {
            Phase::Closed(seconds) => {
                let since_start = now.saturating_duration_since(self.began).as_secs();
                count(seconds, since_start, bad);
                let (calls, bad) = seconds
                    .iter()
                    .fold((0, 0), |(calls, bad), second| (calls + second.calls, bad + second.bad));
                (calls >= ENOUGH && too_many(bad, calls)).then(|| self.open(now))
            }
            Phase::Open { .. } => None,
            Phase::HalfOpen(round) => {
                if bad {
                    round.bad += 1;
                } else {
                    round.good += 1;
                }
                let round = *round;
                if too_many(round.bad, round.size) {
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                    Some(self.open(now))
                } else if round.good + round.bad < round.size {
                    None
                } else if round.size < LAST_ROUND {
                    self.round(round.size * 2);
                    None
                } else {
                    self.era += 1;
                    self.pause = FIRST_PAUSE;
                    self.phase = Phase::Closed(VecDeque::new());
                    Some(Change::Closed)
                }
            }
        }
    }

    fn open(&mut self, now: Instant) -> Change {
        self.era += 1;
        let until = now + self.pause;
        self.phase = Phase::Open { until };
        Change::Opened
    }

    fn round(&mut self, size: u32) {
        self.era += 1;
        self.phase = Phase::HalfOpen(Round {
            size,
            begun: 0,
            good: 0,
            bad: 0,
        });
    }
}

fn count(seconds: &mut VecDeque<Second>, since_start: u64, bad: bool) {
    let oldest = (since_start + 1).saturating_sub(MEMORY.as_secs());
    while seconds.front().is_some_and(|second| second.since_start < oldest) {
        seconds.pop_front();
    }
    let bad = u32::from(bad);
    match seconds.back_mut() {
        // A call that another thread timed a moment earlier counts for the latest second there is.
        Some(last) if last.since_start >= since_start => {
            last.calls += 1;
            last.bad += bad;
        }
        _ => seconds.push_back(Second {
            since_start,
            calls: 1,
            bad,
        }),
    }
}

fn too_many(bad: u32, calls: u32) -> bool {
    bad * 10 >= calls * TENTHS
}

/// The breaker of one host, shared by all who call it.
#[derive(Debug, Clone)]
pub(crate) struct HostBreaker(Arc<Mutex<Breaker>>);

impl Default for HostBreaker {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Breaker::new(Instant::now()))))
    }
}

impl HostBreaker {
    /// Leave for at most so many calls, one or more.
    ///
    /// # Errors
    /// When none may begin now: the moment to ask again.
    pub(crate) fn ask(&self, wanted: usize) -> Result<Leave, Instant> {
        let mut breaker = self.lock();
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        match breaker.ask(wanted, Instant::now()) {
            Answer::Go(calls) => Ok(Leave {
                breaker: self.clone(),
                era: breaker.era,
                calls,
            }),
            Answer::NotBefore(at) => Err(at),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        // Every change is made whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to make calls. What is not used by the time it is dropped goes back.
#[derive(Debug)]
pub(crate) struct Leave {
    breaker: HostBreaker,
    era: u64,
    calls: u32,
}

impl Leave {
    /// How many calls.
    pub(crate) fn calls(&self) -> usize {
        self.calls as usize
    }

    /// Leave for one call, out of these.
    pub(crate) fn split(&mut self) -> Option<Self> {
        self.calls = self.calls.checked_sub(1)?;
        Some(Self {
            breaker: self.breaker.clone(),
            era: self.era,
            calls: 1,
        })
    }

    /// How the one call ended.
    pub(crate) fn used(mut self, outcome: &Outcome) {
        self.calls = 0;
        let change = self.breaker.lock().ended(self.era, is_trouble(outcome), Instant::now());
        match change {
            Some(Change::Opened) => {
                metrics::breaker(true);
                warn!("too many calls to Meta end in a 5xx, a timeout or no connection: new ones wait");
            }
            Some(Change::Closed) => {
                metrics::breaker(false);
                info!("calls to Meta get through again");
            }
            None => {}
        }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if self.calls > 0 {
            self.breaker.lock().unused(self.era, self.calls);
        }
    }
}

/// Whether it speaks against the host, and not against one message or one connection.
fn is_trouble(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Accepted(_) | Outcome::Rejected(Rejection::Graph(_)) => false,
        Outcome::Rejected(Rejection::NotSent { .. }) => true,
        Outcome::Unknown(uncertainty) => {
            uncertainty.http_status.is_some_and(|status| status >= 500) || uncertainty.cause.ends_with("timeout")
        }
    }
}

#[cfg(test)]
mod tests;
