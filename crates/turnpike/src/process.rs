//! The life of a process that runs roles: configure, connect, start, serve until asked to stop, drain.
//!
//! **Invariant:** the exit code tells the truth. Success means that a stop was asked for and everything in hand was finished.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use broker::{Address, Publisher, PublisherDriver, Topology};
use runtime::config::{Admin, Amqp, Database, Log, Otlp, SecretKey};
use runtime::health::{self, Health};
use runtime::{Clock, Drained, Shutdown, Supervisor, telemetry};
use secrecy::ExposeSecret as _;
use store::Store;
use tracing::{error, info, warn};

use crate::exit::Exit;
use crate::roles::{self, Role};
use crate::spans::Collector;
use crate::{settings, vitals};

/// How long everything in hand may take to be finished after SIGTERM: the longest POST, and what follows it.
const GRACE: Duration = Duration::from_secs(60);
/// How long the publisher may take after that; a publish gives up after 5 s.
const LAST_PUBLISH: Duration = Duration::from_secs(6);
/// Between two looks at whether everything is up, at start only.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Whether to bring the schema up to date before starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Migrate {
    First,
    No,
}

/// What all roles of a process share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) key: SecretKey,
    pub(crate) address: Address,
    pub(crate) topology: Topology,
    pub(crate) publisher: Publisher,
    pub(crate) clock: Clock,
    pub(crate) shutdown: Shutdown,
    pub(crate) health: Health,
}

/// Runs these roles until a signal, or until one of them breaks.
pub(crate) async fn run(wanted: &[Role], migrate: Migrate) -> Result<Exit> {
    let (common, own) = settings::read(|reader| {
        let common = Common::read(reader);
        let own: Vec<_> = wanted.iter().map(|role| role.read(reader)).collect();
        Some((common?, own.into_iter().collect::<Option<Vec<_>>>()?))
    })?;
    telemetry::init(&common.log)?;
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("listening for signals")?;
    let clock = Clock::system();
    let collector = common.collector(wanted)?;
    let store = common.store(wanted)?;
    tokio::select! {
        prepared = prepare(&store, migrate, &clock) => prepared?,
        () = shutdown.requested() => return Ok(Exit::Done),
    }

    let roles_here: Vec<&str> = wanted.iter().map(|role| role.name()).collect();
    telemetry::catalog::begin(&roles_here);
    let health = Health::new();
    let admin = common.admin.addr;
    let addr = health::serve(admin, health.clone(), &shutdown)
        .await
        .with_context(|| format!("serving health and metrics at {admin}; choose another TURNPIKE_ADMIN_ADDR"))?;
    info!(
        admin.url = format!("http://{addr}"),
        "health and metrics are at http://{addr}"
    );

    let address = Address::parse(common.amqp.url.expose_secret()).context("reading TURNPIKE_AMQP_URL")?;
    let topology = Topology::new(&common.amqp.prefix);
    // It outlives the roles, which publish until their last moment.
    let backstage = Shutdown::new();
    let (publisher, driver) = Publisher::new();
    if wanted.iter().any(|role| role.publishes()) {
        let mut supervisor = Supervisor::new("publisher");
        if !wanted.contains(&Role::Ingest) {
            // Ingest goes on without a broker: what it takes in is safe, and the scheduler rings for it later.
            supervisor = supervisor.probe(health.probe("publisher"));
        }
        keep_publishing(driver, supervisor, &backstage, &address, &topology);
    }
    let shared = Shared {
        store,
        key: common.key,
        address,
        topology,
        publisher,
        clock,
        shutdown: shutdown.clone(),
        health: health.clone(),
    };
    if let Some(collector) = collector {
        // Backstage, so that the last spans of the drain go too.
        if let Some(taken) = telemetry::traces::collect() {
            backstage.spawn("spans", collector.run(taken, backstage.clone()));
        }
    }
    let publishes = wanted.iter().any(|role| role.publishes());
    shutdown.spawn(
        "vitals",
        vitals::watch(
            shared.store.clone(),
            publishes.then(|| shared.publisher.clone()),
            health.probe("database"),
            shutdown.clone(),
        ),
    );
    for role in wanted {
        // Until the role's task says more, or the process would look ready while it has not even begun.
        health.probe(role.probe());
    }
    for settings in own {
        if let Err(error) = roles::start(settings, &shared).await {
            // Roles that were started before it end in order too.
            shutdown.drain(GRACE).await;
            backstage.drain(LAST_PUBLISH).await;
            return Err(error);
        }
    }
    let stop = async {
        tokio::select! {
            () = shutdown.requested() => {}
            // The publisher broke.
            () = backstage.requested() => {}
        }
    };
    let announced = async {
        everything_is_up(&health).await;
        info!("ready: {} up", names(wanted));
        std::future::pending().await
    };
    tokio::select! {
        () = stop => {}
        () = announced => {}
    }
    let exit = drain(&shutdown, &backstage).await;
    // Not before: a publisher's driver has nothing to live for when the last publisher is gone.
    drop(shared);
    Ok(exit)
}

/// What every role needs from the environment.
struct Common {
    log: Log,
    admin: Admin,
    database: Database,
    amqp: Amqp,
    key: SecretKey,
    otlp: Otlp,
}

impl Common {
    fn read(reader: &mut runtime::config::Reader) -> Option<Self> {
        let (database, amqp) = (Database::from_env(reader), Amqp::from_env(reader));
        let key = SecretKey::from_env(reader);
        let otlp = Otlp::from_env(reader);
        let (admin, log) = (Admin::from_env(reader), Log::from_env(reader));
        Some(Self {
            log: log?,
            admin: admin?,
            database: database?,
            amqp: amqp?,
            key: key?,
            otlp: otlp?,
        })
    }

    /// Where spans go, if anywhere.
    fn collector(&self, wanted: &[Role]) -> Result<Option<Collector>> {
        let name = match wanted {
            [role] => role.name(),
            _ => "run",
        };
        self.otlp
            .url
            .as_deref()
            .map(|url| Collector::new(url, name))
            .transpose()
    }

    /// One pool for all roles of the process.
    fn store(&self, wanted: &[Role]) -> Result<Store> {
        let connections = wanted.iter().map(|role| role.connections()).sum::<usize>().min(20);
        let name = match wanted {
            [role] => role.application(),
            _ => "turnpike run",
        };
        settings::store(&self.database, &self.key, connections, name)
    }
}

/// Makes sure of the schema: a role must not find out in the middle of its work.
async fn prepare(store: &Store, migrate: Migrate, clock: &Clock) -> Result<()> {
    if migrate == Migrate::First {
        let migrated = store.migrate(clock.now()).await?;
        let applied = migrated.applied.len();
        info!(
            applied,
            "the schema is up to date, {applied} migrations were applied now"
        );
        return Ok(());
    }
    let missing = store.missing_migrations().await?;
    if !missing.is_empty() {
        bail!(
            "the database schema lacks {}; run `turnpike migrate` first",
            missing.join(", ")
        );
    }
    Ok(())
}

/// Runs the process's one way to publish until the backstage is closed.
fn keep_publishing(
    driver: PublisherDriver,
    supervisor: Supervisor,
    backstage: &Shutdown,
    address: &Address,
    topology: &Topology,
) {
    let (address, topology, stopping) = (address.clone(), topology.clone(), backstage.clone());
    backstage.spawn("publisher", async move {
        let session = |healthy: runtime::Healthy| {
            let (driver, address, topology) = (driver.clone(), address.clone(), topology.clone());
            let stop = stopping.child_token();
            async move { driver.session(&address, &topology, &stop, || healthy.mark()).await }
        };
        supervisor.run(&stopping, session).await;
    });
}

async fn everything_is_up(health: &Health) {
    while !health.is_ready() {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Roles first, then the publisher they used.
async fn drain(shutdown: &Shutdown, backstage: &Shutdown) -> Exit {
    let drained = shutdown.drain(GRACE).await;
    backstage.drain(LAST_PUBLISH).await;
    let failure = shutdown.failure().or_else(|| backstage.failure());
    let exit = verdict(&drained, failure);
    match (exit, drained) {
        (Exit::Broken, _) => error!("stopped because a part broke: {}", failure.unwrap_or_default()),
        (_, Drained::TimedOut { unfinished }) => {
            let (left, waited) = (unfinished.join(", "), GRACE.as_secs());
            warn!("stopped with work unfinished after {waited} s: {left}; other replicas take it over");
        }
        (_, Drained::Clean) => info!("stopped, everything in hand was finished"),
    }
    exit
}

/// A broken part is the cause of whatever was left unfinished.
fn verdict(drained: &Drained, failure: Option<&str>) -> Exit {
    match (drained, failure) {
        (_, Some(_)) => Exit::Broken,
        (Drained::TimedOut { .. }, None) => Exit::Unfinished,
        (Drained::Clean, None) => Exit::Done,
    }
}

fn names(wanted: &[Role]) -> String {
    wanted.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_is_only_what_was_asked_for_and_finished() {
        let unfinished = Drained::TimedOut {
            unfinished: vec!["sender".to_owned()],
        };

        assert_eq!(verdict(&Drained::Clean, None), Exit::Done);
        assert_eq!(verdict(&unfinished, None), Exit::Unfinished);
        assert_eq!(verdict(&Drained::Clean, Some("it panicked")), Exit::Broken);
        assert_eq!(verdict(&unfinished, Some("it panicked")), Exit::Broken);
    }

    #[tokio::test]
    async fn a_part_that_breaks_is_not_a_success() {
        let (shutdown, backstage) = (Shutdown::new(), Shutdown::new());
        backstage.spawn("publisher", async { panic!("gone") });
        backstage.requested().await;

        assert_eq!(drain(&shutdown, &backstage).await, Exit::Broken);
    }
}
