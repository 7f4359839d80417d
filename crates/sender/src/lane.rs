//! One lane: a queue of the broker, its intake and its gate, for as long as a connection lasts.

use std::sync::Arc;

use broker::Subscription;
use domain::Lane;
use store::Store;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::dead::DeadLetters;
use crate::desk::Desk;
use crate::gate::Gate;
use crate::intake::Intake;
use crate::post::Poster;

/// Deliveries on their way to the intake, and batches on their way to the gate. Few: what waits here only ages.
const DELIVERIES: usize = 64;
const BATCHES: usize = 2;

/// What a lane works with; it outlives connections.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    pub(crate) lane: Lane,
    pub(crate) store: Store,
    pub(crate) desk: Desk,
    pub(crate) dead: DeadLetters,
    pub(crate) poster: Poster,
    /// Places for rows in flight; each lane has its own, so that a campaign whose POSTs hang leaves replies theirs.
    pub(crate) in_flight: Arc<Semaphore>,
    pub(crate) places: usize,
}

/// Deliveries that may be out unsettled. They are settled within milliseconds, save those that wait for a slot.
pub(crate) const fn prefetch(lane: Lane) -> u16 {
    match lane {
        Lane::Rt => 300,
        Lane::Bulk => 500,
    }
}

impl Tools {
    /// Works until the stop or the first failure, which also stops whoever shares `stop`. Everything in hand went back then.
    pub(crate) async fn run(self, mut subscription: Subscription, stop: CancellationToken) -> Result<(), Error> {
        let (deliveries, taken) = mpsc::channel(DELIVERIES);
        let (ready, called) = mpsc::channel(BATCHES);
        let intake = Intake {
            desk: self.desk.clone(),
            dead: self.dead,
            stop: stop.clone(),
        };
        let in_flight = (self.in_flight, self.places);
        let gate = Gate::new(self.lane, self.store, self.desk, self.poster, in_flight, stop.clone());
        // The subscription is lent, not given: its deliveries can be settled only as long as it is there.
        let forward = async {
            let forwarded = subscription.forward(&deliveries, &stop).await;
            stop.cancel();
            drop(deliveries);
            forwarded
        };
        let (forwarded, judged, admitted) = tokio::join!(forward, intake.run(taken, ready), gate.run(called));
        // The ledger's errors first: when it fails, what the others say is only an echo.
        admitted.and(judged)?;
        Ok(forwarded?)
    }
}
