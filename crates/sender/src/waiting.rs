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
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HORIZON: Duration = Duration::from_millis(100);
    const A: NumberId = NumberId(1);
    const B: NumberId = NumberId(2);

    fn room_of(rows: impl IntoIterator<Item = (NumberId, u32)>, pace: f64, now: Instant) -> WaitingRoom<u32> {
        let mut room = WaitingRoom::new(HORIZON);
        for (number, row) in rows {
            room.join(number, pace, row, now);
        }
        room
    }

    fn called(room: &mut WaitingRoom<u32>, now: Instant, max: usize) -> Vec<(NumberId, Vec<u32>)> {
        let mut called: Vec<_> = room
            .call(now, max)
            .into_iter()
            .map(|called| (called.number, called.rows.iter().map(|waiting| waiting.row).collect()))
            .collect();
        called.sort();
        called
    }

    #[test]
    fn each_line_sends_as_many_as_could_get_a_slot_and_one_more() {
        let now = Instant::now();
        let mut room = room_of((0..40).map(|n| (A, n)).chain((0..3).map(|n| (B, n))), 75.0, now);

        let called = called(&mut room, now, 200);

        assert_eq!(called, [(A, (0..9).collect()), (B, vec![0, 1, 2])]);
        assert_eq!(room.len(), 31);
    }

    #[test]
    fn a_line_that_must_wait_holds_no_other_up_and_newcomers_join_its_end() {
        let now = Instant::now();
        let mut room = room_of([(A, 0), (A, 1)], 10.0, now);
        let Called {
            number,
            pace,
            rows: refused,
        } = room.call(now, 200).remove(0);
        let next_slot = Some(now + Duration::from_millis(400));
        let left = room.answer(
            Answer {
                number,
                pace,
                refused,
                next_slot,
            },
            now,
        );
        assert!(left.is_empty());

        room.join(A, 10.0, 2, now);
        room.join(B, 10.0, 0, now);

        assert_eq!(called(&mut room, now, 200), [(B, vec![0])]);
        let ask_at = now + Duration::from_millis(350);
        assert_eq!(room.next_ask(), Some(ask_at), "half a horizon before the slot");
        assert_eq!(called(&mut room, ask_at, 200), [(A, vec![0, 1])]);
        assert_eq!(called(&mut room, ask_at, 200), [(A, vec![2])]);
        assert_eq!((room.len(), room.next_ask()), (0, None));
    }

    #[test]
    fn who_would_wait_longer_than_the_patience_leaves_and_the_others_stay_in_order() {
        let now = Instant::now();
        let mut room = room_of((0..10).map(|n| (A, n)), 1.0, now);
        let Called {
            number,
            pace,
            rows: refused,
        } = room.call(now, 200).remove(0);
        let next_slot = Some(now + Duration::from_millis(1500));

        let left = room.answer(
            Answer {
                number,
                pace,
                refused,
                next_slot,
            },
            now,
        );

        let rows: Vec<u32> = left.iter().map(|(row, _)| *row).collect();
        assert_eq!(
            rows,
            (2..10).collect::<Vec<_>>(),
            "slots after 1.5 and 2.5 s are worth the wait"
        );
        assert_eq!(left[0].1, now + Duration::from_millis(3500));
        assert_eq!(left[7].1, now + Duration::from_millis(10_500));
        assert_eq!(room.len(), 2);
        assert_eq!(room.empty(), [0, 1]);
    }

    #[test]
    fn a_line_whose_slots_were_all_granted_asks_when_half_of_them_are_used() {
        let now = Instant::now();
        let mut room = room_of((0..20).map(|n| (A, n)), 75.0, now);
        let Called { number, pace, .. } = room.call(now, 200).remove(0);

        let next_slot = Some(now + HORIZON);
        room.answer(
            Answer {
                number,
                pace,
                refused: Vec::new(),
                next_slot,
            },
            now,
        );

        assert_eq!(room.next_ask(), Some(now + HORIZON / 2));
        assert_eq!(room.len(), 11);
    }

    #[test]
    fn a_line_that_others_keep_from_its_slots_goes_back_to_the_ledger_as_a_whole() {
        let came = Instant::now();
        let mut room = room_of([(A, 0), (A, 1)], 75.0, came);
        let now = came + OVERDUE;
        room.join(A, 75.0, 2, now);
        let Called {
            number,
            pace,
            rows: refused,
        } = room.call(now, 200).remove(0);

        let next_slot = Some(now + Duration::from_millis(900));
        let left = room.answer(
            Answer {
                number,
                pace,
                refused,
                next_slot,
            },
            now,
        );

        assert_eq!(left.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((room.len(), room.next_ask()), (0, None));
    }

    proptest! {
        /// Whatever is granted and refused, every row comes out once, and those of a number in the order they came.
        #[test]
        fn rows_are_neither_lost_nor_doubled_nor_reordered(
            rows in proptest::collection::vec(0_i64..3, 1..80),
            grants in proptest::collection::vec(0_usize..8, 1..40),
            max in 1_usize..30,
        ) {
            let mut now = Instant::now();
            let mut room = WaitingRoom::new(HORIZON);
            for (n, number) in rows.iter().enumerate() {
                room.join(NumberId(*number), 50.0, n, now);
            }
            let (mut out, mut left) = (vec![Vec::new(); 3], vec![Vec::new(); 3]);
            for grant in grants.into_iter().cycle() {
                prop_assert_eq!(
                    room.len() + out.iter().chain(&left).map(Vec::len).sum::<usize>(),
                    rows.len()
                );
                let Some(at) = room.next_ask() else { break };
                now = now.max(at);
                let called = room.call(now, max);
                prop_assert!(called.iter().map(|called| called.rows.len()).sum::<usize>() <= max);
                for Called { number, pace, rows: mut waiting } in called {
                    let at = usize::try_from(number.0).unwrap();
                    let refused = waiting.split_off(grant.min(waiting.len()));
                    out[at].extend(waiting.into_iter().map(|waiting| waiting.row));
                    let next_slot = Some(now + Duration::from_millis(120));
                    let leave = room.answer(Answer { number, pace, refused, next_slot }, now);
                    left[at].extend(leave.into_iter().map(|(row, _)| row));
                }
            }
            prop_assert_eq!(room.len(), 0);
            for granted in &out {
                prop_assert!(granted.is_sorted());
            }
            for left in &left {
                prop_assert!(left.is_sorted());
            }
        }
    }
}
