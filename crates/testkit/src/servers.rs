//! PostgreSQL and RabbitMQ for tests, the demo and `cargo xtask up`, on any machine.
//!
//! In this order: the servers that `TURNPIKE_DATABASE_URL` and `TURNPIKE_AMQP_URL` name; private ones started from
//! installed binaries; a running Docker engine with `deploy/compose.yaml`; the distribution's packages, installed first;
//! else an error with the exact commands. Private servers listen on loopback only, run as an unprivileged user and
//! outlive the process that started them; the next one finds them. Their data is thrown away with [`stop`].
//!
//! **Invariant:** only what this checkout started is ever stopped, by process id, after checking that the process still
//! carries this checkout's folder in its command line.

mod account;
mod answers;
mod docker;
mod folder;
mod home;
mod install;
mod ports;
pub mod postgres;
mod private;
mod process;
pub mod rabbitmq;

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use self::folder::Folder;
use self::home::Home;
use self::postgres::Cluster;
use self::private::Server;
use self::rabbitmq::Node;

/// Where the servers are.
#[derive(Debug, Clone)]
pub struct Servers {
    /// A PostgreSQL database to which a user with the right to create databases connects.
    pub database_url: String,
    /// RabbitMQ's default virtual host.
    pub amqp_url: String,
    /// This call started at least one of them: they were not running before.
    pub started: bool,
}

impl Servers {
    /// Finds the servers, starting (and where needed installing) what is missing. Blocks: milliseconds when they run,
    /// under 15 s when they have to be started. Safe from any number of threads and processes at once.
    ///
    /// # Errors
    /// When there is no way to get a server on this machine; the text holds the commands that make one.
    pub fn ensure() -> Result<Servers> {
        let (database_url, amqp_url) = (named("TURNPIKE_DATABASE_URL"), named("TURNPIKE_AMQP_URL"));
        if let (Some(database_url), Some(amqp_url)) = (&database_url, &amqp_url) {
            return Ok(Servers {
                database_url: database_url.clone(),
                amqp_url: amqp_url.clone(),
                started: false,
            });
        }
        let home = Home::of_this_checkout()?;
        let _lock = home.lock()?;
        let found = if installed(database_url.is_none(), amqp_url.is_none()) {
            private_ones(&home, database_url.is_none(), amqp_url.is_none())?
        } else if docker::engine_runs() {
            docker::up(&home)?
        } else {
            Servers::ensure_installed()?;
            private_ones(&home, database_url.is_none(), amqp_url.is_none())?
        };
        Ok(Servers {
            database_url: database_url.unwrap_or(found.database_url),
            amqp_url: amqp_url.unwrap_or(found.amqp_url),
            started: found.started,
        })
    }

    /// Installs the distribution's packages unless the binaries of both servers are already here. Starts nothing.
    ///
    /// # Errors
    /// When this is no Debian or Ubuntu, or neither root nor sudo is at hand; the text holds the commands to run.
    pub fn ensure_installed() -> Result<()> {
        if installed(true, true) {
            return Ok(());
        }
        install::packages()?;
        postgres::binaries().context("the packages are installed, but")?;
        rabbitmq::binaries()
            .context("the packages are installed, but")
            .map(drop)
    }

    /// The URL of the database `name` on the private PostgreSQL, created when missing; `None` when PostgreSQL is not
    /// private: making databases on servers that others gave us is not ours to do.
    ///
    /// # Errors
    /// When PostgreSQL refuses.
    pub fn database(&self, name: &str) -> Result<Option<String>> {
        let cluster = Home::of_this_checkout()?.postgres().load::<Cluster>();
        let Some(cluster) = cluster.filter(|cluster| cluster.url("postgres") == self.database_url) else {
            return Ok(None);
        };
        cluster.create_database(name)?;
        Ok(Some(cluster.url(name)))
    }
}

/// What [`status`] says about one private server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// `PostgreSQL` or `RabbitMQ`.
    pub name: &'static str,
    /// Its URL, when it runs and answers.
    pub url: Option<String>,
}

/// Looks which private servers of this checkout run and answer. Starts and stops nothing.
///
/// # Errors
/// When the servers' folder cannot be determined.
pub fn status() -> Result<Vec<Status>> {
    let home = Home::of_this_checkout()?;
    let postgres = private::running::<Cluster>(&home.postgres()).map(|cluster| cluster.url("postgres"));
    let rabbitmq = private::running::<Node>(&home.rabbitmq()).map(|node| node.url());
    Ok(vec![
        Status {
            name: "PostgreSQL",
            url: postgres,
        },
        Status {
            name: "RabbitMQ",
            url: rabbitmq,
        },
    ])
}

/// Stops this checkout's private servers, additional nodes whose owner is gone, and containers started by
/// [`Servers::ensure`]; removes their data. Servers named by environment variables are not touched. True when
/// anything was stopped.
///
/// # Errors
/// When a process does not end, or its folder cannot be removed.
pub fn stop() -> Result<bool> {
    let home = Home::of_this_checkout()?;
    let _lock = home.lock()?;
    private::sweep(&home)?;
    let (postgres, rabbitmq) = thread::scope(|scope| {
        let postgres = scope.spawn(|| private::stop::<Cluster>(&home.postgres()));
        let rabbitmq = private::stop::<Node>(&home.rabbitmq());
        (postgres.join().expect("stopping a server does not panic"), rabbitmq)
    });
    Ok(postgres? | rabbitmq? | docker::down(&home)?)
}

/// The value of an environment variable, unless it is absent or empty.
fn named(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|url| !url.is_empty())
}

fn installed(want_postgres: bool, want_rabbitmq: bool) -> bool {
    !(want_postgres && postgres::binaries().is_err() || want_rabbitmq && rabbitmq::binaries().is_err())
}

/// Finds or starts the private servers that are wanted, both at the same time.
fn private_ones(home: &Home, want_postgres: bool, want_rabbitmq: bool) -> Result<Servers> {
    private::sweep(home)?;
    let (postgres, rabbitmq) = thread::scope(|scope| {
        let postgres = scope.spawn(|| want_postgres.then(|| ensured::<Cluster>(&home.postgres())).transpose());
        let rabbitmq = want_rabbitmq.then(|| ensured::<Node>(&home.rabbitmq())).transpose();
        (postgres.join().expect("starting a server does not panic"), rabbitmq)
    });
    let (postgres, rabbitmq) = (postgres?, rabbitmq?);
    Ok(Servers {
        started: postgres.as_ref().is_some_and(|(_, new)| *new) || rabbitmq.as_ref().is_some_and(|(_, new)| *new),
        database_url: postgres.map(|(cluster, _)| cluster.url("postgres")).unwrap_or_default(),
        amqp_url: rabbitmq.map(|(node, _)| node.url()).unwrap_or_default(),
    })
}

/// The running server of `folder`, else a fresh one, and whether it is fresh.
fn ensured<S: Server>(folder: &Folder) -> Result<(S, bool)> {
    if let Some(server) = private::running_within(folder, Duration::from_secs(60)) {
        return Ok((server, false));
    }
    private::stop::<S>(folder)?; // hanging, or left over from before a reboot
    eprintln!("starting a private {} in {}", S::NAME, folder.path().display());
    Ok((private::fresh(folder)?, true))
}
