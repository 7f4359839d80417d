//! The waiting room: rows that passed every rule and wait for a slot of their number, one line per number.
//!
//! **Invariants.** A line keeps its order. A line that has to wait holds no other up. No row waits for long: those that would
//! are handed back, to be parked in the ledger.
//!
//! A line asks for slots again when half of what it has is used up: late enough that a round gets several, early enough that the
//! number is never without.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use domain::NumberId;

/// How far ahead a row's probable slot may be; a row that would wait longer waits in the ledger.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a row may have waited in all, when others keep taking the slots: then its whole line goes back to the ledger, so that
/// its order stays. Below the 10 s after which a job counts as lost and is published again.
const OVERDUE: Duration = Duration::from_secs(6);

/// Rows by number.
#[derive(Debug)]
pub(crate) struct WaitingRoom<R> {
    lines: HashMap<NumberId, Line<R>>,
    rows: usize,
    horizon: Duration,
}

#[derive(Debug)]
struct Line<R> {
    rows: VecDeque<Waiting<R>>,
    /// Slots per second.
    pace: f64,
    ask_at: Instant,
}

/// A row and when it came.
#[derive(Debug)]
pub(crate) struct Waiting<R> {
    pub(crate) row: R,
    pub(crate) since: Instant,
}

/// The rows of one line whose turn it is to ask.
#[derive(Debug)]
pub(crate) struct Called<R> {
    pub(crate) number: NumberId,
    pub(crate) pace: f64,
    /// In order.
    pub(crate) rows: Vec<Waiting<R>>,
}

/// What a line was told when it asked.
#[derive(Debug)]
pub(crate) struct Answer<R> {
    pub(crate) number: NumberId,
    pub(crate) pace: f64,
    /// Called rows that got no slot, in order.
    pub(crate) refused: Vec<Waiting<R>>,
    /// The slot that is next in turn, where it is known.
    pub(crate) next_slot: Option<Instant>,
}

impl<R> WaitingRoom<R> {
    /// For slots that are given out `horizon` ahead.
    pub(crate) fn new(horizon: Duration) -> Self {
        Self {
            lines: HashMap::new(),
            rows: 0,
            horizon,
        }
    }

    /// How many rows wait.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// A row joins the end of its number's line.
    pub(crate) fn join(&mut self, number: NumberId, pace: f64, row: R, now: Instant) {
        let line = self.line(number, pace, now);
        line.rows.push_back(Waiting { row, since: now });
        self.rows += 1;
    }

    /// When the next line wants to ask.
    pub(crate) fn next_ask(&self) -> Option<Instant> {
        self.lines.values().map(|line| line.ask_at).min()
    }

    /// Takes out the rows whose turn it is to ask, at most `max`: of each line that is due as many as could possibly get a slot,
    /// the line that waited longest first. Tell the room what came of it with [`answer`](Self::answer).
    pub(crate) fn call(&mut self, now: Instant, max: usize) -> Vec<Called<R>> {
        let due = self.lines.iter().filter(|(_, line)| line.ask_at <= now);
        let mut due: Vec<(Instant, NumberId)> = due.map(|(number, line)| (line.ask_at, *number)).collect();
        due.sort_unstable();
        let mut called = Vec::new();
        let mut room = max;
        for (_, number) in due {
            if room == 0 {
                break;
            }
            let line = self.lines.get_mut(&number).expect("it was just found there");
            // One more than fits, so that the answer tells which slot is next.
            let fits = (line.pace * self.horizon.as_secs_f64()).ceil() as usize + 1;
            let rows: Vec<_> = line.rows.drain(..fits.min(room).min(line.rows.len())).collect();
            room -= rows.len();
            self.rows -= rows.len();
            called.push(Called {
                number,
                pace: line.pace,
                rows,
            });
            if line.rows.is_empty() {
                self.lines.remove(&number);
            }
        }
        called
    }

    /// Puts the rows that got no slot back to the front of their line. Returns, from the whole line, the rows that would wait too
    /// long, each with its probable slot.
    pub(crate) fn answer(&mut self, answer: Answer<R>, now: Instant) -> Vec<(R, Instant)> {
        let Answer {
            number,
            pace,
            refused,
            next_slot,
        } = answer;
        if refused.is_empty() && !self.lines.contains_key(&number) {
            return Vec::new();
        }
        self.rows += refused.len();
        let half = self.horizon / 2;
        let line = self.line(number, pace, now);
        for waiting in refused.into_iter().rev() {
            line.rows.push_front(waiting);
        }
        let Some(next_slot) = next_slot else {
            return Vec::new();
        };
        line.ask_at = next_slot.checked_sub(half).unwrap_or(next_slot);
        let slot = |place: usize| next_slot + Duration::from_secs_f64(place as f64 / pace);
        let oldest = line.rows.front().map_or(now, |waiting| waiting.since);
        let stay = if slot(0) > oldest + OVERDUE {
            0
        } else {
            let length = line.rows.len();
            (0..length)
                .find(|place| slot(*place) > now + PATIENCE)
                .unwrap_or(length)
        };
        let leave = line.rows.split_off(stay);
        if line.rows.is_empty() {
            self.lines.remove(&number);
        }
        self.rows -= leave.len();
        let with_slot = |(place, waiting): (usize, Waiting<R>)| (waiting.row, slot(stay + place));
        leave.into_iter().enumerate().map(with_slot).collect()
    }

    /// Everybody leaves.
    pub(crate) fn empty(&mut self) -> Vec<R> {
        self.rows = 0;
        let lines = std::mem::take(&mut self.lines).into_values();
        lines.flat_map(|line| line.rows).map(|waiting| waiting.row).collect()
    }

    fn line(&mut self, number: NumberId, pace: f64, now: Instant) -> &mut Line<R> {
        let line = self.lines.entry(number).or_insert_with(|| Line {
            rows: VecDeque::new(),
            pace,
            ask_at: now,
        });
        line.pace = pace;
        line
    }
}

#[cfg(test)]
mod tests;
