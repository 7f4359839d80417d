//! Another system that listens to events, with a queue of its own.

use broker::{Connection, Subscription};
use serde_json::Value;
use uuid::Uuid;

use crate::world::{SOON, World};

pub(crate) struct Listener {
    queue: String,
    connection: Connection,
    subscription: Subscription,
}

/// An event as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heard {
    pub(crate) key: String,
    pub(crate) message_id: String,
    pub(crate) body: Value,
}

impl Heard {
    pub(crate) fn sequence(&self) -> i64 {
        self.body["sequence"].as_i64().unwrap()
    }

    pub(crate) fn message(&self) -> &str {
        self.body["data"]["message_id"].as_str().unwrap()
    }

    pub(crate) fn status(&self) -> &str {
        self.body["data"]["status"].as_str().unwrap()
    }
}

impl Listener {
    /// Hears what is published with such a key from now on.
    pub(crate) async fn bind(world: &World, key: &str) -> Self {
        let queue = format!("{}.listener.{}", world.topology.prefix(), Uuid::now_v7().simple());
        let bound = world.admin.bind_queue(&queue, &world.topology.exchanges.events, key);
        bound.await.unwrap();
        let connection = Connection::open(&world.address, "listener").await.unwrap();
        let subscription = connection.consume(&queue, 500).await.unwrap();
        Self {
            queue,
            connection,
            subscription,
        }
    }

    /// The next so many events.
    pub(crate) async fn hear(&mut self, count: usize) -> Vec<Heard> {
        let mut heard = Vec::new();
        while heard.len() < count {
            let next = tokio::time::timeout(SOON, self.subscription.next()).await;
            let delivery = next.expect("an event comes soon").unwrap().unwrap();
            heard.push(Heard {
                key: delivery.routing_key.clone(),
                message_id: delivery.properties.message_id.clone().unwrap(),
                body: serde_json::from_slice(&delivery.body).unwrap(),
            });
            delivery.ack().await.unwrap();
        }
        heard
    }

    pub(crate) async fn close(self, world: &World) {
        self.connection.close().await.unwrap();
        world.admin.delete_queue(&self.queue).await.unwrap();
    }
}
