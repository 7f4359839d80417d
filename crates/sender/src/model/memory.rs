//! The ledger in memory: what `migrations/` and the statements of `store` do to a message on its way, in plain Rust.
//!
//! One sender number, people who are written to once, no messaging limit, no prices: what those count is tested on its own. That this
//! does the same as PostgreSQL is not believed but tested ([`super::conformance`]).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use domain::hold::{self, Gap, Heard, Hold};
use domain::rules::window;
use domain::{Category, Delivery, MessageId, Reason, State, pace};
use store::admission::{AdmitVerdict, Pacing, Settlement};
use store::outcomes::Recorded;
use store::rescue::{MAX_CRASHES, Standing};
use store::resolve::Resolution;
use uuid::Uuid;

/// A message in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) recipient: usize,
    pub(super) category: Category,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) resend: bool,
    pub(super) state: State,
    pub(super) wake_at: Option<DateTime<Utc>>,
    pub(super) attempt: i32,
    pub(super) failures: i32,
    pub(super) rings: i32,
    pub(super) crashes: i16,
    pub(super) claim: Option<Uuid>,
    pub(super) claimed_at: Option<DateTime<Utc>>,
    pub(super) reason: Option<String>,
    pub(super) delivery: Delivery,
    pub(super) wamid: Option<String>,
    pub(super) changed_at: DateTime<Utc>,
    pub(super) held_until: Option<DateTime<Utc>>,
}

/// How one row is inserted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Insert {
    pub(super) id: MessageId,
    pub(super) recipient: usize,
    pub(super) category: Category,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) resend: bool,
    /// Parked until then, or queued.
    pub(super) scheduled_at: Option<DateTime<Utc>>,
}

/// The ledger.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    pub(super) now: DateTime<Utc>,
    pub(super) rows: BTreeMap<MessageId, Row>,
    /// Slots per second of the number, its next free slot, and its pause.
    pace: f64,
    tat: Option<DateTime<Utc>>,
    pub(super) paused_until: Option<DateTime<Utc>>,
    /// When people last wrote.
    pub(super) inbound: BTreeMap<usize, DateTime<Utc>>,
    heard: Heard,
}

impl Memory {
    pub(super) fn new(now: DateTime<Utc>, throughput: u32) -> Self {
        Self {
            now,
            rows: BTreeMap::new(),
            pace: pace::slots_per_second(throughput),
            tat: None,
            paused_until: None,
            inbound: BTreeMap::new(),
            heard: Heard::default(),
        }
    }

    pub(super) fn insert(&mut self, new: Insert) {
        let row = Row {
            recipient: new.recipient,
            category: new.category,
            expires_at: new.expires_at,
            resend: new.resend,
            state: if new.scheduled_at.is_some() {
                State::Parked
            } else {
                State::Queued
            },
            wake_at: Some(new.scheduled_at.unwrap_or_else(|| self.now + pace::ring_again_after(0))),
            attempt: 0,
            failures: 0,
            rings: 0,
            crashes: 0,
            claim: None,
            claimed_at: None,
            reason: None,
            delivery: Delivery::None,
            wamid: None,
            changed_at: self.now,
            held_until: None,
        };
        self.rows.insert(new.id, row);
    }

    /// Rows in this state whose alarm rang.
    fn rang(&self, state: State) -> Vec<MessageId> {
        let rang = |row: &Row| row.state == state && row.wake_at.is_some_and(|wake_at| wake_at <= self.now);
        self.rows
            .iter()
            .filter(|(_, row)| rang(row))
            .map(|(id, _)| *id)
            .collect()
    }

    fn row(&mut self, id: MessageId) -> Option<&mut Row> {
        self.rows.get_mut(&id)
    }

    /// The scheduler's release pass: rows to publish.
    pub(super) fn release(&mut self) -> Vec<MessageId> {
        if self.paused_until.is_some_and(|until| until > self.now) {
            return Vec::new();
        }
        let (now, mut released) = (self.now, Vec::new());
        for id in self.rang(State::Parked) {
            let Some(row) = self.row(id) else { continue };
            let late = row.expires_at <= now;
            row.state = if late { State::Expired } else { State::Queued };
            row.reason = late.then(|| Reason::Expired.to_string());
            row.wake_at = (!late).then(|| now + pace::ring_again_after(0));
            (row.rings, row.changed_at) = (0, now);
            if !late {
                released.push(id);
            }
        }
        released
    }

    /// The scheduler's look after lost jobs: rows to publish again.
    pub(super) fn ring_again(&mut self) -> Vec<MessageId> {
        let now = self.now;
        let silent = self.rang(State::Queued);
        for id in &silent {
            if let Some(row) = self.row(*id) {
                row.rings += 1;
                row.wake_at = Some(now + pace::ring_again_after(row.rings.unsigned_abs()));
            }
        }
        silent
    }

    pub(super) fn expire_leases(&mut self) -> Vec<MessageId> {
        let now = self.now;
        let silent = self.rang(State::Sending);
        for id in &silent {
            if let Some(row) = self.row(*id) {
                (row.state, row.changed_at) = (State::Uncertain, now);
                row.wake_at = Some(now + row.category.hold());
            }
        }
        silent
    }

    pub(super) fn holds_due(&self) -> Vec<(MessageId, i32, Hold)> {
        let due = self.rang(State::Uncertain).into_iter().map(|id| {
            let row = &self.rows[&id];
            let hold = Hold {
                began: row.changed_at,
                counted_until: row.held_until,
                alarm: row.wake_at.unwrap_or(self.now),
                resend: row.resend,
                expires_at: row.expires_at,
                failures: row.failures.unsigned_abs(),
            };
            (id, row.attempt, hold)
        });
        due.collect()
    }

    /// The scheduler's look at holds, decided by the real rule.
    pub(super) fn end_holds(&mut self) -> Vec<(MessageId, State)> {
        let now = self.now;
        let mut ended = Vec::new();
        for (id, _, hold) in self.holds_due() {
            let end = hold.end(&self.heard, now);
            let Some(row) = self.row(id) else { continue };
            match end {
                hold::End::GoesOn(alarm) => (row.wake_at, row.held_until) = (Some(alarm), Some(now)),
                hold::End::Unknown => {
                    (row.state, row.wake_at, row.held_until, row.changed_at) = (State::Unknown, None, None, now);
                    row.reason = Some(Reason::OutcomeUnknown.to_string());
                }
                hold::End::Resend => {
                    (row.state, row.held_until, row.changed_at) = (State::Parked, None, now);
                    row.wake_at = Some(now.min(row.expires_at));
                    row.reason = None;
                    row.failures += 1;
                }
            }
            ended.push((id, row.state));
        }
        ended
    }

    /// A webhook of the number was applied.
    pub(super) fn hear(&mut self) {
        let before = self.heard.last.unwrap_or(self.now - hold::LONGEST * 2);
        if self
            .heard
            .last
            .is_some_and(|last| self.now <= last + TimeDelta::seconds(5))
        {
            return;
        }
        if self.now > before + hold::GRACE {
            self.heard.gaps.push(Gap {
                after: before,
                until: self.now,
            });
        }
        self.heard.last = Some(self.now);
    }

    /// What admission would say no to, apart from the pace.
    fn refusal(&self, row: &Row) -> Option<(Reason, State, Option<DateTime<Utc>>)> {
        if row.expires_at <= self.now {
            return Some((Reason::Expired, State::Expired, None));
        }
        if let Some(until) = self.paused_until.filter(|until| *until > self.now) {
            return Some((Reason::SenderPaused, State::Parked, Some(until.min(row.expires_at))));
        }
        if row.category == Category::Service {
            match self.inbound.get(&row.recipient) {
                None => return Some((Reason::NoInboundHistory, State::Failed, None)),
                Some(at) if *at + window::LENGTH <= self.now + window::MARGIN => {
                    return Some((Reason::WindowExpired, State::Failed, None));
                }
                Some(_) => {}
            }
        }
        None
    }

    /// Claims rows, as `admit` does.
    pub(super) fn admit(&mut self, claim: Uuid, ids: &[MessageId], pacing: Pacing) -> Vec<(MessageId, AdmitVerdict)> {
        let now = self.now;
        let step = TimeDelta::microseconds((1e6 / self.pace).round_ties_even() as i64);
        let lead = TimeDelta::from_std(pacing.lead).unwrap();
        let last = now + TimeDelta::from_std(pacing.horizon).unwrap();
        let first = self.tat.map_or(now + lead, |tat| tat.max(now + lead));
        let (mut seen, mut verdicts, mut sent) = (BTreeSet::new(), Vec::new(), 0);
        for id in ids.iter().filter(|id| seen.insert(**id)) {
            let Some(row) = self.rows.get(id).filter(|row| row.state == State::Queued) else {
                continue;
            };
            let refusal = self.refusal(row);
            let slot = first + step * sent;
            let Some(row) = self.rows.get_mut(id) else { continue };
            let verdict = match refusal {
                Some((reason, state, wake_at)) => {
                    (row.state, row.wake_at, row.reason, row.claim) = (state, wake_at, Some(reason.to_string()), None);
                    AdmitVerdict::Settled { reason }
                }
                None if slot > last => {
                    let ask_at = slot - TimeDelta::from_std(pacing.horizon).unwrap();
                    verdicts.push((*id, AdmitVerdict::Throughput { ask_at }));
                    // Those behind it have no slot either, but each a later one.
                    sent += 1;
                    continue;
                }
                None => {
                    sent += 1;
                    (row.state, row.reason, row.claim) = (State::Sending, None, Some(claim));
                    row.attempt += 1;
                    row.claimed_at = Some(now);
                    row.wake_at = Some(slot + pace::LEASE);
                    AdmitVerdict::Send {
                        slot,
                        attempt: row.attempt,
                    }
                }
            };
            (row.rings, row.changed_at) = (0, now);
            verdicts.push((*id, verdict));
        }
        let slots = verdicts
            .iter()
            .filter(|(_, verdict)| matches!(verdict, AdmitVerdict::Send { .. }))
            .count();
        if slots > 0 {
            self.tat = Some(first + step * i32::try_from(slots).unwrap());
        }
        verdicts
    }

    /// Records outcomes, fenced by the attempt. Returns the rows that moved.
    pub(super) fn record(&mut self, outcomes: &[Recorded]) -> Vec<MessageId> {
        let now = self.now;
        let mut moved = Vec::new();
        for outcome in outcomes {
            let Some(row) = self.row(outcome.id) else { continue };
            if row.attempt != outcome.attempt || !matches!(row.state, State::Sending | State::Uncertain) {
                continue;
            }
            row.state = outcome.state;
            row.reason.clone_from(&outcome.reason);
            row.wamid = row.wamid.take().or_else(|| outcome.wamid.clone());
            row.wake_at = match outcome.state {
                State::Parked => Some(outcome.wake_at.map_or(row.expires_at, |at| at.min(row.expires_at))),
                _ => outcome.wake_at,
            };
            row.failures += i32::from(outcome.burns);
            (row.claim, row.changed_at) = (None, now);
            moved.push(outcome.id);
        }
        moved
    }

    pub(super) fn give_back_claim(&mut self, claim: Uuid, ids: &[MessageId]) -> usize {
        let now = self.now;
        let claimed = |id: &&MessageId| {
            let row = self.rows.get(id);
            row.is_some_and(|row| row.state == State::Sending && row.claim == Some(claim))
        };
        let given_back: Vec<Recorded> = ids
            .iter()
            .filter(claimed)
            .map(|id| Recorded::given_back(*id, self.rows[id].attempt, now))
            .collect();
        self.record(&given_back).len()
    }

    pub(super) fn settle(&mut self, settlements: &[Settlement]) -> Vec<MessageId> {
        let now = self.now;
        let mut settled = Vec::new();
        for settlement in settlements {
            let Some(row) = self.row(settlement.id).filter(|row| row.state == State::Queued) else {
                continue;
            };
            row.state = settlement.state;
            row.wake_at = (settlement.state == State::Parked).then(|| {
                settlement
                    .until
                    .map_or(row.expires_at, |until| until.min(row.expires_at))
            });
            row.reason = Some(settlement.reason.to_string());
            (row.rings, row.changed_at) = (0, now);
            settled.push(settlement.id);
        }
        settled
    }

    pub(super) fn standing(&self, claims: &[(MessageId, Uuid)]) -> Vec<Standing> {
        let standing = claims.iter().filter_map(|(id, claim)| {
            let row = self.rows.get(id)?;
            let stands = row.claim == Some(*claim) && matches!(row.state, State::Sending | State::Uncertain);
            stands.then_some(Standing {
                id: *id,
                claim: *claim,
                attempt: row.attempt,
                category: row.category,
                state: row.state,
            })
        });
        standing.collect()
    }

    /// Rows over which a sender died; returns those that are set aside.
    pub(super) fn count_crashes(&mut self, ids: &[MessageId]) -> Vec<MessageId> {
        let now = self.now;
        let mut set_aside = Vec::new();
        for id in ids {
            let Some(row) = self.row(*id).filter(|row| row.state < State::Accepted) else {
                continue;
            };
            row.crashes += 1;
            let poison = row.crashes >= MAX_CRASHES;
            row.resend &= !poison;
            if poison && matches!(row.state, State::Parked | State::Queued) {
                (row.state, row.wake_at, row.changed_at) = (State::Failed, None, now);
                row.reason = Some(Reason::Quarantined.to_string());
                set_aside.push(*id);
            }
        }
        set_aside
    }

    /// A status with our callback string.
    pub(super) fn prove(&mut self, id: MessageId, delivery: Delivery, wamid: &str) -> bool {
        let now = self.now;
        let Some(row) = self.row(id) else { return false };
        if matches!(row.state, State::Failed | State::Expired | State::Canceled) {
            return false;
        }
        let failed_again = delivery == Delivery::Failed && row.delivery == delivery;
        let is_news = row.state != State::Accepted || row.wamid.is_none() || delivery > row.delivery || failed_again;
        if !is_news {
            return false;
        }
        if row.state != State::Accepted {
            row.changed_at = now;
        }
        (row.state, row.wake_at, row.claim) = (State::Accepted, None, None);
        row.delivery = row.delivery.max(delivery);
        row.wamid.get_or_insert_with(|| wamid.to_owned());
        row.reason = (row.delivery == Delivery::Failed).then(|| "meta_0".to_owned());
        true
    }

    pub(super) fn cancel(&mut self, id: MessageId) -> bool {
        let now = self.now;
        let Some(row) = self
            .row(id)
            .filter(|row| matches!(row.state, State::Parked | State::Queued))
        else {
            return false;
        };
        (row.state, row.wake_at, row.changed_at) = (State::Canceled, None, now);
        row.reason = Some(Reason::Canceled.to_string());
        true
    }

    pub(super) fn resolve(&mut self, id: MessageId, resolution: Resolution) -> bool {
        let now = self.now;
        let Some(row) = self
            .row(id)
            .filter(|row| matches!(row.state, State::Uncertain | State::Unknown))
        else {
            return false;
        };
        if resolution == Resolution::Resend && row.expires_at <= now {
            return false;
        }
        (row.state, row.reason) = match resolution {
            Resolution::Accepted => (State::Accepted, None),
            Resolution::Failed => (State::Failed, Some(Reason::ResolvedFailed.to_string())),
            Resolution::Resend => (State::Parked, None),
        };
        row.wake_at = (resolution == Resolution::Resend).then(|| now.min(row.expires_at));
        row.failures += i32::from(resolution == Resolution::Resend);
        (row.claim, row.changed_at) = (None, now);
        true
    }

    pub(super) fn hold_number(&mut self, until: DateTime<Utc>) {
        self.paused_until = Some(self.paused_until.map_or(until, |paused| paused.max(until)));
    }
}
