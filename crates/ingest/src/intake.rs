//! The AMQP door: other systems publish to the intake exchange, and get the same answers as over HTTP.
//!
//! **Invariant:** a delivery is acknowledged only after its rows are committed, or after its copy among the rejected ones is
//! confirmed. While the ledger is away deliveries are held and tried again, not requeued: a quorum queue counts how often a message
//! comes back and in the end drops it.

mod rejected;
mod reply;
mod unusable;

use std::time::Duration;

use broker::{Address, Connection, Delivery, Publisher, Topology, ack_all, key, requeue_all};
use domain::OrganizationId;
use domain::content::FieldError;
use domain::trace::SpanKind;
use runtime::crash::{CrashPoint, crash_at};
use runtime::health::Probe;
use runtime::{Clock, Healthy, Shutdown, Supervisor, batch};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::accept::{Core, Submission};
use crate::answer::Answer;
use crate::credentials::{Credentials, Scope};
use crate::followed::Followed;
use crate::problem::{Code, Problem};
use crate::request::{Kind, MAX_RECIPIENTS};

/// Deliveries in hand, at most.
const PREFETCH: u16 = 1000;
/// Rows of a batch, at most; a broadcast counts as many as it may have.
const ROWS: usize = 500;
/// How long the first delivery of a batch waits for others.
const WINDOW: Duration = Duration::from_millis(3);
/// Pauses while the ledger or the broker is away.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The consumer of the intake queue.
#[derive(Debug)]
pub struct Intake {
    /// Where submissions go.
    pub core: Core,
    /// Who publishes.
    pub credentials: Credentials,
    /// For replies and rejected copies.
    pub publisher: Publisher,
    /// The broker.
    pub address: Address,
    /// Its names.
    pub topology: Topology,
    /// The time.
    pub clock: Clock,
}

/// A delivery after it was read: what it asks for, or why it is unusable.
type Read = Result<Submission, Answer>;

/// The ledger could not be asked; later it may.
struct Away;

impl Intake {
    /// Consumes until the shutdown.
    pub async fn run(&self, shutdown: &Shutdown, probe: Probe) {
        let supervisor = Supervisor::new("intake").probe(probe);
        supervisor
            .run(shutdown, |healthy| self.session(shutdown, healthy))
            .await;
    }

    /// One session: connects, consumes, and handles batches until something breaks or the shutdown is asked for.
    ///
    /// # Errors
    /// When the connection to the broker broke. What was in hand comes again.
    pub async fn session(&self, shutdown: &Shutdown, healthy: Healthy) -> Result<(), broker::Error> {
        let connection = Connection::open(&self.address, "turnpike intake").await?;
        connection.declare(&self.topology).await?;
        let mut subscription = connection.consume(&self.topology.queues.intake, PREFETCH).await?;
        healthy.mark();
        let (deliveries, waiting) = mpsc::channel(usize::from(PREFETCH));
        let (stop, broken) = (shutdown.child_token(), CancellationToken::new());
        let forwarding = async {
            let forwarded = subscription.forward(&deliveries, &stop).await;
            drop(deliveries);
            if forwarded.is_err() {
                // What waits will come again; keeping it now would keep it twice.
                broken.cancel();
            }
            forwarded
        };
        let (forwarded, handled) = tokio::join!(forwarding, self.handle_all(waiting, shutdown, &broken));
        forwarded?;
        handled?;
        connection.close().await
    }

    async fn handle_all(
        &self,
        mut waiting: mpsc::Receiver<Delivery>,
        shutdown: &Shutdown,
        broken: &CancellationToken,
    ) -> Result<(), broker::Error> {
        while let Some(batch) = batch::next_weighed(&mut waiting, ROWS, WINDOW, weight).await {
            if broken.is_cancelled() {
                return Ok(());
            }
            self.handle(batch, shutdown).await?;
        }
        Ok(())
    }

    /// Handles a batch until each delivery is settled.
    ///
    /// # Errors
    /// When a delivery cannot be settled because its connection is gone.
    pub async fn handle(&self, batch: Vec<Delivery>, shutdown: &Shutdown) -> Result<(), broker::Error> {
        let mut pauses = Pauses::default();
        let mut read = Vec::with_capacity(batch.len());
        for delivery in &batch {
            loop {
                match self.read(delivery).await {
                    Ok(known) => break read.push(known),
                    Err(Away) if pauses.wait(shutdown).await => {}
                    Err(Away) => return requeue_all(batch).await,
                }
            }
        }
        let Some(answers) = self.answers(read, &mut pauses, shutdown).await else {
            return requeue_all(batch).await;
        };
        metrics::counter!("turnpike_intake_deliveries_total").increment(u64::try_from(batch.len()).unwrap_or(0));

        let now = self.clock.now();
        let mut copies = Vec::new();
        let mut replies = Vec::new();
        for (delivery, answer) in batch.iter().zip(&answers) {
            if !answer.recorded {
                let code = answer.error_code().unwrap_or_default().to_owned();
                metrics::counter!("turnpike_intake_rejected_total", "code" => code).increment(1);
                copies.push(rejected::copy(delivery, answer, &self.topology));
            }
            replies.extend(reply::to(delivery, answer, &self.topology, now));
        }
        while !rejected::publish(&self.publisher, &mut copies).await {
            warn!(
                messages = copies.len(),
                "rejected messages could not be set aside, trying again"
            );
            if !pauses.wait(shutdown).await {
                return requeue_all(batch).await;
            }
        }
        self.publisher.offer(replies);
        crash_at(CrashPoint::I5);
        ack_all(batch).await
    }

    /// Who publishes, and what.
    async fn read(&self, delivery: &Delivery) -> Result<Read, Away> {
        let sender = match self.sender(delivery).await {
            Ok(sender) => sender,
            Err(problem) if problem.code == Code::Unavailable => return Err(Away),
            Err(problem) => return Ok(Err(problem.into())),
        };
        let submission = kind(delivery).and_then(|kind| {
            let key = ("message_id", delivery.properties.message_id.as_deref());
            let now = self.clock.now();
            let mut submission = Submission::read(sender, kind, &delivery.body, key, now)?;
            let header = |(name, _): &(&String, &String)| name.eq_ignore_ascii_case("traceparent");
            let traceparent = delivery.properties.headers.iter().find(header);
            let followed = Followed::of(traceparent.map(|(_, text)| text.as_str()), now);
            submission.trace = followed.as_ref().map(Followed::context);
            if let Some(followed) = followed {
                followed.taken("take from the broker", SpanKind::Consumer, self.clock.now());
            }
            Ok(submission)
        });
        Ok(submission.map_err(Answer::from))
    }

    /// A key in the header says more than the user of the connection, which may be shared.
    /// Whose it is, and whether it is a test; a broker user's messages are live ones.
    async fn sender(&self, delivery: &Delivery) -> Result<(OrganizationId, bool), Problem> {
        let properties = &delivery.properties;
        let header = |(name, _): &(&String, &String)| name.eq_ignore_ascii_case("x-api-key");
        if let Some((_, key)) = properties.headers.iter().find(header) {
            let caller = self.credentials.caller(key, None).await?;
            caller.require(Scope::Write)?;
            return Ok((caller.organization, caller.test));
        }
        let known = match &properties.user_id {
            Some(user) => self
                .credentials
                .amqp_user(user)
                .await
                .map_err(|error| Problem::from(&error))?,
            None => None,
        };
        let organization = known.ok_or_else(unusable::no_organization)?;
        Ok((organization, false))
    }

    /// An answer for each; `None` when the shutdown came first. While the ledger is away the rest waits here.
    async fn answers(&self, read: Vec<Read>, pauses: &mut Pauses, shutdown: &Shutdown) -> Option<Vec<Answer>> {
        let mut answers: Vec<Option<Answer>> = Vec::with_capacity(read.len());
        let (mut open, mut places) = (Vec::new(), Vec::new());
        for (place, read) in read.into_iter().enumerate() {
            match read {
                Err(answer) => answers.push(Some(answer)),
                Ok(submission) => {
                    answers.push(None);
                    places.push(place);
                    open.push(submission);
                }
            }
        }
        while !open.is_empty() {
            let (mut again, mut again_places) = (Vec::new(), Vec::new());
            let given = self.core.accept(&open).await;
            for ((submission, place), answer) in open.into_iter().zip(places).zip(given) {
                if may_do_better(&answer) {
                    again.push(submission);
                    again_places.push(place);
                } else {
                    answers[place] = Some(answer);
                }
            }
            if !again.is_empty() && !pauses.wait(shutdown).await {
                return None;
            }
            (open, places) = (again, again_places);
        }
        answers.into_iter().collect()
    }
}

fn may_do_better(answer: &Answer) -> bool {
    answer.is_unavailable() || answer.error_code() == Some(Code::IdempotencyInFlight.as_str())
}

fn weight(delivery: &Delivery) -> usize {
    if delivery.routing_key == key::BROADCAST {
        MAX_RECIPIENTS
    } else {
        1
    }
}

fn kind(delivery: &Delivery) -> Result<Kind, Problem> {
    match delivery.routing_key.as_str() {
        key::MESSAGE => Ok(Kind::Message),
        key::BROADCAST => Ok(Kind::Broadcast),
        other => {
            let expected = "message or broadcast; publish to the intake exchange, not to its queue";
            let wrong = FieldError::new("routing_key", &Value::from(other), expected);
            Err(Problem::field(Code::ValidationError, wrong))
        }
    }
}

/// Growing pauses of one batch.
struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(FIRST_PAUSE)
    }
}

impl Pauses {
    /// Waits a while; false when the shutdown was asked for.
    async fn wait(&mut self, shutdown: &Shutdown) -> bool {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            () = shutdown.requested() => false,
        }
    }
}
