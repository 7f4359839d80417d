//! What every test needs: a database and a broker prefix of its own, tenants, and a notifier.

use std::time::Duration;

use broker::{Address, Admin, Publisher, Topology};
use notifier::{Notifier, Options, Pass};
use runtime::{Drained, Shutdown};
use serde_json::Value;
use testkit::database::{self, TestDatabase};
use testkit::seed::{self, Choice, Tenant};
use testkit::{Turn, until};
use uuid::Uuid;

/// Longest wait for anything that servers do at once.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) topology: Topology,
    pub(crate) tenant: Tenant,
    pub(crate) address: Address,
    pub(crate) admin: Admin,
    publisher: Publisher,
    shutdown: Shutdown,
    _turn: Turn,
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
        let tenant = seed::tenant(&database.store, &Choice::default()).await;
        // What was told of the tenant itself is another story.
        database.store.raw("TRUNCATE event").await.unwrap();
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
            topology,
            tenant,
            address,
            admin,
            publisher,
            shutdown,
            _turn: turn,
        }
    }

    pub(crate) async fn finish(self) {
        assert_eq!(self.shutdown.drain(SOON).await, Drained::Clean);
        self.admin.delete(&self.topology).await.unwrap();
        self.admin.close().await.unwrap();
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.database.store.raw(sql).await.unwrap();
    }

    pub(crate) async fn rows(&self, sql: &str) -> Vec<Value> {
        self.database.store.raw(sql).await.unwrap()
    }

    pub(crate) fn notifier(&self) -> Notifier {
        self.notifier_with(Options::default())
    }

    pub(crate) fn notifier_with(&self, options: Options) -> Notifier {
        Notifier::new(
            self.database.store.clone(),
            self.publisher.clone(),
            &self.topology,
            options,
        )
    }

    /// Passes until one finds nothing to tell; what they did together.
    pub(crate) async fn tell_all(&self) -> Pass {
        let (notifier, mut sum) = (self.notifier(), Pass::default());
        loop {
            let pass = notifier.run_once().await.unwrap();
            if pass.is_empty() {
                return sum;
            }
            sum.numbered += pass.numbered;
            sum.told += pass.told;
            sum.unheard += pass.unheard;
            sum.unconfirmed += pass.unconfirmed;
        }
    }
}

/// A publisher whose sessions are supervised until the shutdown.
pub(crate) fn publisher(address: &Address, topology: &Topology, shutdown: &Shutdown) -> Publisher {
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
