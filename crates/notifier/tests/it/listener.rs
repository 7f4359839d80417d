//! Another system that listens to events, with a queue and a client of its own.

use broker::Topology;
use futures_util::StreamExt as _;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, Consumer};
use serde_json::Value;

use crate::world::SOON;

pub(crate) struct Listener {
    connection: Connection,
    consumer: Option<Consumer>,
    channel: lapin::Channel,
    queue: String,
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
    /// Hears what is published with such a key from now on. With `room`, the queue refuses what is more than that.
    pub(crate) async fn bind(amqp_url: &str, topology: &Topology, key: &str, room: Option<i32>) -> Self {
        let connection = Connection::connect(amqp_url, ConnectionProperties::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        let options = QueueDeclareOptions {
            exclusive: true,
            ..QueueDeclareOptions::default()
        };
        let mut arguments = FieldTable::default();
        if let Some(room) = room {
            arguments.insert("x-max-length".into(), room.into());
            arguments.insert(
                "x-overflow".into(),
                lapin::types::AMQPValue::LongString("reject-publish".into()),
            );
        }
        let queue = channel
            .queue_declare("".into(), options, arguments)
            .await
            .unwrap()
            .name()
            .to_string();
        let bound = channel.queue_bind(
            queue.as_str().into(),
            topology.exchanges.events.as_str().into(),
            key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        bound.await.unwrap();
        Self {
            connection,
            consumer: None,
            channel,
            queue,
        }
    }

    /// The next so many events.
    pub(crate) async fn hear(&mut self, count: usize) -> Vec<Heard> {
        if self.consumer.is_none() {
            let options = BasicConsumeOptions {
                no_ack: true,
                ..BasicConsumeOptions::default()
            };
            let consumed =
                self.channel
                    .basic_consume(self.queue.as_str().into(), "".into(), options, FieldTable::default());
            self.consumer = Some(consumed.await.unwrap());
        }
        let consumer = self.consumer.as_mut().unwrap();
        let mut heard = Vec::new();
        while heard.len() < count {
            let next = tokio::time::timeout(SOON, consumer.next()).await;
            let delivery = next.expect("an event comes soon").unwrap().unwrap();
            heard.push(Heard {
                key: delivery.routing_key.to_string(),
                message_id: delivery.properties.message_id().as_ref().unwrap().to_string(),
                body: serde_json::from_slice(&delivery.data).unwrap(),
            });
        }
        heard
    }

    pub(crate) async fn close(self) {
        self.connection.close(200, "OK".into()).await.unwrap();
    }
}
