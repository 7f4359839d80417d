//! What every test needs: the broker, an own prefix, a running publisher, and a look into queues.

use std::collections::BTreeSet;
use std::time::Duration;

use broker::{Address, Admin, Connection, Outgoing, Published, Publisher, Subscription, Topology};
use runtime::Shutdown;
use testkit::servers::Servers;
use testkit::{Turn, until};

/// Longest wait for anything the broker does at once.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) struct Rig {
    pub(crate) url: String,
    pub(crate) address: Address,
    pub(crate) topology: Topology,
    pub(crate) admin: Admin,
    _turn: Turn,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let (servers, turn) = tokio::task::spawn_blocking(|| (Servers::ensure().unwrap(), testkit::shared()))
            .await
            .unwrap();
        Self::at(servers.amqp_url, turn).await
    }

    /// On a broker of its own.
    pub(crate) async fn at(url: String, turn: Turn) -> Self {
        let address = Address::parse(&url).unwrap();
        let topology = Topology::new(&format!("test-{}", uuid::Uuid::now_v7().simple()));
        let admin = Admin::open(&address).await.unwrap();
        admin.declare(&topology).await.unwrap();
        Self {
            url,
            address,
            topology,
            admin,
            _turn: turn,
        }
    }

    pub(crate) async fn finish(self) {
        self.admin.delete(&self.topology).await.unwrap();
        self.admin.close().await.unwrap();
    }

    /// A publisher whose sessions are supervised until the shutdown.
    pub(crate) fn publisher(&self, address: &Address) -> (Publisher, Shutdown) {
        let (publisher, driver) = Publisher::new();
        let shutdown = Shutdown::new();
        let (address, topology, stop) = (address.clone(), self.topology.clone(), shutdown.child_token());
        let supervised = shutdown.clone();
        shutdown.spawn("publisher", async move {
            runtime::supervise("publisher", &supervised, |healthy| {
                let (driver, address, topology, stop) =
                    (driver.clone(), address.clone(), topology.clone(), stop.clone());
                async move { driver.session(&address, &topology, &stop, || healthy.mark()).await }
            })
            .await;
        });
        (publisher, shutdown)
    }

    /// Publishes these bodies (each also the message id) to the rt queue.
    pub(crate) async fn publish(&self, bodies: &[&str]) {
        let (publisher, shutdown) = self.publisher(&self.address);
        let batch = bodies.iter().map(|body| self.job(body)).collect();
        let published = publisher.publish(batch).await;
        assert!(published.iter().all(|message| message.is_confirmed()), "{published:?}");
        assert_eq!(shutdown.drain(SOON).await, runtime::Drained::Clean);
    }

    pub(crate) fn job(&self, body: &str) -> Outgoing {
        Outgoing::new(&self.topology.exchanges.send, broker::key::RT, body, body)
    }

    pub(crate) async fn consume(&self, prefetch: u16) -> (Connection, Subscription) {
        let connection = Connection::open(&self.address, "test").await.unwrap();
        let subscription = connection.consume(&self.topology.queues.rt, prefetch).await.unwrap();
        (connection, subscription)
    }

    pub(crate) async fn ready(&self, queue: &str) -> u32 {
        self.admin.queue_depth(queue).await.unwrap().unwrap().ready
    }

    /// Waits until so many messages are ready.
    pub(crate) async fn wait_ready(&self, queue: &str, ready: u32) {
        let what = format!("{ready} ready messages in {queue}");
        until(SOON, &what, async || (self.ready(queue).await == ready).then_some(())).await;
    }

    /// Takes everything out of a queue, until as many as `ready` were taken.
    pub(crate) async fn take_all(&self, queue: &str, ready: usize) -> Vec<String> {
        let connection = Connection::open(&self.address, "test").await.unwrap();
        let mut subscription = connection.consume(queue, 500).await.unwrap();
        let mut bodies = Vec::new();
        let mut taken = Vec::new();
        while bodies.len() < ready {
            let delivery = next(&mut subscription).await;
            bodies.push(String::from_utf8(delivery.body.clone()).unwrap());
            taken.push(delivery);
            // Many at once: a busy quorum queue holds back single acknowledgements, and forgets those at the close.
            if taken.len() == 250 || bodies.len() == ready {
                broker::ack_all(std::mem::take(&mut taken)).await.unwrap();
            }
        }
        connection.close().await.unwrap();
        bodies
    }
}

/// The next delivery, which must come soon.
pub(crate) async fn next(subscription: &mut Subscription) -> broker::Delivery {
    let next = tokio::time::timeout(SOON, subscription.next())
        .await
        .expect("a delivery comes soon");
    next.expect("the session is well")
        .expect("the consumer was not stopped")
}

/// The next `count` bodies, acknowledged.
pub(crate) async fn bodies(subscription: &mut Subscription, count: usize) -> BTreeSet<String> {
    let mut bodies = BTreeSet::new();
    for _ in 0..count {
        let delivery = next(subscription).await;
        bodies.insert(String::from_utf8(delivery.body.clone()).unwrap());
        delivery.ack().await.unwrap();
    }
    bodies
}

pub(crate) fn set(bodies: &[&str]) -> BTreeSet<String> {
    bodies.iter().map(|body| (*body).to_owned()).collect()
}

pub(crate) fn confirmed(published: &[Published]) -> usize {
    published.iter().filter(|message| message.is_confirmed()).count()
}
