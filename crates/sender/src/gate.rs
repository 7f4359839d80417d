//! The gate: rows wait here for a slot of their number, are admitted batch by batch, and set out.
//!
//! **Invariant:** a row sets out only after the commit of its admission was confirmed to us. When that is in doubt the row is
//! given back in the ledger, its delivery goes back to the broker, and nothing is posted.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Lane, MessageId, Reason, State, TemplateId, pace};
use runtime::crash::{CrashPoint, crash_at, crash_during};
use store::admission::{Admission, AdmitVerdict, Pacing, Settlement};
use store::{Reading, Store};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::breaker::Leave;
use crate::desk::Desk;
use crate::intake::{BATCH, Ready, give_back};
use crate::journal::Trail;
use crate::post::{Claimed, Poster};
use crate::record::Entry;
use crate::ticket::{Returned, Ticket};
use crate::waiting::{Answer, Called, Waiting, WaitingRoom};
use crate::{Error, metrics};

/// Rows that may wait in memory; beyond that no more are taken from the broker.
const ROOM: usize = 20_000;

/// How long rows wait here, and not in the ledger, while Meta's host lets nobody through.
const BARRED: Duration = Duration::from_millis(500);

/// How slots are given out to a lane.
///
/// Bulk takes slots only a tenth of a second ahead, so a reply that comes now waits at most that long for the next free one. Replies
/// take theirs up to a second ahead: when they alone fill the number, bulk finds no slot within its own horizon and lets them pass.
/// The lead is what a commit and setting out usually take; without it the first slot of an idle number would be past at birth.
pub(crate) const fn pacing(lane: Lane) -> Pacing {
    match lane {
        Lane::Rt => Pacing {
            horizon: Duration::from_secs(1),
            lead: Duration::from_millis(5),
        },
        Lane::Bulk => Pacing {
            horizon: Duration::from_millis(100),
            lead: Duration::from_millis(10),
        },
    }
}

/// What a round may use up: one of each for every row that it called.
#[derive(Debug)]
struct Permits<'a> {
    places: OwnedSemaphorePermit,
    leave: &'a mut Leave,
}

impl Permits<'_> {
    fn split(&mut self) -> (OwnedSemaphorePermit, Leave) {
        let one = "there is one for each row that was called";
        (self.places.split(1).expect(one), self.leave.split().expect(one))
    }
}

/// One lane's gate.
#[derive(Debug)]
pub(crate) struct Gate {
    lane: Lane,
    store: Store,
    desk: Desk,
    poster: Poster,
    /// Places for claimed rows whose POST has not ended.
    in_flight: Arc<Semaphore>,
    places: usize,
    room: WaitingRoom<Ready>,
    /// Meta's host is out of order: nobody asks before.
    not_before: Option<Instant>,
    /// Since when it has let nobody through.
    barred_since: Option<Instant>,
    stop: CancellationToken,
}

impl Gate {
    pub(crate) fn new(
        lane: Lane,
        store: Store,
        desk: Desk,
        poster: Poster,
        in_flight: (Arc<Semaphore>, usize),
        stop: CancellationToken,
    ) -> Self {
        let (in_flight, places) = in_flight;
        Self {
            lane,
            store,
            desk,
            poster,
            in_flight,
            places,
            room: WaitingRoom::new(pacing(lane).horizon),
            not_before: None,
            barred_since: None,
            stop,
        }
    }

    /// Works until the stop, or until nobody brings rows any more; then gives back what still waits.
    ///
    /// # Errors
    /// When the ledger or the broker fails; everything in hand went back before.
    pub(crate) async fn run(mut self, mut ready: mpsc::Receiver<Vec<Ready>>) -> Result<(), Error> {
        let outcome = self.rounds(&mut ready).await;
        self.stop.cancel();
        give_back(self.room.empty().into_iter().map(|row| row.ticket)).await;
        while let Some(rows) = ready.recv().await {
            give_back(rows.into_iter().map(|row| row.ticket)).await;
        }
        outcome
    }

    async fn rounds(&mut self, ready: &mut mpsc::Receiver<Vec<Ready>>) -> Result<(), Error> {
        loop {
            let next_ask = self.next_ask();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                rows = ready.recv(), if self.room.len() < ROOM => match rows {
                    Some(rows) => self.enter(rows),
                    None => return Ok(()),
                },
                () = sleep_until(next_ask.unwrap_or_else(Instant::now).into()), if next_ask.is_some() => {}
            }
            if self.next_ask().is_some_and(|at| at <= Instant::now()) {
                self.round().await?;
            }
            self.show();
        }
    }

    /// How slots are given out just now.
    fn pacing(&self) -> Pacing {
        self.poster.lead().stretch(pacing(self.lane))
    }

    fn next_ask(&self) -> Option<Instant> {
        let at = self.room.next_ask()?;
        Some(self.not_before.map_or(at, |not_before| at.max(not_before)))
    }

    fn enter(&mut self, rows: Vec<Ready>) {
        let now = Instant::now();
        for row in rows {
            let pace = pace::slots_per_second(row.message.throughput);
            self.room.join(row.message.number, pace, row, now);
        }
    }

    /// Asks admission for the rows whose turn it is.
    async fn round(&mut self) -> Result<(), Error> {
        let first = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Ok(()),
            permit = Arc::clone(&self.in_flight).acquire_owned() => permit.expect("nobody closes this semaphore"),
        };
        let more = self.in_flight.available_permits().min(BATCH - 1);
        let mut leave = match self.poster.breaker().ask(more + 1) {
            Ok(leave) => leave,
            Err(at) => return self.bar(at).await,
        };
        (self.not_before, self.barred_since) = (None, None);
        let mut called = self.room.call(Instant::now(), leave.calls());
        self.judge_again(&mut called).await?;
        let count: usize = called.iter().map(|called| called.rows.len()).sum();
        let mut places = first;
        if let Some(others) = count.checked_sub(1).and_then(|n| u32::try_from(n).ok()) {
            // Only this gate takes permits, so those that were there are still there.
            let others = Arc::clone(&self.in_flight).acquire_many_owned(others).await;
            places.merge(others.expect("nobody closes this semaphore"));
        }

        let mut permits = Permits {
            places,
            leave: &mut leave,
        };
        let ids: Vec<MessageId> = called
            .iter()
            .flat_map(|called| called.rows.iter().map(|waiting| waiting.row.message.id))
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let claim = Uuid::new_v4();
        let trail = self.poster.journal().claim(claim, &ids);
        let admitting = self.store.admit(claim, &ids, self.pacing());
        match crash_during(CrashPoint::W2, admitting).await {
            Ok(admission) => self.hear(called, (claim, trail), admission, &mut permits).await,
            Err(error) if error.is_about_data() => {
                trail.settle();
                self.one_by_one(called, &mut permits).await
            }
            Err(error) => {
                self.doubt(claim, ids, trail).await;
                let rows = called.into_iter().flat_map(|called| called.rows);
                give_back(rows.map(|waiting| waiting.row.ticket)).await;
                Err(error.into())
            }
        }
    }

    /// Rows wait here for seconds, and a template may be paused meanwhile: not one more goes with it then. They are put aside, and the
    /// rules say what becomes of them.
    async fn judge_again(&mut self, called: &mut Vec<Called<Ready>>) -> Result<(), Error> {
        let rows = called.iter().flat_map(|called| &called.rows);
        let templates: BTreeSet<TemplateId> = rows.filter_map(|waiting| waiting.row.message.template).collect();
        if templates.is_empty() {
            return Ok(());
        }
        let templates: Vec<TemplateId> = templates.into_iter().collect();
        let looked = async {
            let closed = self.store.closed_templates(&templates).await?;
            let reading = if closed.is_empty() {
                None
            } else {
                Some(self.store.clock().await?)
            };
            Ok::<_, store::Error>((closed, reading))
        };
        let (closed, reading) = match looked.await {
            Ok((closed, Some(reading))) => (closed, reading),
            Ok((_, None)) => return Ok(()),
            Err(error) => {
                let rows = called.drain(..).flat_map(|called| called.rows);
                give_back(rows.map(|waiting| waiting.row.ticket)).await;
                return Err(error.into());
            }
        };
        let is_closed = |waiting: &Waiting<Ready>| {
            waiting
                .row
                .message
                .template
                .is_some_and(|template| closed.contains(&template))
        };
        let (now, mut aside) = (Instant::now(), Vec::new());
        for called in called.iter_mut() {
            let (out, stay): (Vec<_>, Vec<_>) = called.rows.drain(..).partition(is_closed);
            called.rows = stay;
            aside.extend(out.into_iter().map(|waiting| (waiting.row, now)));
        }
        called.retain(|called| !called.rows.is_empty());
        let mut finished = Vec::new();
        let parked = self.park(aside, Reason::TemplatePaused, reading, &mut finished).await;
        let acked = Returned::of(finished).settle().await;
        if let Err(error) = parked.and_then(|()| acked.map_err(Error::from)) {
            let rows = called.drain(..).flat_map(|called| called.rows);
            give_back(rows.map(|waiting| waiting.row.ticket)).await;
            return Err(error);
        }
        Ok(())
    }

    /// Meta's host lets nobody through before `at`. Rows wait here for a moment, and in the ledger for longer; no claim is made.
    async fn bar(&mut self, at: Instant) -> Result<(), Error> {
        let now = Instant::now();
        let barred = now.duration_since(*self.barred_since.get_or_insert(now));
        self.not_before = Some(at);
        if at.saturating_duration_since(now) < BARRED && barred < BARRED {
            return Ok(());
        }
        let reading = self.store.clock().await;
        let rows = self.room.empty();
        let reading = match reading {
            Ok(reading) => reading,
            Err(error) => {
                give_back(rows.into_iter().map(|row| row.ticket)).await;
                return Err(error.into());
            }
        };
        // The scheduler releases them again then, at each number's pace.
        let until = at.max(now + BARRED);
        let late = rows.into_iter().map(|row| (row, until)).collect();
        let mut finished = Vec::new();
        let parked = self.park(late, Reason::MetaUnavailable, reading, &mut finished).await;
        let acked = Returned::of(finished).settle().await;
        parked?;
        Ok(acked?)
    }

    /// A batch that failed because of one of its rows, row by row: that one is set aside, the others go on.
    async fn one_by_one(&mut self, called: Vec<Called<Ready>>, permits: &mut Permits<'_>) -> Result<(), Error> {
        let mut rows = called.into_iter().flat_map(|called| {
            called
                .rows
                .into_iter()
                .map(move |row| (called.number, called.pace, row))
        });
        while let Some((number, pace, waiting)) = rows.next() {
            let (claim, id) = (Uuid::new_v4(), waiting.row.message.id);
            let trail = self.poster.journal().claim(claim, &[id]);
            let failed = match self.store.admit(claim, &[id], self.pacing()).await {
                Ok(admission) => {
                    let rows = vec![waiting];
                    let called = vec![Called { number, pace, rows }];
                    self.hear(called, (claim, trail), admission, permits).await?;
                    continue;
                }
                Err(error) if error.is_about_data() => {
                    trail.settle();
                    let set_aside = self.desk.quarantine(id, &error).await;
                    if set_aside.is_ok() {
                        Returned::of([waiting.row.ticket]).settle().await?;
                        continue;
                    }
                    give_back([waiting.row.ticket]).await;
                    set_aside
                }
                Err(error) => {
                    self.doubt(claim, vec![id], trail).await;
                    give_back([waiting.row.ticket]).await;
                    Err(error)
                }
            };
            give_back(rows.map(|(_, _, waiting)| waiting.row.ticket)).await;
            return Ok(failed?);
        }
        Ok(())
    }

    /// Acts on an admission: who has a slot sets out, who has none waits, and what is the ledger's again is acknowledged.
    async fn hear(
        &mut self,
        called: Vec<Called<Ready>>,
        (claim, mut trail): (Uuid, Trail),
        admission: Admission,
        permits: &mut Permits<'_>,
    ) -> Result<(), Error> {
        crash_at(CrashPoint::W3);
        let reading = admission.reading;
        let mut verdicts: HashMap<MessageId, AdmitVerdict> =
            admission.rows.into_iter().map(|row| (row.id, row.verdict)).collect();
        let (mut finished, mut late, mut sent) = (Vec::new(), Vec::new(), 0);
        for Called { number, pace, rows } in called {
            let (mut refused, mut next_slot) = (Vec::new(), None);
            for waiting in rows {
                match verdicts.remove(&waiting.row.message.id) {
                    Some(AdmitVerdict::Send { slot, attempt }) => {
                        let after = reading.surely_reached(slot) + Duration::from_secs_f64(1.0 / pace);
                        next_slot = Some(after);
                        sent += 1;
                        let Ready { message, ticket } = waiting.row;
                        finished.push(ticket);
                        let (permit, leave) = permits.split();
                        self.poster.post(Claimed {
                            message,
                            lane: self.lane,
                            claim,
                            attempt,
                            slot,
                            reading,
                            permit,
                            leave,
                            trail: trail.split(),
                        });
                    }
                    Some(AdmitVerdict::Throughput { ask_at }) => {
                        if refused.is_empty() {
                            next_slot = Some(reading.surely_reached(ask_at) + pacing(self.lane).horizon);
                        }
                        refused.push(waiting);
                    }
                    Some(AdmitVerdict::Settled { reason }) => {
                        metrics::gated(&reason.code());
                        finished.push(waiting.row.ticket);
                    }
                    None => finished.push(waiting.row.ticket),
                }
            }
            let answer = Answer {
                number,
                pace,
                refused,
                next_slot,
            };
            let half = pacing(self.lane).horizon / 2;
            let ask_at = |slot: Instant| slot.checked_sub(half).unwrap_or(slot);
            let leaving = self.room.answer(answer, Instant::now());
            late.extend(leaving.into_iter().map(|(row, slot)| (row, ask_at(slot))));
        }
        // The rest was not claimed.
        trail.settle();
        metrics::admitted(self.lane.as_str(), sent);
        let parked = self.park(late, Reason::Throughput, reading, &mut finished).await;
        let acked = Returned::of(finished).settle().await;
        parked?;
        Ok(acked?)
    }

    /// Rows that would wait too long here wait in the ledger.
    async fn park(
        &self,
        late: Vec<(Ready, Instant)>,
        reason: Reason,
        reading: Reading,
        finished: &mut Vec<Arc<Ticket>>,
    ) -> Result<(), Error> {
        let park = |(row, until): &(Ready, Instant)| Settlement {
            id: row.message.id,
            state: State::Parked,
            until: Some(reading.time(*until)),
            reason: reason.clone(),
        };
        let parked = self.desk.settle(late.iter().map(park).collect()).await;
        let tickets = late.into_iter().map(|(row, _)| row.ticket);
        match parked {
            Ok(()) => {
                finished.extend(tickets);
                Ok(())
            }
            Err(error) => {
                give_back(tickets).await;
                Err(error.into())
            }
        }
    }

    async fn doubt(&self, claim: Uuid, ids: Vec<MessageId>, trail: Trail) {
        // The recorder lives longer than every session; if it does not, the process is going down and leases will tell.
        let _ = self.poster.record().send(Entry::Doubtful { claim, ids, trail }).await;
    }

    fn show(&self) {
        let lane = self.lane.as_str();
        metrics::waiting(lane, self.room.len());
        metrics::in_flight(lane, self.places.saturating_sub(self.in_flight.available_permits()));
    }
}
