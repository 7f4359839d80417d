//! Webhooks to customers: finds who wants to hear of an event, and delivers it, again and again for more than a day.
//!
//! **Invariants.** At least once: a delivery is over when the receiver answered 2xx, or after the last attempt; a deliverer that dies is
//! replaced when its lease ends. A receiver has no more attempts under way than its endpoint allows, whatever the number of notifiers,
//! and one that hangs holds nobody else up. Nothing is called that `outbound` objects to. Nothing of an answer is kept but its status.

mod attempt;
mod recorder;

use std::sync::Arc;
use std::time::Duration;

use outbound::Client;
use runtime::health::Health;
use runtime::{Clock, Shutdown};
use store::webhooks::Parcel;
use store::{Error, Store};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::warn;

/// How much is taken on, and how long to rest between two passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CourierOptions {
    /// Attempts under way at once, over all endpoints.
    pub in_flight: usize,
    /// Rows of events of one organization that one pass looks through; each holds one event or more.
    pub rows: i32,
    /// How long a claimed delivery may be silent before others take it. Longer than an attempt and its recording ever take.
    pub lease: Duration,
    /// Rest after a pass that did something.
    pub busy: Duration,
    /// Rest after a pass that found nothing, unless an attempt ends meanwhile.
    pub idle: Duration,
    /// Rest after a pass that failed.
    pub failed: Duration,
}

impl Default for CourierOptions {
    fn default() -> Self {
        Self {
            in_flight: 512,
            rows: 500,
            lease: Duration::from_secs(60),
            busy: Duration::from_millis(10),
            idle: Duration::from_millis(100),
            failed: Duration::from_secs(1),
        }
    }
}

/// Delivers webhooks.
#[derive(Debug, Clone)]
pub struct Courier {
    store: Store,
    client: Client,
    clock: Clock,
    options: CourierOptions,
}

/// What one pass found.
#[derive(Debug, Default)]
struct Round {
    parcels: Vec<Parcel>,
    is_idle: bool,
}

impl Courier {
    /// Delivers through `client`.
    pub fn new(store: Store, client: Client, clock: Clock, options: CourierOptions) -> Self {
        Self {
            store,
            client,
            clock,
            options,
        }
    }

    /// Numbers what is new, finds who wants it, and takes at most `room` deliveries whose time has come.
    async fn round(&self, room: usize) -> Result<Round, Error> {
        // Numbered here too, so that webhooks do not wait for whoever tells the broker.
        let numbered = self.store.number_events(self.options.rows).await?;
        let fanned = self.store.fan_out(self.options.rows).await?;
        let parcels = match i32::try_from(room) {
            Ok(0) => Vec::new(),
            room => {
                let limit = room.unwrap_or(i32::MAX);
                self.store.claim_deliveries(self.options.lease, limit).await?
            }
        };
        let is_idle = numbered == 0 && fanned.deliveries == 0 && !fanned.full && parcels.is_empty();
        Ok(Round { parcels, is_idle })
    }
}

/// Delivers webhooks until the shutdown; attempts under way are finished and recorded first.
pub async fn deliver(courier: Courier, shutdown: Shutdown, health: &Health) {
    let (ended, outcomes) = mpsc::channel(courier.options.in_flight);
    let freed = Arc::new(Notify::new());
    let recorder = recorder::run(
        courier.store.clone(),
        courier.clock.clone(),
        outcomes,
        Arc::clone(&freed),
    );
    let setting_out = async {
        let probe = health.probe("webhooks");
        let mut under_way = JoinSet::new();
        while !shutdown.is_requested() {
            while under_way.try_join_next().is_some() {}
            let room = courier.options.in_flight.saturating_sub(under_way.len());
            let rest = match courier.round(room).await {
                Ok(round) => {
                    probe.up();
                    for parcel in round.parcels {
                        let (client, clock, ended) = (courier.client.clone(), courier.clock.clone(), ended.clone());
                        under_way.spawn(async move {
                            let outcome = attempt::make(&client, &clock, &parcel).await;
                            // The recorder lives longer than every attempt.
                            let _ = ended.send(outcome).await;
                        });
                    }
                    metrics::gauge!(IN_FLIGHT).set(under_way.len() as f64);
                    if round.is_idle {
                        courier.options.idle
                    } else {
                        courier.options.busy
                    }
                }
                Err(error) => {
                    probe.down(error.to_string());
                    let state = error.sql_state().map_or("", |state| state.code());
                    warn!(sql.state = state, "{error} failed, webhooks wait for a moment");
                    courier.options.failed
                }
            };
            tokio::select! {
                () = sleep(rest) => {}
                // An ended attempt made room; a short rest lets others end too.
                () = async { freed.notified().await; sleep(courier.options.busy).await } => {}
                () = shutdown.requested() => {}
            }
        }
        while under_way.join_next().await.is_some() {}
        drop(ended);
    };
    tokio::join!(setting_out, recorder);
}

/// Attempts under way.
const IN_FLIGHT: &str = "turnpike_deliveries_in_flight";
