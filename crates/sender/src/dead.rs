//! Jobs that nobody can read, set aside with the reason, so that an operator can look at them and put them back.

use broker::{Delivery, Outgoing, Published, Publisher};
use domain::job;
use tracing::error;
use uuid::Uuid;

use crate::{Error, metrics};

/// Says why a job is among the dead letters.
const ERROR_HEADER: &str = "x-error";

/// A delivery that is no job, and why.
pub(crate) type Unreadable = (Delivery, job::Error);

/// The queue of dead letters.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetters {
    publisher: Publisher,
    queue: String,
}

impl DeadLetters {
    pub(crate) fn new(publisher: Publisher, queue: &str) -> Self {
        let queue = queue.to_owned();
        Self { publisher, queue }
    }

    /// Puts deliveries among the dead letters, and acknowledges those that the broker has confirmed there.
    ///
    /// # Errors
    /// When one could not be put there. It comes again, after a pause: the session must end on this, or it would come at once.
    pub(crate) async fn set_aside(&self, unreadable: Vec<Unreadable>) -> Result<(), Error> {
        if unreadable.is_empty() {
            return Ok(());
        }
        metrics::dead_jobs(unreadable.len());
        let letters = unreadable.iter().map(|(delivery, why)| {
            error!(error = why as &dyn std::error::Error, queue = %self.queue, "a job is set aside: {why}");
            Outgoing::to_queue(self.queue.as_str(), Uuid::new_v4().to_string(), delivery.body.clone())
                .header(ERROR_HEADER, why.to_string())
        });
        let published = self.publisher.publish(letters.collect()).await;
        let (mut safe, mut failure) = (Vec::new(), None);
        for ((delivery, _), published) in unreadable.into_iter().zip(published) {
            match published {
                Published::Confirmed => safe.push(delivery),
                Published::Failed(why) => {
                    failure = Some(why);
                    delivery.requeue().await?;
                }
            }
        }
        broker::ack_all(safe).await?;
        failure.map_or(Ok(()), |why| Err(Error::DeadLetter(why)))
    }
}
