//! Everybody together: a client, a broker, two senders, a scheduler, Meta and its webhooks, an operator. One seeded step at a time.

use std::collections::BTreeMap;
use std::slice;

use chrono::{DateTime, TimeDelta, Utc};
use domain::attempt::Outcome;
use domain::policy::PolicyFacts;
use domain::rules::{Facts, NumberFacts, Window, decide};
use domain::{Category, Lane, MessageId, NumberId, State, WabaId, pace};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use store::admission::AdmitVerdict;
use store::outcomes::{Post, Recorded};
use uuid::Uuid;

use super::checker::Checker;
use super::memory::{Insert, Memory};
use super::meta::{Meta, wamid};
use super::schedules::Mistake;
use super::sender::{Claimed, Sender, Work};
use crate::aftermath::{Attempted, Consequence, aftermath};
use crate::desk::settlement;
use crate::gate::pacing;
use crate::journal::{Done, Record};
use crate::rescue::{blamed, how_far, outcome};

const SENDERS: usize = 2;
const MESSAGES: usize = 8;
const NUMBER: NumberId = NumberId(1);
/// Steps with faults; after them everything is repaired.
const STORM: usize = 220;
/// Steps within which everything must come to its end then.
const CALM: usize = 6_000;

/// A job that the broker has.
#[derive(Debug, Clone)]
struct Delivery {
    tag: u64,
    ids: Vec<MessageId>,
    /// Who has it, while it is out.
    taken_by: Option<usize>,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) ledger: Memory,
    pub(super) meta: Meta,
    random: StdRng,
    mistake: Option<Mistake>,
    senders: Vec<Sender>,
    broker: Vec<Delivery>,
    tags: u64,
    start: DateTime<Utc>,
    /// Faults happen.
    storm: bool,
    pub(super) checker: Checker,
    pub(super) told: Vec<String>,
}

impl World {
    pub(super) fn new(seed: u64, mistake: Option<Mistake>) -> Self {
        let start = DateTime::from_timestamp(1_750_000_000, 0).unwrap();
        Self {
            ledger: Memory::new(start, 80),
            meta: Meta::default(),
            random: StdRng::seed_from_u64(seed),
            mistake,
            senders: (0..SENDERS).map(|_| Sender::default()).collect(),
            broker: Vec::new(),
            tags: 0,
            start,
            storm: true,
            checker: Checker::default(),
            told: Vec::new(),
        }
    }

    /// A whole life.
    ///
    /// # Errors
    /// What was broken.
    pub(super) fn run(mut self) -> Result<Self, Box<(String, Self)>> {
        let outcome = self.live();
        match outcome {
            Ok(()) => Ok(self),
            Err(why) => Err(Box::new((why, self))),
        }
    }

    fn live(&mut self) -> Result<(), String> {
        for _ in 0..MESSAGES {
            self.submit();
        }
        for _ in 0..STORM {
            self.step()?;
        }
        (self.storm, self.meta.sick) = (false, false);
        for _ in 0..CALM {
            if self.is_quiet() {
                return self.checker.at_the_end(&self.ledger, &self.meta);
            }
            self.step()?;
            self.settle_down()?;
        }
        let stuck: Vec<_> = self.ledger.rows.values().filter(|row| !row.state.is_final()).collect();
        Err(format!(
            "I2: not everything came to its end: {stuck:?}, {:?}, {:?}",
            self.senders, self.broker
        ))
    }

    /// Nobody is at work, so everything that happens because time passed happens: time goes on to the next alarm, and the scheduler looks.
    fn settle_down(&mut self) -> Result<(), String> {
        let at_work = self.senders.iter().any(|sender| !sender.work.is_empty());
        if at_work || !self.broker.is_empty() {
            return Ok(());
        }
        let next = self.ledger.rows.values().filter_map(|row| row.wake_at).min();
        self.ledger.now = next.unwrap_or(self.ledger.now).max(self.ledger.now);
        let released = self.ledger.release();
        self.publish(released);
        let rung = self.ledger.ring_again();
        self.publish(rung);
        self.ledger.expire_leases();
        self.checker.after_a_step(&self.ledger, &self.meta)?;
        self.ledger.end_holds();
        self.checker.after_a_step(&self.ledger, &self.meta)
    }

    fn is_quiet(&self) -> bool {
        let finished = self.ledger.rows.values().all(|row| row.state.is_final());
        finished && self.meta.webhooks.is_empty() && self.senders.iter().all(|sender| sender.work.is_empty())
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.storm && self.random.random_bool(probability)
    }

    fn step(&mut self) -> Result<(), String> {
        match self.random.random_range(0..22) {
            0 | 1 => self.time_passes(),
            2 | 3 => self.scheduler(),
            4 => self.webhook(),
            5 if self.storm => self.misfortune(),
            _ => self.sender(),
        }
        self.checker.after_a_step(&self.ledger, &self.meta)
    }

    fn tell(&mut self, what: String) {
        let seconds = (self.ledger.now - self.start).as_seconds_f64();
        self.told.push(format!("{seconds:>12.3}  {what}"));
    }

    fn submit(&mut self) {
        let now = self.ledger.now;
        let category = *[
            Category::Utility,
            Category::Utility,
            Category::Marketing,
            Category::Service,
        ]
        .choose(&mut self.random)
        .unwrap();
        let recipient = self.ledger.rows.len();
        if category == Category::Service {
            // The window is open, for a moment or for the whole day.
            let ago = TimeDelta::seconds(self.random.random_range(0..86_500));
            self.ledger.inbound.insert(recipient, now - ago);
        }
        let new = Insert {
            id: MessageId(Uuid::from_u128(recipient as u128 + 1)),
            recipient,
            category,
            expires_at: now + TimeDelta::seconds(self.random.random_range(30..40_000)),
            resend: self.random.random_bool(0.25),
            scheduled_at: self
                .random
                .random_bool(0.4)
                .then(|| now + TimeDelta::seconds(self.random.random_range(0..600))),
        };
        self.ledger.insert(new);
        self.checker.submitted(new);
        self.tell(format!("submitted {new:?}"));
        if new.scheduled_at.is_none() && !self.chance(0.2) {
            self.publish(vec![new.id]);
        }
    }

    fn publish(&mut self, ids: Vec<MessageId>) {
        if ids.is_empty() {
            return;
        }
        let times = if self.chance(0.1) { 2 } else { 1 };
        for _ in 0..times {
            self.tags += 1;
            self.broker.push(Delivery {
                tag: self.tags,
                ids: ids.clone(),
                taken_by: None,
            });
        }
    }

    fn time_passes(&mut self) {
        // Mostly moments; sometimes on to the next alarm, however far.
        let next = self
            .ledger
            .rows
            .values()
            .filter_map(|row| row.wake_at)
            .filter(|at| *at > self.ledger.now)
            .min();
        let leap = if self.storm { 0.15 } else { 0.4 };
        self.ledger.now = match next {
            Some(at) if self.random.random_bool(leap) => at,
            _ => {
                let most = if self.random.random_bool(0.8) { 60 } else { 20_000 };
                self.ledger.now + TimeDelta::milliseconds(self.random.random_range(1..most))
            }
        };
    }

    fn scheduler(&mut self) {
        let what = self.random.random_range(0..5);
        let ids = match what {
            0 | 1 => self.ledger.release(),
            2 => self.ledger.ring_again(),
            3 => {
                let expired = self.ledger.expire_leases();
                if self.mistake == Some(Mistake::LeaseGoesBackToTheQueue) {
                    for id in &expired {
                        if let Some(row) = self.ledger.rows.get_mut(id) {
                            (row.state, row.wake_at) = (State::Parked, Some(self.ledger.now));
                        }
                    }
                }
                if !expired.is_empty() {
                    self.tell(format!("leases ended: {expired:?}"));
                }
                return;
            }
            _ => {
                let ended = self.ledger.end_holds();
                if !ended.is_empty() {
                    self.tell(format!("holds: {ended:?}"));
                }
                return;
            }
        };
        if ids.is_empty() {
            return;
        }
        // It may die between the commit and the publish.
        let dies = self.chance(0.1);
        self.tell(format!(
            "released or rung {ids:?}{}",
            if dies { ", and died" } else { "" }
        ));
        if !dies {
            self.publish(ids);
        }
    }

    fn webhook(&mut self) {
        let now = self.ledger.now;
        let due: Vec<usize> = (0..self.meta.webhooks.len())
            .filter(|place| self.meta.webhooks[*place].due <= now)
            .collect();
        let Some(place) = due.choose(&mut self.random).copied() else {
            if !self.storm && !self.meta.webhooks.is_empty() {
                // In the calm nobody waits for the clock.
                for status in &mut self.meta.webhooks {
                    status.due = now;
                }
            }
            return;
        };
        let status = self.meta.webhooks.swap_remove(place);
        let changed = self
            .ledger
            .prove(status.id, status.delivery, &wamid(status.id, status.attempt));
        self.ledger.hear();
        self.checker.told(&status);
        self.tell(format!("webhook {status:?}, news: {changed}"));
    }

    fn misfortune(&mut self) {
        match self.random.random_range(0..9) {
            0..=3 => {
                let victim = self.random.random_range(0..SENDERS);
                self.kill(victim);
            }
            4 => {
                self.broker.clear();
                self.tell("the queues are purged".to_owned());
            }
            5 => self.meta.sick = !self.meta.sick,
            6 => {
                let ids: Vec<MessageId> = self.ledger.rows.keys().copied().collect();
                let id = *ids.choose(&mut self.random).unwrap();
                if self.ledger.cancel(id) {
                    self.checker.canceled(id, self.ledger.rows[&id].attempt);
                    self.tell(format!("canceled {id}"));
                }
            }
            7 => {
                // The broker closes a channel: what was out comes again, and those who had it do not know.
                self.broker.iter_mut().for_each(|delivery| delivery.taken_by = None);
            }
            _ => {
                let long = TimeDelta::seconds(self.random.random_range(1..7_000));
                self.ledger.now += long;
                self.tell(format!("everybody stands still for {} s", long.num_seconds()));
            }
        }
    }

    /// `kill -9`, and a successor that reads the journal before anything else, unless that is gone too.
    fn kill(&mut self, victim: usize) {
        let journal = std::mem::take(&mut self.senders[victim].journal);
        self.senders[victim].work.clear();
        for delivery in &mut self.broker {
            if delivery.taken_by == Some(victim) {
                delivery.taken_by = None;
            }
        }
        let lost = self.random.random_bool(0.15);
        // Over a restart of the machine only positive records are believed.
        let complete = self.random.random_bool(0.85);
        self.tell(format!(
            "sender {victim} is killed, its journal {}",
            if lost { "is lost" } else { "is read" }
        ));
        if !lost {
            self.rescue(&journal, complete);
        }
    }

    /// As `rescue::bury`, with its own decisions.
    fn rescue(&mut self, journal: &[Record], complete: bool) {
        let came = how_far(journal);
        let mut claims: Vec<(MessageId, Uuid)> = came.keys().copied().collect();
        claims.sort_unstable();
        let now = self.ledger.now;
        let standing = self.ledger.standing(&claims);
        let outcomes: Vec<Recorded> = standing
            .iter()
            .filter_map(|row| outcome(came.get(&(row.id, row.claim))?, row, complete, now))
            .collect();
        let moved = self.ledger.record(&outcomes);
        let set_aside = self.ledger.count_crashes(&blamed(complete, &[], &came));
        if !outcomes.is_empty() || !set_aside.is_empty() {
            self.tell(format!("rescued {moved:?}, set aside {set_aside:?}"));
        }
    }

    fn sender(&mut self) {
        let who = self.random.random_range(0..SENDERS);
        let work = &self.senders[who].work;
        if work.is_empty() || (work.len() < 6 && self.random.random_bool(0.3)) {
            return self.take(who);
        }
        let place = self.random.random_range(0..self.senders[who].work.len());
        let work = self.senders[who].work.remove(place);
        let next = self.work(who, work);
        self.senders[who].work.extend(next);
    }

    fn take(&mut self, who: usize) {
        let waiting: Vec<usize> = (0..self.broker.len())
            .filter(|place| self.broker[*place].taken_by.is_none())
            .collect();
        if let Some(place) = waiting.choose(&mut self.random) {
            let delivery = &mut self.broker[*place];
            delivery.taken_by = Some(who);
            let taken = Work::Taken {
                delivery: delivery.tag,
                ids: delivery.ids.clone(),
            };
            self.senders[who].work.push(taken);
        }
    }

    /// An acknowledgement counts only for the channel that the delivery came on.
    fn ack(&mut self, who: usize, tag: u64) {
        self.broker
            .retain(|delivery| delivery.tag != tag || delivery.taken_by != Some(who));
    }

    fn work(&mut self, who: usize, work: Work) -> Vec<Work> {
        let now = self.ledger.now;
        match work {
            Work::Taken { delivery, ids } => self.judge(who, delivery, ids),
            Work::Judged { delivery, ids } => {
                let claim = Uuid::from_u128(self.random.random());
                let noted = ids.iter().map(|id| Record::Claimed { id: *id, claim });
                self.senders[who].journal.extend(noted);
                vec![Work::Noted { delivery, ids, claim }]
            }
            Work::Noted { delivery, ids, claim } => self.admit(who, delivery, ids, claim),
            Work::Admitted { delivery, rows } => {
                self.ack(who, delivery);
                rows.into_iter().map(Work::Waiting).collect()
            }
            Work::Doubtful { claim, ids } => {
                let rows = self.ledger.give_back_claim(claim, &ids);
                self.tell(format!("{rows} rows of a doubtful claim are given back"));
                Vec::new()
            }
            Work::Waiting(row) if now < row.slot => vec![Work::Waiting(row)],
            Work::Waiting(row) if now > (row.slot + pace::MAX_SEND_DELAY).min(row.expires_at) => {
                vec![Work::Unrecorded(Recorded::given_back(row.id, row.attempt, now))]
            }
            Work::Waiting(mut row) => {
                if self.mistake != Some(Mistake::PostNotNoted) {
                    self.senders[who].journal.push(Record::Begun {
                        id: row.id,
                        claim: row.claim,
                        slot: row.slot,
                    });
                }
                row.begun_at = now;
                vec![Work::Begun(row)]
            }
            Work::Begun(row) => {
                self.checker.arrives(row, &self.ledger);
                let outcome = self.meta.post(row.id, row.attempt, now, &mut self.random);
                self.tell(format!("POST of {} attempt {}: {outcome:?}", row.id, row.attempt));
                vec![Work::Answered(row, outcome)]
            }
            Work::Answered(row, outcome) => vec![Work::Ended(self.ended(row, &outcome))],
            Work::Ended(recorded) => {
                self.senders[who].journal.extend(Done::of(&recorded).map(Record::Done));
                vec![Work::Unrecorded(recorded)]
            }
            Work::Unrecorded(recorded) => {
                if self.chance(0.1) {
                    // Nobody knows whether that was committed: it is written again.
                    self.ledger.record(slice::from_ref(&recorded));
                    return vec![Work::Unrecorded(recorded)];
                }
                let moved = self.ledger.record(slice::from_ref(&recorded));
                self.tell(format!(
                    "recorded {} attempt {} as {:?}: {}",
                    recorded.id,
                    recorded.attempt,
                    recorded.state,
                    !moved.is_empty()
                ));
                Vec::new()
            }
        }
    }

    /// The rules, and what they would not let go.
    fn judge(&mut self, who: usize, delivery: u64, ids: Vec<MessageId>) -> Vec<Work> {
        let (mut go, mut settle) = (Vec::new(), Vec::new());
        for id in ids {
            let row = &self.ledger.rows[&id];
            if row.state != State::Queued {
                continue;
            }
            let facts = Facts {
                category: row.category,
                expires_at: row.expires_at,
                flow: None,
                opted_out: false,
                opted_out_of_marketing: false,
                number: NumberFacts {
                    connected: true,
                    paused_until: self.ledger.paused_until.filter(|until| *until > self.ledger.now),
                },
                account_restricted: false,
                template: None,
                window: Window {
                    last_inbound_at: self.ledger.inbound.get(&row.recipient).copied(),
                },
                has_fallback: false,
                policies: PolicyFacts::default(),
            };
            match settlement(id, decide(&facts, self.ledger.now)) {
                Some(settlement) => settle.push(settlement),
                None => go.push(id),
            }
        }
        self.ledger.settle(&settle);
        if go.is_empty() {
            self.ack(who, delivery);
            return Vec::new();
        }
        vec![Work::Judged { delivery, ids: go }]
    }

    fn admit(&mut self, who: usize, delivery: u64, ids: Vec<MessageId>, claim: Uuid) -> Vec<Work> {
        if self.mistake == Some(Mistake::PostBeforeTheCommit) {
            let id = ids[0];
            let attempt = self.ledger.rows[&id].attempt + 1;
            self.meta.post(id, attempt, self.ledger.now, &mut self.random);
        }
        let in_doubt = self.chance(0.1);
        let lost = in_doubt && self.random.random_bool(0.5);
        let trusts = self.mistake == Some(Mistake::DoubtIsTakenForSuccess);
        if lost && !trusts {
            // It was not committed, and nobody knows.
            return self.doubt(who, delivery, claim, ids);
        }
        let pacing = pacing(*Lane::ALL.choose(&mut self.random).unwrap());
        let verdicts = match lost {
            true => self.ledger.clone().admit(claim, &ids, pacing),
            false => self.ledger.admit(claim, &ids, pacing),
        };
        self.tell(format!(
            "claim of {ids:?}: {verdicts:?}{}",
            if in_doubt { ", in doubt" } else { "" }
        ));
        if in_doubt && !trusts {
            return self.doubt(who, delivery, claim, ids);
        }
        let rows = verdicts.into_iter().filter_map(|(id, verdict)| {
            let AdmitVerdict::Send { slot, attempt } = verdict else {
                return None;
            };
            let row = &self.ledger.rows[&id];
            Some(Claimed {
                id,
                claim,
                attempt,
                slot,
                category: row.category,
                expires_at: row.expires_at,
                failures: row.failures,
                begun_at: slot,
            })
        });
        let rows = rows.collect();
        vec![Work::Admitted { delivery, rows }]
    }

    fn doubt(&mut self, who: usize, delivery: u64, claim: Uuid, ids: Vec<MessageId>) -> Vec<Work> {
        for out in &mut self.broker {
            if out.tag == delivery && out.taken_by == Some(who) {
                out.taken_by = None;
            }
        }
        vec![Work::Doubtful { claim, ids }]
    }

    /// What becomes of a message after its answer: the real decision.
    fn ended(&mut self, row: Claimed, outcome: &Outcome) -> Recorded {
        let attempted = Attempted {
            id: row.id,
            number: NUMBER,
            waba: WabaId(1),
            template: None,
            category: row.category,
            expires_at: row.expires_at,
            attempt: row.attempt,
            failures: row.failures,
            has_fallback: false,
        };
        let now = self.ledger.now;
        let after = aftermath(outcome, &attempted, now, self.random.random());
        if let Some(Consequence::Hold(_, until) | Consequence::SlowDown(_, until)) = after.consequence {
            self.ledger.hold_number(until);
        }
        let (mut state, mut wake_at) = (after.state, after.wake_at);
        if self.mistake == Some(Mistake::UnknownIsTriedAgain) && state == State::Uncertain {
            (state, wake_at) = (State::Parked, Some(now + TimeDelta::seconds(5)));
        }
        Recorded {
            id: row.id,
            attempt: row.attempt,
            state,
            wake_at,
            reason: after.reason.map(|reason| reason.to_string()),
            wamid: after.wamid.map(|wamid| wamid.0),
            burns: after.burns,
            refused: after.refused,
            post: Some(Post {
                claim: row.claim,
                slot: row.slot,
                ended_at: now,
                post_ms: 0,
                outcome: "unknown",
                http_status: None,
                error: None,
            }),
        }
    }
}

/// What is known of people.
pub(super) type ByMessage<T> = BTreeMap<MessageId, T>;
