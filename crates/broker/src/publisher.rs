//! Publishing with confirms: a handle for everybody, and a driver that owns the one confirm channel.
//!
//! ```text
//! Publisher::publish ──▶ queue of requests ──▶ PublisherDriver::session ──▶ rounds on one confirm channel
//!        ▲                                              │
//!        └──────────── Published, in order ─────────────┘
//! ```
//!
//! The handle outlives sessions: while there is none, publishing waits a moment and then fails, so nobody hangs on a
//! broker that is away. **Invariant:** one task owns the channel. The client library gives a message its tag and its
//! frames under two different locks, so two publishing tasks could swap them and blame the wrong message.

mod outgoing;
mod round;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::Event;
use lapin::options::ConfirmSelectOptions;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::error::{ANSWER, within};
use crate::{Address, Connection, Error, Topology};

pub use outgoing::{Failure, Outgoing, Published, Unroutable};
use round::Round;

/// Longest wait for a batch, from the call to the last confirm. After it, what is not confirmed counts as failed.
const DEADLINE: Duration = Duration::from_secs(5);
/// Longest part of it to wait for a session, while the broker is away.
const AWAY: Duration = Duration::from_secs(1);
/// Requests that may wait for the channel; beyond that, publishing waits, which is the back-pressure.
const WAITING: usize = 64;

/// Publishes. Clones share the one channel.
#[derive(Clone, Debug)]
pub struct Publisher {
    requests: mpsc::Sender<Request>,
    connected: watch::Receiver<bool>,
}

/// Runs the sessions behind a [`Publisher`], one at a time. Clones are the same driver.
#[derive(Clone, Debug)]
pub struct PublisherDriver(Arc<Driver>);

#[derive(Debug)]
struct Driver {
    requests: Mutex<mpsc::Receiver<Request>>,
    connected: watch::Sender<bool>,
}

/// A batch on its way to the channel. Without a `reply`, nobody wants to know.
#[derive(Debug)]
struct Request {
    batch: Vec<Outgoing>,
    reply: Option<oneshot::Sender<Vec<Published>>>,
}

impl Publisher {
    /// A handle and what makes it work; nothing is published before [`PublisherDriver::session`] runs.
    pub fn new() -> (Self, PublisherDriver) {
        let (requests, receiver) = mpsc::channel(WAITING);
        let (connected, watching) = watch::channel(false);
        let driver = Driver {
            requests: Mutex::new(receiver),
            connected,
        };
        (
            Self {
                requests,
                connected: watching,
            },
            PublisherDriver(Arc::new(driver)),
        )
    }

    /// Publishes a batch and says of each message, in order, whether the broker has it. Takes at most 5 s, and 1 s when
    /// there is no broker. Never an error: what failed is simply published again later by whoever keeps the books.
    ///
    /// A message that [`Failed`](Published::Failed) may have arrived all the same, so what is published must bear that.
    pub async fn publish(&self, batch: Vec<Outgoing>) -> Vec<Published> {
        let count = batch.len();
        if count == 0 {
            return Vec::new();
        }
        let published = match timeout(DEADLINE, self.attempt(batch)).await {
            Ok(Ok(published)) => published,
            Ok(Err(failure)) => vec![Published::Failed(failure); count],
            Err(_) => vec![Published::Failed(Failure::Unconfirmed); count],
        };
        count_outcomes(&published);
        published
    }

    async fn attempt(&self, batch: Vec<Outgoing>) -> Result<Vec<Published>, Failure> {
        if !self.connects_soon().await {
            return Err(Failure::Disconnected);
        }
        let (reply, answer) = oneshot::channel();
        let request = Request {
            batch,
            reply: Some(reply),
        };
        self.requests.send(request).await.map_err(|_| Failure::Disconnected)?;
        answer.await.map_err(|_| Failure::Unconfirmed)
    }

    async fn connects_soon(&self) -> bool {
        let mut connected = self.connected.clone();
        matches!(
            timeout(AWAY, connected.wait_for(|connected| *connected)).await,
            Ok(Ok(_))
        )
    }

    /// Publishes a batch without waiting to hear what became of it, as suits answers and events that others may miss.
    /// Dropped when there is no broker or too much waits already.
    pub fn offer(&self, batch: Vec<Outgoing>) {
        if *self.connected.borrow() && self.requests.try_send(Request { batch, reply: None }).is_ok() {
            return;
        }
        debug!("messages nobody waits for were not published, as the broker is away or busy");
    }

    /// Whether a session runs.
    pub fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }
}

impl PublisherDriver {
    /// One session: connects, declares the topology, says `on_ready`, publishes until something breaks. To be run again
    /// after every error. Ends well when `stop` is cancelled or the last [`Publisher`] is gone, and then publishes first
    /// what was handed in before; so cancel `stop` after the last publish, not at the first sign of a shutdown.
    ///
    /// # Errors
    /// Whatever broke the session. Batches in work then fail as [`Failure::Unconfirmed`].
    pub async fn session(
        &self,
        address: &Address,
        topology: &Topology,
        stop: &CancellationToken,
        on_ready: impl FnOnce(),
    ) -> Result<(), Error> {
        let mut requests = self.0.requests.lock().await;
        let connection = Connection::open(address, "turnpike publisher").await?;
        let mut events = connection.events();
        connection.declare(topology).await?;
        let channel = connection.channel().await?;
        within(
            "asking for confirms",
            ANSWER,
            channel.confirm_select(ConfirmSelectOptions::default()),
        )
        .await?;
        let open = Open::new(&self.0.connected);
        on_ready();
        let outcome = loop {
            let request = tokio::select! {
                biased;
                event = events.next() => match event {
                    Some(event) => match heard(event) {
                        Ok(()) => continue,
                        Err(error) => break Err(error),
                    },
                    None => break Err(Error::Closed),
                },
                request = requests.recv() => request,
                () = stop.cancelled() => None,
            };
            let Some(request) = request else { break Ok(()) };
            let round = Round::gather(request, &mut requests);
            if connection.is_blocked() {
                round.fail(Failure::Blocked);
            } else if let Err(error) = round.run(&channel).await {
                break Err(error);
            }
        };
        drop(open);
        // Whoever handed these in while the session ended shall not wait for the next one.
        while let Ok(request) = requests.try_recv() {
            request.answer(|_| Published::Failed(Failure::Disconnected));
        }
        outcome?;
        connection.close().await
    }
}

impl Request {
    fn answer(self, published: impl FnMut(&Outgoing) -> Published) {
        if let Some(reply) = self.reply {
            // Whoever asked may have given up, which is theirs to decide.
            let _ = reply.send(self.batch.iter().map(published).collect());
        }
    }

    /// Whether somebody still wants it published.
    fn is_wanted(&self) -> bool {
        self.reply.as_ref().is_none_or(|reply| !reply.is_closed())
    }
}

/// The session is open for as long as this lives, also when its future is dropped.
struct Open<'a>(&'a watch::Sender<bool>);

impl<'a> Open<'a> {
    fn new(connected: &'a watch::Sender<bool>) -> Self {
        connected.send_replace(true);
        Self(connected)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

fn heard(event: Event) -> Result<(), Error> {
    match event {
        Event::Error(source) => Err(Error::Refused {
            doing: "keeping the connection to the broker open",
            source,
        }),
        Event::ConnectionBlocked(reason) => {
            metrics::gauge!("turnpike_broker_blocked").set(1.0);
            warn!(
                reason,
                "the broker takes no messages, being short of something: {reason}"
            );
            Ok(())
        }
        Event::ConnectionUnblocked => {
            metrics::gauge!("turnpike_broker_blocked").set(0.0);
            info!("the broker takes messages again");
            Ok(())
        }
        _ => Ok(()),
    }
}

fn count_outcomes(published: &[Published]) {
    let mut confirmed = 0;
    for message in published {
        match message {
            Published::Confirmed => confirmed += 1,
            Published::Failed(failure) => {
                metrics::counter!("turnpike_published_total", "outcome" => failure.label()).increment(1);
            }
        }
    }
    metrics::counter!("turnpike_published_total", "outcome" => "confirmed").increment(confirmed);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Roles spawn these.
    #[test]
    fn publishing_and_its_sessions_may_move_between_threads() {
        fn is_send(_: &impl Send) {}
        let (publisher, driver) = Publisher::new();
        let (address, topology) = (Address::parse("amqp://localhost").unwrap(), Topology::new("x"));

        is_send(&publisher.publish(Vec::new()));
        is_send(&driver.session(&address, &topology, &CancellationToken::new(), || {}));
    }
}
