//! The whole role inside the test: both doors, a database and a prefix on the broker of its own.

use std::net::SocketAddr;
use std::time::Duration;

use broker::{Address, Admin, Publisher, Topology};
use domain::job::Job;
use domain::network::Network;
use ingest::Ingest;
use runtime::health::Health;
use runtime::{Clock, Drained, Shutdown};
use serde_json::{Value, json};
use testkit::database::{self, TestDatabase};
use testkit::seed::{self, Choice, Tenant};
use testkit::{Turn, until};
use tokio::net::TcpListener;

use crate::client::{Answer, Request};

/// Longest wait for anything.
pub(crate) const SOON: Duration = Duration::from_secs(20);
pub(crate) const MESSAGES: &str = "/api/v1/messages/whatsapp";
pub(crate) const BROADCAST: &str = "/api/v1/messages/whatsapp/broadcast";

pub(crate) struct Rig {
    pub(crate) addr: SocketAddr,
    pub(crate) database: TestDatabase,
    pub(crate) tenant: Tenant,
    pub(crate) topology: Topology,
    pub(crate) address: Address,
    pub(crate) admin: Admin,
    pub(crate) publisher: Publisher,
    shutdown: Shutdown,
    publishing: Shutdown,
    _turn: Turn,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(Choice::default()).await
    }

    pub(crate) async fn with(choice: Choice) -> Self {
        Self::with_policy(choice, "http, any-port, 127.0.0.1").await
    }

    /// With these exceptions from what customers' addresses may be.
    pub(crate) async fn with_policy(choice: Choice, policy: &str) -> Self {
        let turn = tokio::task::spawn_blocking(testkit::shared).await.unwrap();
        let database = database::fresh().await;
        let tenant = seed::tenant(&database.store, &choice).await;
        // What was told of the tenant itself is another story.
        database.store.raw("TRUNCATE event").await.unwrap();
        let address = Address::parse(&database.amqp_url).unwrap();
        let topology = Topology::new(&format!("test-{}", uuid::Uuid::now_v7().simple()));
        let admin = Admin::open(&address).await.unwrap();
        admin.declare(&topology).await.unwrap();

        // The publisher outlives the role, as in the executable.
        let (publishing, shutdown) = (Shutdown::new(), Shutdown::new());
        let (publisher, driver) = Publisher::new();
        let (supervised, session) = (publishing.clone(), (address.clone(), topology.clone()));
        publishing.spawn("publisher", async move {
            let (address, topology) = session;
            let stop = supervised.child_token();
            runtime::supervise("publisher", &supervised, |healthy| {
                let (driver, address, topology, stop) = (&driver, &address, &topology, &stop);
                async move { driver.session(address, topology, stop, || healthy.mark()).await }
            })
            .await;
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let health = Health::new();
        let role = Ingest {
            store: database.store.clone(),
            amqp: address.clone(),
            topology: topology.clone(),
            publisher: publisher.clone(),
            outbound: policy.parse().unwrap(),
            clock: Clock::system(),
            meta: meta::Client::new(meta::ClientConfig::new("http://127.0.0.1:9", "v26.0")).unwrap(),
            health: health.clone(),
            proxies: vec![Network::parse("127.0.0.1").unwrap()],
            test_mode: true,
            beside: axum::Router::new(),
        };
        let stop = shutdown.clone();
        shutdown.spawn("ingest", async move { ingest::run(role, listener, &stop).await });
        until(SOON, "the role to be ready", async || {
            (health.is_ready() && publisher.is_connected()).then_some(())
        })
        .await;
        Self {
            addr,
            database,
            tenant,
            topology,
            address,
            admin,
            publisher,
            shutdown,
            publishing,
            _turn: turn,
        }
    }

    /// Another tenant, with its own numbers.
    pub(crate) async fn neighbour(&self) -> Tenant {
        let choice = Choice {
            place: 1,
            ..Choice::default()
        };
        seed::tenant(&self.database.store, &choice).await
    }

    pub(crate) async fn finish(self) {
        assert_eq!(self.shutdown.drain(SOON).await, Drained::Clean);
        assert_eq!(self.publishing.drain(SOON).await, Drained::Clean);
        self.admin.delete(&self.topology).await.unwrap();
        self.admin.close().await.unwrap();
    }

    /// A request with the tenant's key.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.addr, method, path).header("x-api-key", &self.tenant.api_key)
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path).json(body).send().await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send().await
    }

    pub(crate) async fn sql(&self, sql: &str) -> Vec<Value> {
        self.database.store.raw(sql).await.unwrap()
    }

    pub(crate) async fn count(&self, table: &str) -> u64 {
        self.sql(&format!("SELECT count(*) AS n FROM {table}")).await[0]["n"]
            .as_u64()
            .unwrap()
    }

    /// This person wrote to the tenant's number so many hours ago.
    pub(crate) async fn wrote(&self, person: &str, hours_ago: f64) {
        let number = self.tenant.number;
        self.sql(&format!(
            "INSERT INTO contact (number_id, recipient, last_inbound_at)
             VALUES ({number}, '{person}', now() - {hours_ago} * interval '1 hour')
             ON CONFLICT (number_id, recipient) DO UPDATE SET last_inbound_at = excluded.last_inbound_at"
        ))
        .await;
    }

    /// The ids of all jobs that were published to a lane's queue, once there are so many; the jobs are taken out.
    pub(crate) async fn rung(&self, queue: &str, ids: usize) -> Vec<String> {
        let connection = broker::Connection::open(&self.address, "test").await.unwrap();
        let mut subscription = connection.consume(queue, 100).await.unwrap();
        let mut rung = Vec::new();
        while rung.len() < ids {
            let next = tokio::time::timeout(SOON, subscription.next())
                .await
                .expect("a job comes soon");
            let delivery = next.unwrap().unwrap();
            rung.extend(Job::decode(&delivery.body).unwrap().ids.iter().map(ToString::to_string));
            delivery.ack().await.unwrap();
        }
        connection.close().await.unwrap();
        rung
    }
}

pub(crate) fn person(n: usize) -> String {
    seed::recipient(n)
}

pub(crate) fn text(to: &str) -> Value {
    json!({"to": to, "type": "text", "text": {"body": "Hello"}})
}

pub(crate) fn hello(to: &str) -> Value {
    json!({"to": to, "type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}})
}

/// `hello` to so many people, from this one on.
pub(crate) fn hello_all(first: usize, count: usize) -> Value {
    let recipients: Vec<Value> = (first..first + count).map(|n| json!({"to": person(n)})).collect();
    json!({"recipients": recipients, "template_name": "hello", "template_language": "en_US"})
}
