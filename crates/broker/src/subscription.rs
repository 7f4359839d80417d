//! Consuming from one queue.

use std::sync::Arc;

use futures_util::StreamExt as _;
use lapin::options::BasicCancelOptions;
use lapin::{Channel, Consumer};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::error::{ANSWER, within};
use crate::settling::Settling;
use crate::{Delivery, Error};

/// A consumer of one queue, on its own channel of a [`Connection`](crate::Connection).
///
/// Keep it until the last of its deliveries is settled: dropping it closes the channel, and the broker redelivers what
/// is unsettled.
#[derive(Debug)]
pub struct Subscription {
    channel: Channel,
    consumer: Consumer,
    queue: String,
    settling: Arc<Settling>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Consuming,
    /// Asked to stop: what the broker had sent before still comes out.
    Stopping,
    /// Stopped, and everything has come out.
    Stopped,
    /// Broken. Asking the client library again would wait for ever.
    Broken,
}

impl Subscription {
    pub(crate) fn new(channel: Channel, consumer: Consumer, queue: &str) -> Self {
        Self {
            channel,
            consumer,
            queue: queue.to_owned(),
            settling: Arc::default(),
            state: State::Consuming,
        }
    }

    /// The next delivery; `None` only after [`stop`](Self::stop), when everything sent before has come out.
    /// Cancel-safe: it may lose a race in `select!` without losing a delivery.
    ///
    /// # Errors
    /// When the connection broke, or the broker ended the consumer: end the session, a new one starts afresh.
    pub async fn next(&mut self) -> Result<Option<Delivery>, Error> {
        match self.state {
            State::Consuming | State::Stopping => {}
            State::Stopped => return Ok(None),
            State::Broken => return Err(self.ended()),
        }
        match self.consumer.next().await {
            Some(Ok(delivery)) => Ok(Some(Delivery::new(delivery, &self.settling))),
            Some(Err(source)) => {
                self.state = State::Broken;
                Err(Error::Refused {
                    doing: "consuming from a queue",
                    source,
                })
            }
            None if self.state == State::Stopping => {
                self.state = State::Stopped;
                Ok(None)
            }
            None => {
                self.state = State::Broken;
                Err(self.ended())
            }
        }
    }

    /// Asks the broker to send no more. What it sent before still comes out of [`next`](Self::next), and everything
    /// handed out can still be settled.
    ///
    /// # Errors
    /// When the connection broke.
    pub async fn stop(&mut self) -> Result<(), Error> {
        self.state = State::Stopping;
        let canceled = self
            .channel
            .basic_cancel(self.consumer.tag(), BasicCancelOptions::default());
        within("stopping a consumer", ANSWER, canceled).await
    }

    /// Passes deliveries on until `stop` or until nobody receives them any more; then stops consuming, requeues what
    /// was not passed on, and returns. What was passed on can be settled as long as this subscription is kept.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn forward(&mut self, to: &mpsc::Sender<Delivery>, stop: &CancellationToken) -> Result<(), Error> {
        while let Some((permit, delivery)) = self.next_with_room(to, stop).await? {
            permit.send(delivery);
        }
        self.stop().await?;
        while let Some(delivery) = self.next().await? {
            delivery.requeue().await?;
        }
        Ok(())
    }

    /// A delivery and the place for it; the place first, so that no delivery is in hand when the stop comes.
    async fn next_with_room<'a>(
        &mut self,
        to: &'a mpsc::Sender<Delivery>,
        stop: &CancellationToken,
    ) -> Result<Option<(mpsc::Permit<'a, Delivery>, Delivery)>, Error> {
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(None),
            next = async {
                let Ok(permit) = to.reserve().await else { return Ok(None) };
                Ok(self.next().await?.map(|delivery| (permit, delivery)))
            } => next,
        }
    }

    fn ended(&self) -> Error {
        Error::Ended {
            queue: self.queue.clone(),
        }
    }
}
