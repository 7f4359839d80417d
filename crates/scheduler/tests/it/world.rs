//! What every test needs: a database and a broker prefix of its own, numbers, messages, and a look at what became of them.

use std::collections::BTreeMap;
use std::time::Duration;

use broker::{Address, Admin, Connection, Publisher, Topology};
use chrono::{DateTime, Utc};
use domain::job::Job;
use domain::{Lane, MessageId, NumberId, State};
use runtime::{Clock, Drained, Shutdown};
use scheduler::{Broadcasts, Campaigns, Filler, Holds, Leases, Options, Releaser, Ringer, Upkeep};
use serde_json::Value;
use store::Store;
use testkit::database::{self, TestDatabase};
use testkit::seed::{self, Choice};
use testkit::{Turn, until};
use uuid::Uuid;

/// Longest wait for anything that servers do at once.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) address: Address,
    pub(crate) topology: Topology,
    pub(crate) admin: Admin,
    pub(crate) publisher: Publisher,
    pub(crate) options: Options,
    shutdown: Shutdown,
    _turn: Turn,
}

/// A message as it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) id: MessageId,
    pub(crate) number: NumberId,
    pub(crate) lane: Lane,
    pub(crate) state: State,
    pub(crate) attempt: i64,
    pub(crate) rings: i64,
    pub(crate) failures: i64,
    pub(crate) reason: Option<String>,
    pub(crate) flow: Option<Uuid>,
    pub(crate) wakes_in: Option<f64>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::in_turn(testkit::shared).await
    }

    /// Nothing else runs meanwhile.
    pub(crate) async fn alone() -> Self {
        Self::in_turn(testkit::exclusive).await
    }

    async fn in_turn(turn: fn() -> Turn) -> Self {
        let turn = tokio::task::spawn_blocking(turn).await.unwrap();
        let database = database::fresh().await;
        database.store.raw(include_str!("world.sql")).await.unwrap();
        let address = Address::parse(&database.amqp_url).unwrap();
        let topology = Topology::new(&format!("test-{}", Uuid::now_v7().simple()));
        let admin = Admin::open(&address).await.unwrap();
        admin.declare(&topology).await.unwrap();
        let shutdown = Shutdown::new();
        let publisher = publisher(&address, &topology, &shutdown);
        until(SOON, "a connected publisher", async || {
            publisher.is_connected().then_some(())
        })
        .await;
        Self {
            database,
            address,
            topology,
            admin,
            publisher,
            options: Options::default(),
            shutdown,
            _turn: turn,
        }
    }

    pub(crate) async fn finish(self) {
        assert_eq!(self.shutdown.drain(SOON).await, Drained::Clean);
        self.admin.delete(&self.topology).await.unwrap();
        self.admin.close().await.unwrap();
    }

    pub(crate) fn store(&self) -> &Store {
        &self.database.store
    }

    /// A number of a tenant of its own, with so many messages per second.
    pub(crate) async fn number(&self, place: u8, throughput: u32) -> NumberId {
        let choice = Choice {
            place,
            throughput,
            ..Choice::default()
        };
        seed::tenant(self.store(), &choice).await.number
    }

    /// Another number of the same account.
    pub(crate) async fn second_number(&self) -> NumberId {
        let made = self.store().raw(include_str!("second_number.sql")).await;
        made.unwrap();
        let row = &self
            .store()
            .raw("SELECT max(id) AS id FROM sender_number")
            .await
            .unwrap()[0];
        NumberId(row["id"].as_i64().unwrap())
    }

    /// Sets the ledger's clock, which then stands still.
    pub(crate) async fn set_clock(&self, at: DateTime<Utc>) {
        let at = at.to_rfc3339();
        self.run(&format!("CALL set_clock('{at}')")).await;
    }

    pub(crate) fn filler(&self) -> Filler {
        Filler::new(self.store().clone(), self.options)
    }

    pub(crate) fn broadcasts(&self) -> Broadcasts {
        Broadcasts::new(self.store().clone(), self.options)
    }

    pub(crate) fn campaigns(&self) -> Campaigns {
        Campaigns::new(self.store().clone(), self.options)
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.store().raw(sql).await.unwrap();
    }

    pub(crate) fn releaser(&self) -> Releaser {
        Releaser::new(
            self.store().clone(),
            self.publisher.clone(),
            &self.topology,
            self.options,
        )
    }

    pub(crate) fn ringer(&self) -> Ringer {
        Ringer::new(
            self.store().clone(),
            self.publisher.clone(),
            self.address.clone(),
            self.topology.clone(),
            self.options,
        )
    }

    pub(crate) fn leases(&self) -> Leases {
        Leases::new(self.store().clone(), self.options)
    }

    pub(crate) fn holds(&self) -> Holds {
        Holds::new(self.store().clone(), self.options)
    }

    pub(crate) fn upkeep(&self, clock: &Clock) -> Upkeep {
        Upkeep::new(self.store().clone(), clock.clone(), self.options)
    }

    pub(crate) async fn rows(&self) -> Vec<Row> {
        let rows = self.store().raw(include_str!("rows.sql")).await.unwrap();
        rows.iter().map(row).collect()
    }

    /// How many rows are in each state.
    pub(crate) async fn states(&self) -> BTreeMap<State, usize> {
        let mut states = BTreeMap::new();
        for row in self.rows().await {
            *states.entry(row.state).or_default() += 1;
        }
        states
    }

    /// How many rows of a flow were released.
    pub(crate) async fn progress(&self, flow: Uuid) -> usize {
        let rows = self.rows().await;
        rows.iter()
            .filter(|row| row.flow == Some(flow) && row.state != State::Parked)
            .count()
    }

    /// Takes everything out of a lane's queue, which holds this many messages.
    pub(crate) async fn take(&self, lane: Lane, messages: usize) -> Vec<Job> {
        let connection = Connection::open(&self.address, "test").await.unwrap();
        let queue = match lane {
            Lane::Rt => &self.topology.queues.rt,
            Lane::Bulk => &self.topology.queues.bulk,
        };
        let mut subscription = connection.consume(queue, 500).await.unwrap();
        let mut jobs: Vec<Job> = Vec::new();
        while jobs.iter().map(|job| job.ids.len()).sum::<usize>() < messages {
            let next = tokio::time::timeout(SOON, subscription.next()).await;
            let delivery = next.expect("a job comes soon").unwrap().unwrap();
            jobs.push(Job::decode(&delivery.body).unwrap());
            delivery.ack().await.unwrap();
        }
        connection.close().await.unwrap();
        jobs
    }

    pub(crate) async fn is_empty(&self, lane: Lane) -> bool {
        let queue = match lane {
            Lane::Rt => &self.topology.queues.rt,
            Lane::Bulk => &self.topology.queues.bulk,
        };
        self.admin.queue_depth(queue).await.unwrap().unwrap().ready == 0
    }
}

fn publisher(address: &Address, topology: &Topology, shutdown: &Shutdown) -> Publisher {
    let (publisher, driver) = Publisher::new();
    let (address, topology, supervised) = (address.clone(), topology.clone(), shutdown.clone());
    shutdown.spawn("publisher", async move {
        let stop = supervised.child_token();
        runtime::supervise("publisher", &supervised, |healthy| {
            let (driver, address, topology, stop) = (driver.clone(), address.clone(), topology.clone(), stop.clone());
            async move { driver.session(&address, &topology, &stop, || healthy.mark()).await }
        })
        .await;
    });
    publisher
}

fn row(value: &Value) -> Row {
    let code = |column: &str| i16::try_from(value[column].as_i64().unwrap()).unwrap();
    let uuid = |column: &str| value[column].as_str().map(|text| text.parse::<Uuid>().unwrap());
    Row {
        id: MessageId(uuid("id").unwrap()),
        number: NumberId(value["number"].as_i64().unwrap()),
        lane: Lane::from_code(code("lane")).unwrap(),
        state: State::from_code(code("state")).unwrap(),
        attempt: value["attempt"].as_i64().unwrap(),
        rings: value["rings"].as_i64().unwrap(),
        failures: value["failures"].as_i64().unwrap(),
        reason: value["reason"].as_str().map(str::to_owned),
        flow: uuid("flow"),
        wakes_in: value["wakes_in"].as_f64(),
    }
}
