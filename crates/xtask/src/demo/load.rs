//! What the demo hands in, by every way there is.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use broker::{Address, Outgoing, Published, Publisher, Topology, key};
use chrono::TimeDelta;
use runtime::Clock;
use serde_json::{Value, json};
use simulator::Inbound;
use testkit::seed;
use testkit::stack::Stack;
use tokio_util::sync::CancellationToken;

const MESSAGES: &str = "/api/v1/messages/whatsapp";
/// Somebody who wrote to us, and somebody who never did.
const FRIEND: usize = 9_001;
const STRANGER: usize = 9_002;
const SCHEDULED: usize = 50;
const OVER_AMQP: usize = 500;

/// What was handed in.
#[derive(Debug, Clone, Copy)]
pub(super) struct HandedIn {
    /// Rows in the ledger.
    pub(super) messages: u64,
    /// Of them, those that a gate must refuse.
    pub(super) to_be_refused: u64,
}

pub(super) async fn hand_in(stack: &Stack) -> Result<HandedIn> {
    scheduled(stack).await?;
    broadcast(stack).await?;
    over_amqp(stack).await?;
    reply(stack).await?;
    Ok(HandedIn {
        messages: (SCHEDULED + 256 + OVER_AMQP + 2) as u64,
        to_be_refused: 1,
    })
}

fn order_update(n: usize, route: &str) -> Value {
    let parameters = json!([{"type": "text", "text": "Ana"}, {"type": "text", "text": n.to_string()}]);
    json!({
        "to": seed::recipient(n), "type": "template", "metadata": {"route": route},
        "template": {"name": "order_update", "language": {"code": "en_US"}, "components": [{"type": "body", "parameters": parameters}]}
    })
}

async fn scheduled(stack: &Stack) -> Result<()> {
    let due = Clock::system().now() + TimeDelta::seconds(4);
    for n in 0..SCHEDULED {
        let mut message = order_update(10_000 + n, "scheduled 4 s ahead");
        message["scheduled_at"] = json!(due);
        let (status, answer) = stack.post(MESSAGES, &message).await?;
        ensure!(
            status == 202 && answer["data"]["status"] == "scheduled",
            "a scheduled message was answered with {status}: {answer}"
        );
    }
    Ok(())
}

async fn broadcast(stack: &Stack) -> Result<()> {
    let recipients: Vec<_> = (0..256)
        .map(|n| json!({"to": seed::recipient(n), "template_params": [format!("Guest {n}"), n]}))
        .collect();
    let body = json!({
        "recipients": recipients, "template_name": "order_update", "template_language": "en_US",
        "metadata": {"route": "broadcast over HTTP"}
    });
    let (status, answer) = stack.post("/api/v1/messages/whatsapp/broadcast", &body).await?;
    ensure!(status == 200, "the broadcast was answered with {status}: {answer}");
    Ok(())
}

/// As any other system would: publish to the intake exchange, with confirms.
async fn over_amqp(stack: &Stack) -> Result<()> {
    let topology = Topology::new(&stack.prefix);
    let address = Address::parse(&stack.database.amqp_url)?;
    let (publisher, driver) = Publisher::new();
    let stop = CancellationToken::new();
    let session = tokio::spawn({
        let (topology, stop) = (topology.clone(), stop.clone());
        async move { driver.session(&address, &topology, &stop, || ()).await }
    });
    testkit::until(Duration::from_secs(10), "a connection to RabbitMQ", async || {
        publisher.is_connected().then_some(())
    })
    .await;
    let headers = BTreeMap::from([("x-api-key".to_owned(), stack.tenant.api_key.clone())]);
    let batch = (0..OVER_AMQP).map(|n| {
        let body = order_update(1_000 + n, "single over AMQP").to_string();
        Outgoing {
            headers: headers.clone(),
            ..Outgoing::new(&topology.exchanges.intake, key::MESSAGE, format!("order-{n}"), body)
        }
    });
    let published = publisher.publish(batch.collect()).await;
    let refused = published
        .iter()
        .filter(|published| !matches!(published, Published::Confirmed))
        .count();
    ensure!(
        refused == 0,
        "the broker did not confirm {refused} of {OVER_AMQP} messages"
    );
    stop.cancel();
    session.await?.context("publishing to the intake exchange")
}

/// A person writes, the window opens, the answer goes out; to a stranger it does not.
async fn reply(stack: &Stack) -> Result<()> {
    stack.meta.inbound(&Inbound::text(
        &stack.tenant.phone_number_id,
        seed::recipient(FRIEND),
        "Where is my order?",
    ))?;
    let window = format!(
        "{MESSAGES}/window-status?to={}",
        seed::recipient(FRIEND).replace('+', "%2B")
    );
    testkit::until(Duration::from_secs(10), "the service window to open", async || {
        let (_, answer) = stack.get(&window).await.ok()?;
        (answer["data"]["reason"] == "within_window").then_some(())
    })
    .await;
    for (to, expected) in [(FRIEND, 202), (STRANGER, 422)] {
        let message = json!({"to": seed::recipient(to), "type": "text", "text": {"body": "It is on its way."}, "metadata": {"route": "session reply"}});
        let (status, answer) = stack.post(MESSAGES, &message).await?;
        ensure!(
            status == expected,
            "a reply was answered with {status} instead of {expected}: {answer}"
        );
    }
    Ok(())
}
