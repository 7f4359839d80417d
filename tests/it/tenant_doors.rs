//! How other systems hand messages in over AMQP, and what becomes of what cannot be used.

use std::collections::BTreeMap;
use std::time::Duration;

use broker::{Address, Admin, Connection, Delivery, Outgoing, Publisher, Topology, key};
use serde_json::{Value, json};
use testkit::seed;
use testkit::stack::{Plan, Stack};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);

/// Another system: a plain publisher on the intake exchange.
pub(crate) struct Neighbour {
    publisher: Publisher,
    topology: Topology,
    address: Address,
    stop: CancellationToken,
}

impl Neighbour {
    pub(crate) fn of(stack: &Stack) -> Self {
        let topology = Topology::new(&stack.prefix);
        let address = Address::parse(&stack.database.amqp_url).unwrap();
        let (publisher, driver) = Publisher::new();
        let stop = CancellationToken::new();
        let session = (address.clone(), topology.clone(), stop.clone());
        tokio::spawn(async move {
            let (address, topology, stop) = session;
            driver
                .session(&address, &topology, &stop, || ())
                .await
                .expect("the broker runs");
        });
        Self {
            publisher,
            topology,
            address,
            stop,
        }
    }

    pub(crate) async fn publish(
        &self,
        messages: impl IntoIterator<Item = (String, Vec<u8>)>,
        headers: &[(&str, &str)],
    ) {
        let headers: BTreeMap<_, _> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let batch: Vec<_> = messages
            .into_iter()
            .map(|(message_id, body)| Outgoing {
                headers: headers.clone(),
                ..Outgoing::new(&self.topology.exchanges.intake, key::MESSAGE, message_id, body)
            })
            .collect();
        let published = testkit::until(PATIENCE, "a connected publisher", async || {
            self.publisher.is_connected().then_some(())
        });
        published.await;
        assert!(
            self.publisher
                .publish(batch)
                .await
                .into_iter()
                .all(broker::Published::is_confirmed)
        );
    }

    /// The next message in the queue of what could not be used.
    async fn rejected(&self) -> Delivery {
        let connection = Connection::open(&self.address, "test").await.unwrap();
        let mut subscription = connection.consume(&self.topology.queues.rejected, 1).await.unwrap();
        tokio::time::timeout(PATIENCE, subscription.next())
            .await
            .expect("a rejected message")
            .unwrap()
            .expect("the queue is there")
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn hello(n: usize) -> Vec<u8> {
    let message: Value = json!({"to": seed::recipient(n), "type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}});
    message.to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_messages_over_amqp_are_sent_once_even_when_published_twice() {
    let _turn = testkit::shared();
    let stack = Stack::start(Plan::default(), 2).await.unwrap();
    let neighbour = Neighbour::of(&stack);
    let batch = || (0..500).map(|n| (format!("order-{n}"), hello(n)));

    neighbour
        .publish(batch(), &[("x-api-key", &stack.tenant.api_key)])
        .await;
    neighbour
        .publish(batch(), &[("x-api-key", &stack.tenant.api_key)])
        .await;

    stack.until_accepted(500, PATIENCE).await;
    let admin = Admin::open(&neighbour.address).await.unwrap();
    testkit::until(PATIENCE, "an empty intake", async || {
        let depth = admin.queue_depth(&neighbour.topology.queues.intake).await.ok()??;
        (depth.ready == 0).then_some(())
    })
    .await;
    let report = stack.meta.report();
    assert_eq!((report.accepted, report.ok), (500, true), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_nobody_ends_among_the_rejected_untouched() {
    let _turn = testkit::shared();
    let stack = Stack::start(Plan::default(), 1).await.unwrap();
    let neighbour = Neighbour::of(&stack);

    neighbour.publish([("1".to_owned(), hello(1))], &[]).await;

    let rejected = neighbour.rejected().await;
    assert_eq!(rejected.body, hello(1));
    assert!(
        rejected.properties.headers.contains_key("x-error-code"),
        "{:?}",
        rejected.properties
    );
    assert!(
        rejected.properties.headers.contains_key("x-error"),
        "{:?}",
        rejected.properties
    );
    assert_eq!(stack.states().await.unwrap().len(), 0);
}
