//! A delivery that many rows hang on: settled once, by whoever lets go of it last.
//!
//! **Invariant:** a delivery is acknowledged only when every one of its ids is in the ledger's hands again, and comes again when
//! even one of them is not. That the others then come twice is harmless: they are no longer queued.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use broker::Delivery;

/// One delivery, shared by the rows of its job.
#[derive(Debug)]
pub(crate) struct Ticket<D = Delivery> {
    delivery: D,
    again: AtomicBool,
}

impl<D> Ticket<D> {
    pub(crate) fn new(delivery: D) -> Arc<Self> {
        let again = AtomicBool::new(false);
        Arc::new(Self { delivery, again })
    }

    /// The delivery must come again, whatever becomes of its other rows.
    pub(crate) fn again(&self) {
        self.again.store(true, Ordering::Relaxed);
    }
}

/// Deliveries that all rows have let go of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Returned<D = Delivery> {
    pub(crate) done: Vec<D>,
    pub(crate) again: Vec<D>,
}

impl<D> Returned<D> {
    /// Lets go of one ticket for each row that is finished with.
    pub(crate) fn of(tickets: impl IntoIterator<Item = Arc<Ticket<D>>>) -> Self {
        let last = tickets.into_iter().filter_map(Arc::into_inner);
        let (again, done): (Vec<_>, Vec<_>) = last.partition(|ticket| ticket.again.load(Ordering::Relaxed));
        let deliveries = |tickets: Vec<Ticket<D>>| tickets.into_iter().map(|ticket| ticket.delivery).collect();
        Self {
            done: deliveries(done),
            again: deliveries(again),
        }
    }
}

impl Returned {
    /// Tells the broker.
    ///
    /// # Errors
    /// When the connection is gone; the deliveries come again, which is harmless.
    pub(crate) async fn settle(self) -> Result<(), broker::Error> {
        let acked = broker::ack_all(self.done).await;
        acked.and(broker::requeue_all(self.again).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_returns_the_delivery() {
        let ticket = Ticket::new("job");
        let rows = [Arc::clone(&ticket), Arc::clone(&ticket)];
        drop(ticket);
        let [first, last] = rows;

        let early = Returned::of([first]);
        let late = Returned::of([last]);

        assert_eq!((early.done.len(), early.again.len()), (0, 0));
        assert_eq!((late.done, late.again), (vec!["job"], vec![]));
    }

    #[test]
    fn one_row_that_could_not_be_handled_brings_the_whole_delivery_again() {
        let ticket = Ticket::new("job");
        let rows = [Arc::clone(&ticket), Arc::clone(&ticket), ticket];

        rows[1].again();
        let returned = Returned::of(rows);

        assert_eq!((returned.done, returned.again), (vec![], vec!["job"]));
    }
}
