//! One round: publish everything that waits, then wait for every confirm.
//!
//! Rounds, and not a stream of confirms, because AMQP gives a returned message no tag, and the client library hands it
//! to whichever confirm completes next. Every return comes before the confirm of its own message, and every confirm
//! takes one return along; so when *all* confirms of a round are there, all its returns are, and only then is it known
//! which messages were not returned. What arrives meanwhile forms the next round, so a busy publisher has large rounds
//! and an idle one has short ones.

use std::collections::HashSet;
use std::time::Instant;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use lapin::options::BasicPublishOptions;
use lapin::{Channel, Confirmation};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{DEADLINE, Failure, Outgoing, Published, Request, Unroutable};
use crate::Error;
use crate::topology::short;

/// Messages out without a confirm, at most. Enough for 8,000 messages a second at a quarter of a second each.
const WINDOW: usize = 2_000;

pub(super) struct Round(Vec<Request>);

/// What the broker said about one message.
enum Answer {
    Acked,
    Nacked,
    /// Never left, as a name in it is too long.
    TooLong,
}

impl Round {
    /// The first request and those that wait behind it, until they fill the window.
    pub(super) fn gather(first: Request, waiting: &mut mpsc::Receiver<Request>) -> Self {
        let mut messages = first.batch.len();
        let mut requests = vec![first];
        while messages < WINDOW
            && let Ok(request) = waiting.try_recv()
        {
            messages += request.batch.len();
            requests.push(request);
        }
        requests.retain(Request::is_wanted);
        Self(requests)
    }

    /// Answers without publishing.
    pub(super) fn fail(self, failure: Failure) {
        for request in self.0 {
            request.answer(|_| Published::Failed(failure));
        }
    }

    /// Publishes, waits for the confirms and answers. After an error the channel must be given up: confirms of this
    /// round may still come, and would be taken for those of another.
    pub(super) async fn run(self, channel: &Channel) -> Result<(), Error> {
        let started = Instant::now();
        let messages: Vec<&Outgoing> = self.0.iter().flat_map(|request| &request.batch).collect();
        let mut answers: Vec<Option<Answer>> = messages.iter().map(|_| None).collect();
        let mut returned = HashSet::new();
        let collected = timeout(DEADLINE, collect(channel, &messages, &mut answers, &mut returned)).await;
        let unconfirmed = answers.iter().filter(|answer| answer.is_none()).count();
        let outcome = match collected {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Unconfirmed {
                unconfirmed,
                limit: DEADLINE,
            }),
        };
        let complete = outcome.is_ok();
        let mut answers = answers.into_iter();
        for request in self.0 {
            request.answer(|message| match answers.next().flatten() {
                // A return may still be on its way with a confirm that did not come.
                Some(Answer::Acked) if !complete => Published::Failed(Failure::Unconfirmed),
                Some(Answer::Acked) if returned.contains(&message.message_id) => Published::Failed(Failure::Unroutable),
                Some(Answer::Acked) => Published::Confirmed,
                Some(Answer::Nacked) => Published::Failed(Failure::Refused),
                Some(Answer::TooLong) => Published::Failed(Failure::TooLong),
                None => Published::Failed(Failure::Unconfirmed),
            });
        }
        metrics::histogram!("turnpike_publish_round_seconds").record(started.elapsed().as_secs_f64());
        outcome
    }
}

/// Publishes all `messages` and notes the answers, and which messages came back, as they come in.
async fn collect(
    channel: &Channel,
    messages: &[&Outgoing],
    answers: &mut [Option<Answer>],
    returned: &mut HashSet<String>,
) -> Result<(), Error> {
    // All futures are polled by this one task, so tags and frames cannot be swapped.
    let mut confirms = FuturesUnordered::new();
    let mut waiting = messages.iter().copied().enumerate();
    loop {
        while confirms.len() < WINDOW
            && let Some((index, message)) = waiting.next()
        {
            confirms.push(publish(channel, index, message));
        }
        let Some((index, confirmation)) = confirms.next().await else {
            return Ok(());
        };
        let (answer, message) = match confirmation {
            Ok(Confirmation::Ack(message)) => (Answer::Acked, message),
            Ok(Confirmation::Nack(message)) => (Answer::Nacked, message),
            Ok(Confirmation::NotRequested) => return Err(Error::NotConfirming),
            Err(Error::TooLong { .. }) => (Answer::TooLong, None),
            Err(error) => return Err(error),
        };
        answers[index] = Some(answer);
        returned.extend(message.and_then(|message| message.properties.message_id().as_ref().map(ToString::to_string)));
    }
}

async fn publish(channel: &Channel, index: usize, message: &Outgoing) -> (usize, Result<Confirmation, Error>) {
    (index, confirmation(channel, message).await)
}

async fn confirmation(channel: &Channel, message: &Outgoing) -> Result<Confirmation, Error> {
    let exchange = short("exchange name", &message.exchange)?;
    let routing_key = short("routing key", &message.routing_key)?;
    let properties = message.properties()?;
    let options = BasicPublishOptions {
        mandatory: message.unroutable == Unroutable::Fails,
        immediate: false,
    };
    let refused = |source| Error::Refused {
        doing: "publishing",
        source,
    };
    let confirm = channel
        .basic_publish(exchange, routing_key, options, &message.body, properties)
        .await
        .map_err(refused)?;
    confirm.await.map_err(refused)
}
