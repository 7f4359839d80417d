//! A migrated database of its own for every test, copied from a template that is made once per state of the migrations that this program has in it.

use std::fs::File;
use std::thread;

use anyhow::{Context, Result};
use data_encoding::BASE64;
use secrecy::SecretString;
use store::{Options, Store, Vault};

use crate::checkout;
use crate::servers::Servers;

/// The secret key of every test.
pub const SECRET_KEY: [u8; 32] = [7; 32];

/// [`SECRET_KEY`] as `TURNPIKE_SECRET_KEY` takes it.
pub fn secret_key() -> String {
    BASE64.encode(&SECRET_KEY)
}

/// A database that nobody else uses. Dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    /// As `TURNPIKE_DATABASE_URL` takes it.
    pub url: String,
    /// The same servers' broker.
    pub amqp_url: String,
    /// A handle on it.
    pub store: Store,
    name: String,
    admin_url: String,
}

/// A fresh, migrated database.
///
/// # Panics
/// When no server can be had, or it refuses.
pub async fn fresh() -> TestDatabase {
    make().await.expect("a database for the test")
}

/// As [`fresh`], on servers that the caller started.
///
/// # Errors
/// When PostgreSQL refuses.
pub async fn fresh_on(servers: &Servers) -> Result<TestDatabase> {
    let template = template(&servers.database_url).await?;
    let database = create(servers, &template).await?;
    // The template may be of yesterday.
    database.store.ensure_partitions(runtime::Clock::system().now()).await?;
    Ok(database)
}

/// An empty database on servers that the caller started.
///
/// # Errors
/// When PostgreSQL refuses.
pub async fn empty_on(servers: &Servers) -> Result<TestDatabase> {
    create(servers, "template0").await
}

/// A fresh, migrated database on another PostgreSQL, beside the shared broker: for tests that break their PostgreSQL.
///
/// # Errors
/// When one of the servers cannot be had, or refuses.
pub async fn fresh_beside(database_url: &str) -> Result<TestDatabase> {
    let shared = servers().await?;
    fresh_on(&Servers {
        database_url: database_url.to_owned(),
        ..shared
    })
    .await
}

/// An empty database, for tests of the migrations themselves.
///
/// # Panics
/// When no server can be had, or it refuses.
pub async fn empty() -> TestDatabase {
    let servers = servers().await.expect("servers for the test");
    create(&servers, "template0").await.expect("an empty database")
}

/// A store on a database of this URL, under [`SECRET_KEY`].
pub fn store(url: &str, connections: usize) -> Store {
    let options = Options {
        url: SecretString::from(url),
        connections,
        name: "turnpike test",
    };
    Store::new(&options, Vault::new(&SECRET_KEY)).expect("the servers' own URL")
}

impl TestDatabase {
    /// A handle for reading whole tables, which may take longer than the guard on statements allows.
    pub fn unhurried(&self) -> Store {
        let mark = if self.url.contains('?') { '&' } else { '?' };
        store(&format!("{}{mark}options=-c%20statement_timeout%3D0", self.url), 2)
    }
}

async fn servers() -> Result<Servers> {
    tokio::task::spawn_blocking(Servers::ensure)
        .await
        .context("starting servers")?
}

async fn make() -> Result<TestDatabase> {
    fresh_on(&servers().await?).await
}

async fn create(servers: &Servers, template: &str) -> Result<TestDatabase> {
    let name = format!("test_{}", uuid::Uuid::new_v4().simple());
    let admin = store(&servers.database_url, 1);
    admin
        .raw(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
        .await
        .context("copying the template database")?;
    let url = with_database(&servers.database_url, &name);
    Ok(TestDatabase {
        store: store(&url, 16),
        url,
        amqp_url: servers.amqp_url.clone(),
        name,
        admin_url: servers.database_url.clone(),
    })
}

/// The name of the migrated template, made when it is missing. A file lock keeps test programs apart.
async fn template(admin_url: &str) -> Result<String> {
    let name = format!("turnpike_template_{:016x}", store::migrations_fingerprint());

    let lock = checkout::target().join("template-database.lock");
    let lock = tokio::task::spawn_blocking(move || {
        let file = File::options().create(true).append(true).open(lock)?;
        file.lock().map(|()| file)
    })
    .await??;
    let admin = store(admin_url, 1);
    if admin
        .raw(&format!("SELECT 1 AS one FROM pg_database WHERE datname = '{name}'"))
        .await?
        .is_empty()
    {
        let half_made = format!("{name}_half_made");
        admin
            .raw(&format!("DROP DATABASE IF EXISTS {half_made} WITH (FORCE)"))
            .await?;
        admin.raw(&format!("CREATE DATABASE {half_made}")).await?;
        let made = store(&with_database(admin_url, &half_made), 2);
        made.migrate(runtime::Clock::system().now()).await?;
        drop(made);
        // Others may still be closing their connections to it; a rename needs it alone.
        admin
            .raw(&format!(
                "SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE datname = '{half_made}'"
            ))
            .await?;
        admin
            .raw(&format!("ALTER DATABASE {half_made} RENAME TO {name}"))
            .await?;
    }
    drop(lock);
    Ok(name)
}

/// The same server, another database.
fn with_database(url: &str, name: &str) -> String {
    let (before, after) = url
        .split_once('?')
        .map_or((url, None), |(before, after)| (before, Some(after)));
    let scheme = before.find("://").map_or(0, |at| at + 3);
    let server = before[scheme..].find('/').map_or(before, |at| &before[..scheme + at]);
    let query = after.map_or_else(String::new, |after| format!("?{after}"));
    format!("{server}/{name}{query}")
}

impl Drop for TestDatabase {
    /// A runtime of its own, because a test's runtime may be ending just now.
    fn drop(&mut self) {
        let (admin_url, name) = (self.admin_url.clone(), self.name.clone());
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            let dropped =
                runtime.block_on(store(&admin_url, 1).raw(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
            if let Err(error) = dropped {
                eprintln!("leaving the test database {name} behind: {error}");
            }
        });
        // A failed clean-up must not fail the test.
        let _ = dropping.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_url_is_replaced() {
        assert_eq!(with_database("postgres://u@h:1/postgres", "x"), "postgres://u@h:1/x");
        assert_eq!(with_database("postgres://u:p@h:1", "x"), "postgres://u:p@h:1/x");
        assert_eq!(
            with_database("postgres://h/a?sslmode=require", "x"),
            "postgres://h/x?sslmode=require"
        );
    }

    #[tokio::test]
    async fn an_unhurried_handle_has_no_guard_on_statements() {
        let database = fresh().await;

        let guard = database
            .unhurried()
            .raw("SELECT current_setting('statement_timeout') AS guard")
            .await
            .unwrap();

        assert_eq!(guard[0]["guard"], "0");
    }

    #[tokio::test]
    async fn two_tests_do_not_see_each_other() {
        let (one, two) = tokio::join!(fresh(), fresh());

        one.store
            .raw("INSERT INTO organization (slug, name) VALUES ('a', 'A')")
            .await
            .unwrap();

        assert_eq!(one.store.raw("SELECT slug FROM organization").await.unwrap().len(), 1);
        assert_eq!(two.store.raw("SELECT slug FROM organization").await.unwrap().len(), 0);
    }
}
