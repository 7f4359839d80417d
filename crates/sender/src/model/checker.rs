//! The invariants, over the histories of the ledger and of Meta; numbered as in the list that the system tests check too.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use domain::rules::window;
use domain::{Category, Delivery, MessageId, State};

use super::memory::{Insert, Memory};
use super::meta::{Meta, Status};
use super::sender::Claimed;
use super::world::ByMessage;

/// Between the look whether a slot can be kept and the first byte a process may be frozen, and then nothing can keep the byte back. What
/// is promised about time is promised for processes that run.
const RUNS: TimeDelta = TimeDelta::seconds(1);

#[derive(Debug, Default)]
pub(super) struct Checker {
    submitted: ByMessage<Insert>,
    before: ByMessage<(State, i32, Delivery)>,
    canceled: ByMessage<i32>,
    delivered: ByMessage<Delivery>,
    arrivals_seen: usize,
    broken: Option<String>,
}

impl Checker {
    pub(super) fn submitted(&mut self, new: Insert) {
        self.submitted.insert(new.id, new);
    }

    pub(super) fn canceled(&mut self, id: MessageId, attempt: i32) {
        self.canceled.insert(id, attempt);
    }

    pub(super) fn told(&mut self, status: &Status) {
        let seen = self.delivered.entry(status.id).or_insert(Delivery::None);
        *seen = status.delivery.max(*seen);
    }

    fn breaks(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    /// The first byte of a POST.
    pub(super) fn arrives(&mut self, claimed: Claimed, ledger: &Memory) {
        let (now, id) = (ledger.now, claimed.id);
        if let Some(attempt) = self.canceled.get(&id).filter(|attempt| claimed.attempt > **attempt) {
            self.breaks(format!(
                "I12: {id} was canceled after attempt {attempt}, and attempt {} is posted",
                claimed.attempt
            ));
        }
        if now - claimed.begun_at > RUNS {
            return;
        }
        let new = self.submitted[&id];
        if new.scheduled_at.is_some_and(|at| now < at) {
            self.breaks(format!("I12: {id} is posted before its time"));
        }
        if now > new.expires_at + RUNS {
            self.breaks(format!("I12: {id} is posted after its end"));
        }
        let wrote = ledger.inbound.get(&new.recipient);
        if new.category == Category::Service && wrote.is_none_or(|at| *at + window::LENGTH < now) {
            self.breaks(format!("I9: {id} is posted with its window closed"));
        }
    }

    /// What holds at any time.
    pub(super) fn after_a_step(&mut self, ledger: &Memory, meta: &Meta) -> Result<(), String> {
        for (id, row) in &ledger.rows {
            let now = (row.state, row.attempt, row.delivery);
            if let Some((state, attempt, delivery)) = self.before.insert(*id, now) {
                if row.attempt < attempt {
                    self.breaks(format!(
                        "I11: the attempt of {id} went back from {attempt} to {}",
                        row.attempt
                    ));
                }
                if row.delivery < delivery {
                    self.breaks(format!(
                        "I13: the delivery of {id} went back from {delivery:?} to {:?}",
                        row.delivery
                    ));
                }
                let refused = matches!(state, State::Failed | State::Expired | State::Canceled);
                let proven = row.state == State::Accepted && !refused;
                if row.state != state && !state.may_become(row.state) && !proven {
                    self.breaks(format!("I11: {id} went from {state:?} to {:?}", row.state));
                }
            }
            if !row.state.is_final() && row.wake_at.is_none() {
                self.breaks(format!("I2: {id} is {:?} without an alarm", row.state));
            }
        }
        if meta.arrivals.len() == self.arrivals_seen {
            return self.broken.clone().map_or(Ok(()), Err);
        }
        for arrival in &meta.arrivals[self.arrivals_seen..] {
            if ledger.rows[&arrival.id].attempt < arrival.attempt {
                let (id, attempt) = (arrival.id, arrival.attempt);
                self.broken
                    .get_or_insert_with(|| format!("I4: attempt {attempt} of {id} was posted and never claimed"));
            }
        }
        self.arrivals_seen = meta.arrivals.len();
        self.once(meta);
        self.broken.clone().map_or(Ok(()), Err)
    }

    fn once(&mut self, meta: &Meta) {
        let (mut posted, mut accepted) = (BTreeSet::new(), BTreeSet::new());
        for arrival in &meta.arrivals {
            let (id, attempt) = (arrival.id, arrival.attempt);
            if !posted.insert((id, attempt)) {
                self.breaks(format!("I4: attempt {attempt} of {id} was posted twice"));
            }
            if arrival.accepted && !accepted.insert(id) && !self.submitted[&id].resend {
                self.breaks(format!("I3: Meta accepted {id} twice"));
            }
        }
    }

    /// What holds when everything came to its end.
    pub(super) fn at_the_end(&mut self, ledger: &Memory, meta: &Meta) -> Result<(), String> {
        for (id, new) in &self.submitted {
            let Some(row) = ledger.rows.get(id) else {
                return Err(format!("I1: {id} is gone"));
            };
            let of_it: Vec<_> = meta.arrivals.iter().filter(|arrival| arrival.id == *id).collect();
            let accepted = of_it.iter().any(|arrival| arrival.accepted);
            let withheld = of_it.iter().any(|arrival| arrival.accepted && arrival.withheld);
            let attempts = (new.resend, of_it.len());
            let wrong = match row.state {
                State::Accepted => !accepted,
                // One that is sent again at its own risk may be refused the second time.
                State::Failed | State::Expired | State::Canceled => accepted && !new.resend,
                State::Unknown => accepted && !withheld,
                _ => true,
            };
            if wrong {
                return Err(format!(
                    "I5: {id} ended as {:?}, Meta accepted it: {accepted}, withheld: {withheld}, {attempts:?}",
                    row.state
                ));
            }
            let told = self.delivered.get(id).copied().unwrap_or(Delivery::None);
            if row.state == State::Accepted && row.delivery != told {
                return Err(format!(
                    "I13: {id} shows {:?}, and {told:?} is the furthest of what was told",
                    row.delivery
                ));
            }
        }
        if ledger.rows.len() != self.submitted.len() {
            return Err("I1: a row was invented".to_owned());
        }
        Ok(())
    }
}
