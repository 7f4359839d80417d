//! Deliveries become batches, batches become messages that may go.
//!
//! **Invariant:** a delivery that comes out of here un-handled goes back to the broker, at a shutdown too.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use broker::Delivery;
use domain::MessageId;
use domain::job;
use runtime::batch;
use runtime::crash::{CrashPoint, crash_at};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::dead::{DeadLetters, Unreadable};
use crate::desk::Desk;
use crate::message::Message;
use crate::ticket::{Returned, Ticket};

/// Rows per statement. More gain nothing, and lock others out for longer.
pub(crate) const BATCH: usize = 200;
/// How long the first job of a batch waits for others.
const WINDOW: Duration = Duration::from_millis(5);
/// Bytes that an id takes in a job: good enough to fill a batch without reading every job twice.
const ID_BYTES: usize = 39;

/// A message that may go, and the delivery it came with.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) message: Message,
    pub(crate) ticket: Arc<Ticket>,
}

/// One lane's intake.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) desk: Desk,
    pub(crate) dead: DeadLetters,
    pub(crate) stop: CancellationToken,
}

impl Intake {
    /// Works until the deliveries end; after the stop they are only given back.
    ///
    /// # Errors
    /// When the ledger or the broker fails; everything in hand went back before.
    pub(crate) async fn run(
        self,
        mut deliveries: mpsc::Receiver<Delivery>,
        ready: mpsc::Sender<Vec<Ready>>,
    ) -> Result<(), Error> {
        let mut outcome = Ok(());
        while let Some(batch) = batch::next_weighed(&mut deliveries, BATCH, WINDOW, weight).await {
            if self.stop.is_cancelled() {
                // When the connection is gone they come again by themselves.
                let _ = broker::requeue_all(batch).await;
                continue;
            }
            if let Err(error) = self.handle(batch, &ready).await {
                outcome = Err(error);
                self.stop.cancel();
            }
        }
        outcome
    }

    async fn handle(&self, batch: Vec<Delivery>, ready: &mpsc::Sender<Vec<Ready>>) -> Result<(), Error> {
        crash_at(CrashPoint::W1);
        let (jobs, unreadable) = read(batch);
        self.dead.set_aside(unreadable).await?;
        let batch = Batch::of(jobs);
        match self.desk.judge(&batch.ids).await {
            Ok(go) => {
                let (rows, finished) = batch.split(go);
                Returned::of(finished).settle().await?;
                if rows.is_empty() {
                    return Ok(());
                }
                if let Err(mpsc::error::SendError(rows)) = ready.send(rows).await {
                    give_back(rows.into_iter().map(|row| row.ticket)).await;
                }
                Ok(())
            }
            Err(error) => {
                give_back(batch.split(Vec::new()).1).await;
                Err(error.into())
            }
        }
    }
}

/// Brings the deliveries of unhandled rows again.
pub(crate) async fn give_back(tickets: impl IntoIterator<Item = Arc<Ticket>>) {
    let tickets: Vec<_> = tickets.into_iter().inspect(|ticket| ticket.again()).collect();
    // When the connection is gone they come again by themselves.
    let _ = Returned::of(tickets).settle().await;
}

fn weight(delivery: &Delivery) -> usize {
    delivery.body.len() / ID_BYTES
}

/// The ids of a job, and the delivery it came in.
type Job<D> = (Vec<MessageId>, D);

/// Jobs, and what is none with the reason.
fn read(batch: Vec<Delivery>) -> (Vec<Job<Delivery>>, Vec<Unreadable>) {
    let (mut jobs, mut unreadable) = (Vec::with_capacity(batch.len()), Vec::new());
    for delivery in batch {
        match job::Job::decode(&delivery.body) {
            Ok(job) => jobs.push((job.ids, delivery)),
            Err(error) => unreadable.push((delivery, error)),
        }
    }
    (jobs, unreadable)
}

/// The ids of some jobs, each once, in order; and the tickets of their deliveries.
#[derive(Debug)]
struct Batch<D> {
    ids: Vec<MessageId>,
    tickets: HashMap<MessageId, Arc<Ticket<D>>>,
    /// Tickets of ids that another job of the batch named first, and one of each delivery, so that none is let go of too early.
    spare: Vec<Arc<Ticket<D>>>,
}

impl<D> Batch<D> {
    fn of(jobs: Vec<Job<D>>) -> Self {
        let mut batch = Self {
            ids: Vec::new(),
            tickets: HashMap::new(),
            spare: Vec::new(),
        };
        for (ids, delivery) in jobs {
            let ticket = Ticket::new(delivery);
            for id in ids {
                if batch.tickets.contains_key(&id) {
                    batch.spare.push(Arc::clone(&ticket));
                } else {
                    batch.ids.push(id);
                    batch.tickets.insert(id, Arc::clone(&ticket));
                }
            }
            batch.spare.push(ticket);
        }
        batch
    }
}

impl Batch<Delivery> {
    /// The messages that go, in the order of their jobs, each with its ticket; and the tickets that are finished with.
    fn split(mut self, go: Vec<Message>) -> (Vec<Ready>, Vec<Arc<Ticket>>) {
        let mut go: HashMap<MessageId, Message> = go.into_iter().map(|message| (message.id, message)).collect();
        let in_order = self.ids.iter().filter_map(|id| {
            let message = go.remove(id)?;
            let ticket = self.tickets.remove(id)?;
            Some(Ready { message, ticket })
        });
        let rows = in_order.collect();
        let finished = self.tickets.into_values().chain(self.spare).collect();
        (rows, finished)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn ids(ids: impl IntoIterator<Item = u128>) -> Vec<MessageId> {
        ids.into_iter().map(|id| MessageId(Uuid::from_u128(id))).collect()
    }

    #[test]
    fn an_id_that_two_jobs_name_is_asked_for_once_and_both_deliveries_are_settled() {
        let batch = Batch::of(vec![(ids([1, 2]), "first"), (ids([2, 3, 2]), "second")]);

        assert_eq!(batch.ids, ids([1, 2, 3]));
        let mut rows = batch.tickets;
        let early = Returned::of(batch.spare);
        assert_eq!(early.done, Vec::<&str>::new(), "rows of both are still out");
        let second = Returned::of(rows.remove(&ids([3])[0]));
        assert_eq!(second.done, ["second"]);
        let first = Returned::of(rows.into_values());
        assert_eq!(first.done, ["first"]);
    }
}
