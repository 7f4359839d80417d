//! The pool, and the handle that the rest of the system holds.

use std::str::FromStr;
use std::time::Duration;

use deadpool_postgres::{Client, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls_platform_verifier::BuilderVerifierExt;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Error, Vault};

/// How to connect.
#[derive(Debug, Clone)]
pub struct Options {
    /// `postgres://user:password@host:5432/database`; `?sslmode=require` for TLS against the operating system's certificates.
    pub url: SecretString,
    /// Connections at most. On a small machine about 20 over all roles is right.
    pub connections: usize,
    /// Shown in `pg_stat_activity`, as in `turnpike sender`.
    pub name: &'static str,
}

/// How a pool is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// At work.
    pub in_use: usize,
    /// Open and free.
    pub idle: usize,
    /// Callers that wait for one.
    pub waiting: usize,
    /// At most.
    pub most: usize,
}

/// A handle on the ledger. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    vault: Vault,
    place: String,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("pool", &self.pool.status())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Prepares the pool; connections are made when they are needed. `secret_key` opens what is sealed in the database.
    pub fn new(options: &Options, vault: Vault) -> Result<Self, Error> {
        let config = configure(options)?;
        let place = format!(
            "{:?} {:?} {}",
            config.get_hosts(),
            config.get_ports(),
            config.get_dbname().unwrap_or_default()
        );
        let manager_config = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = if config.get_ssl_mode() == SslMode::Require {
            Manager::from_config(config, tls(), manager_config)
        } else {
            Manager::from_config(config, NoTls, manager_config)
        };
        let pool = Pool::builder(manager)
            .max_size(options.connections)
            .wait_timeout(Some(Duration::from_secs(10)))
            .create_timeout(Some(Duration::from_secs(5)))
            .recycle_timeout(Some(Duration::from_secs(5)))
            .runtime(Runtime::Tokio1)
            .build()
            .expect("a runtime is set, which is all that a pool with timeouts needs");
        Ok(Self { pool, vault, place })
    }

    /// What seals and opens secrets.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Which ledger this is, without who asks: the same for every process of an installation that names it in the same words.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// How the pool is used right now.
    pub fn connections(&self) -> Connections {
        let status = self.pool.status();
        Connections {
            in_use: status.size.saturating_sub(status.available),
            idle: status.available,
            waiting: status.waiting,
            most: status.max_size,
        }
    }

    /// A connection of the pool.
    pub(crate) async fn client(&self) -> Result<Client, Error> {
        self.pool.get().await.map_err(|error| Error::Connect(Box::new(error)))
    }

    /// Whether the ledger answers.
    pub async fn ping(&self) -> Result<(), Error> {
        let client = self.client().await?;
        client
            .simple_query("SELECT 1")
            .await
            .map_err(Error::while_doing("asking PostgreSQL for a sign of life"))?;
        Ok(())
    }

    /// Runs any statements, for set-up and checks in tests and by hand; the rows of a SELECT come back as JSON objects. Never on the
    /// way of a message.
    pub async fn raw(&self, sql: &str) -> Result<Vec<serde_json::Value>, Error> {
        let client = self.client().await?;
        let doing = Error::while_doing("running a statement given by hand");
        let first_word = sql
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .find_map(|line| line.split_whitespace().next());
        if !first_word.is_some_and(|word| word.eq_ignore_ascii_case("select")) {
            client.batch_execute(sql).await.map_err(doing)?;
            return Ok(Vec::new());
        }
        let rows = client
            .query(&format!("SELECT to_jsonb(q) FROM ({sql}\n) q"), &[])
            .await
            .map_err(doing)?;
        Ok(rows.into_iter().map(|row| row.get(0)).collect())
    }
}

fn configure(options: &Options) -> Result<Config, Error> {
    let mut config = Config::from_str(options.url.expose_secret()).map_err(Error::Url)?;
    config.application_name(options.name);
    config.connect_timeout(Duration::from_secs(5));
    // A server that vanished without a word (power, network, a failover that moved its address) is noticed within a minute, whether
    // something was under way or not. Without these the system would go on trying for a quarter of an hour.
    config.keepalives_idle(Duration::from_secs(30));
    config.keepalives_interval(Duration::from_secs(10));
    config.tcp_user_timeout(Duration::from_secs(30));
    // A statement that hangs must not hold its locks for ever. Every statement of the hot path goes by index; right after midnight
    // the statistics of the new partitions say that they are empty, and a plan made then would scan them all day.
    let guard = "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=10s -c jit=off -c enable_seqscan=off";
    let given = config.get_options().map(|given| format!("{guard} {given}"));
    config.options(given.unwrap_or_else(|| guard.to_owned()));
    Ok(config)
}

fn tls() -> MakeRustlsConnect {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring offers the default protocol versions")
        .with_platform_verifier()
        .expect("the operating system's verifier takes ring's algorithms")
        .with_no_client_auth();
    MakeRustlsConnect::new(config)
}
