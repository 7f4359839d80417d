//! A ledger, a broker and a simulated Meta of its own for each test, and senders in the test's own process.

use std::collections::BTreeMap;
use std::time::Duration;

use broker::{Address, Admin, Outgoing, Publisher, Topology};
use chrono::{DateTime, TimeDelta, Utc};
use domain::job::{self, Released};
use domain::opaque::Signer;
use domain::{Category, Lane, MessageId};
use meta::ClientConfig;
use runtime::health::Health;
use runtime::{Drained, Shutdown};
use secrecy::SecretString;
use sender::{Config, Parts};
use serde_json::{Value, json};
use simulator::{Number, Running, Simulator, Tier};
use store::{Options, Store, Vault};
use testkit::database::{self, SECRET_KEY, TestDatabase};
use testkit::seed::{self, Choice, Tenant};
use testkit::{Turn, until};

/// The senders' name in `pg_stat_activity`.
const SENDER: &str = "turnpike sender";

/// Longest wait for anything that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(15);

pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
    pub(crate) tenant: Tenant,
    pub(crate) meta: Running,
    pub(crate) topology: Topology,
    throughput: u32,
    address: Address,
    admin: Admin,
    publisher: Publisher,
    publishing: Shutdown,
    _turn: Turn,
}

/// A running sender.
pub(crate) struct Sender {
    shutdown: Shutdown,
    pub(crate) health: Health,
}

impl Sender {
    /// Stops it as SIGTERM does, and waits for it.
    pub(crate) async fn stop(self) {
        assert_eq!(self.shutdown.drain(Duration::from_secs(45)).await, Drained::Clean);
        assert_eq!(self.shutdown.failure(), None);
    }
}

impl Stage {
    pub(crate) async fn new(choice: Choice) -> Self {
        let turn = tokio::task::spawn_blocking(testkit::shared).await.unwrap();
        let database = database::fresh().await;
        let tenant = seed::tenant(&database.store, &choice).await;
        let mut number = Number::new(&tenant.phone_number_id, &tenant.phone, "1000000");
        number.throughput = choice.throughput;
        let tier: Tier = serde_json::from_value(json!(choice.tier)).unwrap();
        let meta = Simulator::start(simulator::Config {
            numbers: vec![number],
            portfolios: BTreeMap::from([("1000000".to_owned(), tier)]),
            access_tokens: vec!["test-token".to_owned()],
            ..simulator::Config::default()
        })
        .await
        .unwrap();

        let address = Address::parse(&database.amqp_url).unwrap();
        let topology = Topology::new(&format!("test-{}", uuid::Uuid::new_v4().simple()));
        let admin = Admin::open(&address).await.unwrap();
        admin.declare(&topology).await.unwrap();
        let (publisher, driver) = Publisher::new();
        let publishing = Shutdown::new();
        let (to, names, stop) = (address.clone(), topology.clone(), publishing.child_token());
        publishing.spawn("publisher", async move {
            driver.session(&to, &names, &stop, || ()).await.expect("publishing");
        });
        Self {
            database,
            tenant,
            meta,
            topology,
            throughput: choice.throughput,
            address,
            admin,
            publisher,
            publishing,
            _turn: turn,
        }
    }

    /// A sender that posts to the simulator.
    pub(crate) fn sender(&self) -> Sender {
        self.sender_to(&self.meta.base_url())
    }

    /// A sender that posts the messages of test keys elsewhere.
    pub(crate) fn sender_with(&self, stand_in: Option<&str>) -> Sender {
        self.start_sender(&self.meta.base_url(), stand_in)
    }

    pub(crate) fn sender_to(&self, meta: &str) -> Sender {
        self.start_sender(meta, None)
    }

    fn start_sender(&self, meta: &str, stand_in: Option<&str>) -> Sender {
        let client = |url| meta::Client::new(ClientConfig::new(url, "v26.0")).unwrap();
        let parts = Parts {
            store: self.sender_store(),
            meta: client(meta),
            test_meta: stand_in.map(client),
            signer: Signer::new(&SECRET_KEY),
            address: self.address.clone(),
            topology: self.topology.clone(),
            publisher: self.publisher.clone(),
        };
        let (shutdown, health) = (Shutdown::new(), Health::new());
        let (task, probes) = (shutdown.clone(), health.clone());
        shutdown.spawn("sender", async move {
            sender::run(parts, Config::default(), &task, &probes).await;
        });
        Sender { shutdown, health }
    }

    fn sender_store(&self) -> Store {
        let options = Options {
            url: SecretString::from(self.database.url.as_str()),
            connections: 6,
            name: SENDER,
        };
        Store::new(&options, Vault::new(&SECRET_KEY)).unwrap()
    }

    /// Cuts every connection of the senders to the ledger, in the middle of whatever they are doing. Says how many there were.
    pub(crate) async fn cut_ledger(&self) -> i64 {
        let cut = self
            .rows(&format!(
                "SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity
                 WHERE application_name = '{SENDER}' AND datname = current_database()"
            ))
            .await;
        cut[0]["n"].as_i64().unwrap()
    }

    /// The template `hello`, queued, to each of these recipients.
    pub(crate) async fn queued(&self, recipients: impl IntoIterator<Item = usize>) -> Vec<MessageId> {
        let content = json!({"type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}});
        self.insert(recipients, Category::Utility, Some("hello"), &content)
            .await
    }

    /// A text, queued.
    pub(crate) async fn queued_text(&self, recipient: usize) -> MessageId {
        let content = json!({"type": "text", "text": {"body": "Hello"}});
        self.insert([recipient], Category::Service, None, &content).await[0]
    }

    /// Rows of any kind, queued.
    pub(crate) async fn insert(
        &self,
        recipients: impl IntoIterator<Item = usize>,
        category: Category,
        template: Option<&str>,
        content: &Value,
    ) -> Vec<MessageId> {
        let now = self.now().await;
        let (end, now_text) = ((now + TimeDelta::hours(1)).to_rfc3339(), now.to_rfc3339());
        let (organization, number, scope) = (self.tenant.organization, self.tenant.number, self.tenant.scope);
        let category = category.code();
        let template = template.map_or_else(
            || "NULL".to_owned(),
            |name| format!("(SELECT id FROM template WHERE name = '{name}')"),
        );
        let (mut ids, mut messages, mut contents) = (Vec::new(), Vec::new(), Vec::new());
        for recipient in recipients {
            let (id, recipient) = (MessageId::new(now), seed::recipient(recipient));
            messages.push(format!(
                "('{id}', {organization}, {number}, {scope}, '{recipient}', 1, {category}, {template}, '{end}', 20, '{end}', '{now_text}')"
            ));
            contents.push(format!("('{id}', '{content}')"));
            ids.push(id);
        }
        let (messages, contents) = (messages.join(","), contents.join(","));
        self.run(&format!(
            "INSERT INTO message (id, organization_id, number_id, scope_id, recipient, lane, category, template_id, expires_at, state, wake_at, changed_at) VALUES {messages};
             INSERT INTO message_content (id, content) VALUES {contents}"
        ))
        .await;
        ids
    }

    /// Publishes the jobs of queued rows.
    pub(crate) async fn ring(&self, ids: &[MessageId], lane: Lane) {
        let (number, throughput) = (self.tenant.number, self.throughput);
        let rows = ids.iter().map(|id| Released {
            id: *id,
            number,
            lane,
            throughput,
        });
        self.publish(lane, job::cut(rows).iter().map(job::Job::encode)).await;
    }

    /// Publishes bodies as jobs of a lane.
    pub(crate) async fn publish(&self, lane: Lane, bodies: impl IntoIterator<Item = Vec<u8>>) {
        let outgoing = |body| {
            let id = uuid::Uuid::new_v4().to_string();
            Outgoing::new(&self.topology.exchanges.send, lane.as_str(), id, body)
        };
        let published = self.publisher.publish(bodies.into_iter().map(outgoing).collect()).await;
        assert!(published.iter().all(|one| one.is_confirmed()), "{published:?}");
    }

    /// What a scheduler would do: queues parked rows that are due, and rings for them.
    pub(crate) async fn release_due(&self) {
        self.release("wake_at <= clock_timestamp()").await;
    }

    /// The same for parked rows of which this SQL is true.
    pub(crate) async fn release(&self, which: &str) {
        let due = self
            .rows(&format!(
                "SELECT id FROM message WHERE state = 10 AND {which} ORDER BY wake_at"
            ))
            .await;
        let ids: Vec<MessageId> = due
            .iter()
            .map(|row| row["id"].as_str().unwrap().parse().unwrap())
            .collect();
        for id in &ids {
            self.run(&format!(
                "UPDATE message SET state = 20 WHERE id = '{id}' AND state = 10"
            ))
            .await;
        }
        self.ring(&ids, Lane::Bulk).await;
    }

    pub(crate) async fn now(&self) -> DateTime<Utc> {
        self.database.store.clock().await.unwrap().at()
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.database.store.raw(sql).await.unwrap();
    }

    pub(crate) async fn rows(&self, sql: &str) -> Vec<Value> {
        self.database.store.raw(sql).await.unwrap()
    }

    pub(crate) async fn row(&self, id: MessageId) -> Value {
        self.rows(&format!("SELECT * FROM message WHERE id = '{id}'"))
            .await
            .remove(0)
    }

    /// How many rows there are of each state and reason, as in `50` or `10 tier_limit`.
    pub(crate) async fn states(&self) -> BTreeMap<String, i64> {
        let sql = "SELECT concat_ws(' ', state, reason) AS state, count(*) AS n FROM message GROUP BY 1";
        let rows = self.rows(sql).await;
        rows.iter()
            .map(|row| (row["state"].as_str().unwrap().to_owned(), row["n"].as_i64().unwrap()))
            .collect()
    }

    /// Waits until the rows are exactly in these states. Rows whose slot had passed before their POST could begin, as happens on a
    /// busy machine, go on as a scheduler would let them; so do rows that got the room which such a row gave back.
    pub(crate) async fn until_states<const N: usize>(&self, expected: [(&str, i64); N]) {
        let expected: BTreeMap<String, i64> = expected.map(|(state, n)| (state.to_owned(), n)).into();
        let last = std::cell::RefCell::new(BTreeMap::new());
        let settled = until(SOON, "the expected states", async || {
            self.release("(reason IS NULL OR (reason = 'tier_limit' AND wake_at <= clock_timestamp()))")
                .await;
            let states = self.states().await;
            *last.borrow_mut() = states.clone();
            (states == expected).then_some(())
        });
        let settled = std::panic::AssertUnwindSafe(settled);
        if futures_util::FutureExt::catch_unwind(settled).await.is_err() {
            panic!("the rows ended as {:?}, expected {expected:?}", last.borrow());
        }
    }

    /// Waits until a queue is empty of what is ready. What is out unsettled does not count, so stop the senders first.
    pub(crate) async fn depth(&self, queue: &str) -> u32 {
        self.admin.queue_depth(queue).await.unwrap().unwrap().ready
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Checks the referee's verdict and cleans up.
    pub(crate) async fn finish(self) {
        let report = self.meta.report();
        assert!(report.ok, "{:?}", report.violations);
        self.admin.delete(&self.topology).await.unwrap();
        self.publishing.drain(SOON).await;
        self.meta.shutdown().await;
    }
}
