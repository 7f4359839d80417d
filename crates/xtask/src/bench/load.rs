//! What is handed in: broadcasts over HTTP, closed (as fast as answers come) or open (by the clock), and single messages over AMQP.
//!
//! Everything is prepared before the clock starts, so that the client costs little while it is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use broker::{Address, Outgoing, Publisher, Topology, key};
use reqwest::Client;
use serde_json::{Value, json};
use testkit::seed;
use tokio::task::JoinSet;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::rig::Rig;

/// Messages in one call to the publisher.
const PUBLISH: usize = 500;
/// Calls to the publisher under way at once.
const AT_ONCE: usize = 4;

/// Broadcasts, ready to be sent.
#[derive(Debug)]
pub(super) struct Broadcasts {
    bodies: Vec<Vec<u8>>,
    door: Arc<Door>,
}

/// Where broadcasts go.
#[derive(Debug)]
struct Door {
    http: Client,
    url: String,
    api_key: String,
}

impl Broadcasts {
    /// `messages` recipients from number `first` on, `per_request` in each; sender numbers take turns.
    pub(super) fn prepare(rig: &Rig, first: usize, messages: usize, per_request: usize) -> Result<Self> {
        let recipients: Vec<usize> = (first..first + messages).collect();
        let bodies = recipients.chunks(per_request).enumerate().map(|(turn, recipients)| {
            let recipients: Vec<Value> = recipients
                .iter()
                .map(|&n| json!({"to": seed::recipient(n), "template_params": [format!("Guest {n}"), n.to_string()]}))
                .collect();
            serde_json::to_vec(&json!({
                "recipients": recipients, "from": rig.phones[turn % rig.phones.len()],
                "template_name": "order_update", "template_language": "en_US"
            }))
        });
        Ok(Self {
            bodies: bodies.collect::<Result<_, _>>()?,
            door: Arc::new(Door {
                http: rig.http.clone(),
                url: format!("{}/api/v1/messages/whatsapp/broadcast", rig.api),
                api_key: rig.tenant.api_key.clone(),
            }),
        })
    }

    /// Sends them over a few connections, each the next one as soon as the last is answered. Milliseconds of each request.
    pub(super) async fn closed(self, connections: usize) -> Result<Vec<f64>> {
        let (bodies, next) = (Arc::new(self.bodies), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            let (bodies, next, door) = (Arc::clone(&bodies), Arc::clone(&next), Arc::clone(&self.door));
            tasks.spawn(async move {
                let mut took = Vec::new();
                while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    took.push(door.send(body.clone(), Instant::now()).await?);
                }
                anyhow::Ok(took)
            });
        }
        Ok(gather(tasks).await?.concat())
    }

    /// Sends one every `every`, whether or not the one before is answered. Milliseconds of each request from its planned time on, so
    /// that a stall counts for all who would have waited in it.
    pub(super) async fn open(self, every: Duration) -> Result<Vec<f64>> {
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for (turn, body) in self.bodies.into_iter().enumerate() {
            let planned = began + every.mul_f64(turn as f64);
            sleep_until(planned.into()).await;
            let door = Arc::clone(&self.door);
            tasks.spawn(async move { door.send(body, planned).await });
        }
        gather(tasks).await
    }
}

impl Door {
    async fn send(&self, body: Vec<u8>, since: Instant) -> Result<f64> {
        let request = self.http.post(&self.url).header("x-api-key", &self.api_key);
        let request = request.header("content-type", "application/json").body(body);
        let answer = request.send().await.context("sending a broadcast")?;
        let status = answer.status();
        let said = answer.bytes().await.context("reading a broadcast's answer")?;
        ensure!(
            status == 200,
            "a broadcast was answered with {status}: {}",
            String::from_utf8_lossy(&said[..said.len().min(1_000)])
        );
        Ok(since.elapsed().as_secs_f64() * 1000.0)
    }
}

async fn gather<T: 'static>(mut tasks: JoinSet<Result<T>>) -> Result<Vec<T>> {
    let mut results = Vec::new();
    while let Some(result) = tasks.join_next().await {
        results.push(result.context("a task of the load")??);
    }
    Ok(results)
}

/// Single messages, ready to be published by any other system's means: the intake exchange, persistent, with confirms.
#[derive(Debug)]
pub(super) struct Singles {
    batches: Vec<Vec<Outgoing>>,
    publisher: Publisher,
    session: tokio::task::JoinHandle<Result<(), broker::Error>>,
    stop: CancellationToken,
}

impl Singles {
    /// `messages` recipients from number `first` on; sender numbers take turns. Connected already.
    pub(super) async fn prepare(rig: &Rig, first: usize, messages: usize) -> Result<Self> {
        let topology = Topology::new(&rig.prefix);
        let batch: Vec<Outgoing> = (first..first + messages)
            .map(|n| {
                let parameters =
                    json!([{"type": "text", "text": format!("Guest {n}")}, {"type": "text", "text": n.to_string()}]);
                let message = json!({
                    "to": seed::recipient(n), "from": rig.phones[n % rig.phones.len()], "type": "template",
                    "template": {"name": "order_update", "language": {"code": "en_US"},
                                 "components": [{"type": "body", "parameters": parameters}]}
                });
                Outgoing::new(
                    &topology.exchanges.intake,
                    key::MESSAGE,
                    format!("order-{n}"),
                    message.to_string(),
                )
                .header("x-api-key", &rig.tenant.api_key)
            })
            .collect();
        let address = Address::parse(&rig.amqp_url)?;
        let (publisher, driver) = Publisher::new();
        let stop = CancellationToken::new();
        let session = tokio::spawn({
            let stop = stop.clone();
            async move { driver.session(&address, &topology, &stop, || ()).await }
        });
        testkit::until(Duration::from_secs(10), "a connection to RabbitMQ", async || {
            publisher.is_connected().then_some(())
        })
        .await;
        Ok(Self {
            batches: batch.chunks(PUBLISH).map(<[Outgoing]>::to_vec).collect(),
            publisher,
            session,
            stop,
        })
    }

    /// Publishes everything as fast as the broker confirms.
    pub(super) async fn publish(self) -> Result<()> {
        let mut tasks = JoinSet::new();
        for batch in self.batches {
            if tasks.len() == AT_ONCE {
                tasks.join_next().await.context("a call is under way")???;
            }
            let publisher = self.publisher.clone();
            tasks.spawn(async move {
                let published = publisher.publish(batch).await;
                let refused = published.iter().filter(|published| !published.is_confirmed()).count();
                ensure!(refused == 0, "the broker did not confirm {refused} messages");
                Ok(())
            });
        }
        gather(tasks).await?;
        self.stop.cancel();
        self.session.await?.context("publishing to the intake exchange")
    }
}
