//! Another system on the broker: publishes to the intake, and gets the answers.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use broker::{Address, Connection, Outgoing, Publisher, Topology};
use serde_json::Value;
use testkit::seed::Tenant;
use testkit::stack::Stack;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::pipeline::SOON;

type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<Value>>>>;

pub(crate) struct Postbox {
    publisher: Publisher,
    topology: Topology,
    queue: String,
    waiting: Waiting,
    stop: CancellationToken,
}

impl Postbox {
    pub(crate) async fn open(stack: &Stack) -> Self {
        let address = Address::parse(&stack.database.amqp_url).unwrap();
        let topology = Topology::new(&stack.prefix);
        let stop = CancellationToken::new();
        let (publisher, driver) = Publisher::new();
        let session = (address.clone(), topology.clone(), stop.clone());
        tokio::spawn(async move {
            let (address, topology, stop) = session;
            driver
                .session(&address, &topology, &stop, || ())
                .await
                .expect("the broker runs");
        });
        testkit::until(SOON, "a connected publisher", async || {
            publisher.is_connected().then_some(())
        })
        .await;

        // Any queue will do for answers; a topology of another prefix has one that nobody else uses.
        let answers = Topology::new(&format!("{}-answers", stack.prefix));
        let connection = Connection::open(&address, "postbox").await.unwrap();
        connection.declare(&answers).await.unwrap();
        let mut subscription = connection.consume(&answers.queues.dead, 100).await.unwrap();
        let (waiting, stopped) = (Waiting::default(), stop.clone());
        let told = Arc::clone(&waiting);
        tokio::spawn(async move {
            let _connection = connection;
            while let Some(Ok(Some(delivery))) = stopped.run_until_cancelled(subscription.next()).await {
                let id = delivery.properties.correlation_id.clone().unwrap();
                let answer = serde_json::from_slice(&delivery.body).unwrap();
                delivery.ack().await.unwrap();
                if let Some(waiting) = told.lock().unwrap().remove(&id) {
                    let _ = waiting.send(answer);
                }
            }
        });
        Self {
            publisher,
            topology,
            queue: answers.queues.dead,
            waiting,
            stop,
        }
    }

    /// Publishes a body as this tenant; the status and the body of the answer.
    pub(crate) async fn ask(&self, tenant: &Tenant, routing_key: &str, body: &Value) -> (u16, Value) {
        self.ask_bytes(tenant, routing_key, body.to_string().into_bytes()).await
    }

    /// The same with any bytes.
    pub(crate) async fn ask_bytes(&self, tenant: &Tenant, routing_key: &str, body: Vec<u8>) -> (u16, Value) {
        let id = format!("{:032x}", next_id());
        let (waits, answer) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id.clone(), waits);
        let outgoing = Outgoing {
            reply_to: Some(self.queue.clone()),
            correlation_id: Some(id.clone()),
            headers: BTreeMap::from([("x-api-key".to_owned(), tenant.api_key.clone())]),
            ..Outgoing::new(&self.topology.exchanges.intake, routing_key, id, body)
        };
        let published = self.publisher.publish(vec![outgoing]).await;
        assert!(published[0].is_confirmed(), "{published:?}");
        let answer = tokio::time::timeout(SOON, answer)
            .await
            .expect("an answer over AMQP")
            .unwrap();
        (
            answer["status"].as_u64().unwrap().try_into().unwrap(),
            answer["body"].clone(),
        )
    }
}

impl Drop for Postbox {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn next_id() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
