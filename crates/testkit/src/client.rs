//! What a customer of the API keeps: every request, and what was answered. The ledger that nothing in the pipeline can touch.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use domain::MessageId;
use serde_json::{Value, json};

use crate::seed;
use crate::stack::Stack;

const MESSAGES: &str = "/api/v1/messages/whatsapp";
/// Recipients of one broadcast at most.
const PER_BROADCAST: usize = 256;

/// A customer.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// Messages whose id was answered.
    pub told: BTreeSet<MessageId>,
    /// Idempotency keys of single messages that were published over AMQP and confirmed by the broker.
    pub published: BTreeSet<String>,
    /// Messages whose request got no answer, or one of 5xx: as many rows may exist that nobody was told of.
    pub in_doubt: usize,
    /// Messages that were called back for certain, and when that answer came, in Unix milliseconds.
    pub canceled: BTreeMap<MessageId, i64>,
}

impl Client {
    /// Sends the template `hello` to `count` recipients from the recipient `first` on, in broadcasts.
    ///
    /// # Errors
    /// When one is answered with anything but success.
    pub async fn broadcast(&mut self, stack: &Stack, first: usize, count: usize) -> Result<()> {
        let all: Vec<_> = (first..first + count)
            .map(|n| json!({"to": seed::recipient(n)}))
            .collect();
        for recipients in all.chunks(PER_BROADCAST) {
            let body = json!({"recipients": recipients, "template_name": "hello", "template_language": "en_US"});
            let answer = self
                .ask(stack, "/api/v1/messages/whatsapp/broadcast", &body, recipients.len())
                .await?;
            let results = answer["data"]["results"].as_array().context("results of a broadcast")?;
            ensure!(
                results.len() == recipients.len(),
                "a result for every recipient: {answer}"
            );
            for result in results {
                self.note(&result["message_id"])?;
            }
        }
        Ok(())
    }

    /// Sends one message; its id.
    ///
    /// # Errors
    /// When it is answered with anything but success.
    pub async fn send(&mut self, stack: &Stack, body: &Value) -> Result<MessageId> {
        let answer = self.ask(stack, MESSAGES, body, 1).await?;
        self.note(&answer["data"]["message_id"])
    }

    /// Sends one message under an idempotency key, once. `None` without an answer: ask again under the same key.
    ///
    /// # Errors
    /// When the answer is neither success nor a promise of one.
    pub async fn try_send(&mut self, stack: &Stack, api: &str, key: &str, body: &Value) -> Result<Option<MessageId>> {
        // No answer, 5xx, and 409 while the first request is still at work all say: ask again.
        let (status, answer) = match stack.post_under(key, api, MESSAGES, body).await {
            Err(_) | Ok((409 | 500.., _)) => return Ok(None),
            Ok(answered) => answered,
        };
        ensure!(status == 202, "a message was answered with {status}: {answer}");
        self.note(&answer["data"]["message_id"]).map(Some)
    }

    /// Calls a message back. True when the answer is that it will never be sent.
    ///
    /// # Errors
    /// When there is no answer, or it is neither yes nor too late.
    pub async fn cancel(&mut self, stack: &Stack, id: MessageId) -> Result<bool> {
        let (status, answer) = stack.post(&format!("/api/v1/messages/{id}/cancel"), &json!({})).await?;
        ensure!(
            matches!(status, 200 | 409),
            "a cancel was answered with {status}: {answer}"
        );
        if status == 200 {
            self.canceled.insert(id, wall_ms());
        }
        Ok(status == 200)
    }

    async fn ask(&mut self, stack: &Stack, path: &str, body: &Value, messages: usize) -> Result<Value> {
        let answered = stack.post(path, body).await;
        // An answer of 5xx promises nothing, in neither direction.
        if answered.as_ref().map_or(true, |(status, _)| *status >= 500) {
            self.in_doubt += messages;
        }
        let (status, answer) = answered?;
        ensure!(
            (200..300).contains(&status),
            "POST {path} was answered with {status}: {answer}"
        );
        Ok(answer)
    }

    /// Takes note of an id in an answer.
    ///
    /// # Errors
    /// When it is none, or was answered before.
    pub fn note(&mut self, id: &Value) -> Result<MessageId> {
        let id: MessageId = serde_json::from_value(id.clone()).context("an id in the answer")?;
        ensure!(self.told.insert(id), "the id {id} was answered twice");
        Ok(id)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the customer is not part of the pipeline: it has its own clock"
)]
fn wall_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}
