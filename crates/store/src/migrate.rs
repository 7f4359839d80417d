//! Brings the schema up to date. The migrations are part of the executable, so program and schema cannot be mixed up.

use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Error, Store};

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// Any number that nobody else uses for an advisory lock in this database: `turnpike` in letters of the telephone keypad.
const LOCK: i64 = 88_767_453;
/// Days of partitions that are made ahead; the scheduler keeps them coming.
const DAYS_AHEAD: i64 = 7;

/// What [`Store::migrate`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// Names of the migrations that were applied now, in order.
    pub applied: Vec<String>,
    /// Partition tables that were made now.
    pub partitions: i32,
}

/// A number for the migrations of this executable: another one whenever any of them differs.
pub fn migrations_fingerprint() -> u64 {
    let mut hasher = DefaultHasher::new();
    for migration in embedded::migrations::runner().get_migrations() {
        (migration.version(), migration.name(), migration.checksum()).hash(&mut hasher);
    }
    hasher.finish()
}

impl Store {
    /// Applies what is missing and makes the partitions of the days ahead. Safe to run from many processes at once: they queue up
    /// behind one lock, and those that come later find nothing to do.
    pub async fn migrate(&self, now: DateTime<Utc>) -> Result<Migrated, Error> {
        let mut client = self.client().await?;
        let doing = "waiting for another migration to end";
        client
            .batch_execute(&format!(
                "SET lock_timeout = 0; SET statement_timeout = 0; SELECT pg_advisory_lock({LOCK})"
            ))
            .await
            .map_err(Error::while_doing(doing))?;
        let report = embedded::migrations::runner().run_async(&mut **client.as_mut()).await;
        let unlocked = client
            .batch_execute(&format!(
                "SELECT pg_advisory_unlock({LOCK}); RESET lock_timeout; RESET statement_timeout"
            ))
            .await;
        let report = report.map_err(|error| Error::Migrate(Box::new(error)))?;
        unlocked.map_err(Error::while_doing("ending the migration"))?;
        drop(client);
        let partitions = self.ensure_partitions(now).await?;
        let applied = report
            .applied_migrations()
            .iter()
            .map(|migration| format!("V{:04} {}", migration.version(), migration.name()))
            .collect();
        Ok(Migrated { applied, partitions })
    }

    /// Makes the partitions from yesterday (clocks differ) to a week ahead where they are missing; says how many tables it made.
    pub async fn ensure_partitions(&self, now: DateTime<Utc>) -> Result<i32, Error> {
        let today = now.date_naive();
        let client = self.client().await?;
        let row = client
            .query_one(
                "SELECT ensure_partitions($1, $2)",
                &[&(today - TimeDelta::days(1)), &(today + TimeDelta::days(DAYS_AHEAD))],
            )
            .await
            .map_err(Error::while_doing("making partitions ahead"))?;
        Ok(row.get(0))
    }

    /// Migrations of this executable that the database does not have yet; empty when it is up to date.
    pub async fn missing_migrations(&self) -> Result<Vec<String>, Error> {
        let client = self.client().await?;
        let known = client
            .query("SELECT version FROM refinery_schema_history", &[])
            .await
            .or_else(|error| match error.code() {
                Some(&tokio_postgres::error::SqlState::UNDEFINED_TABLE) => Ok(Vec::new()),
                _ => Err(error),
            })
            .map_err(Error::while_doing("reading which migrations were applied"))?;
        let known: Vec<i32> = known.into_iter().map(|row| row.get(0)).collect();
        let runner = embedded::migrations::runner();
        let all = runner.get_migrations().iter();
        Ok(all
            .filter(|m| !known.contains(&m.version()))
            .map(|m| format!("V{:04} {}", m.version(), m.name()))
            .collect())
    }
}
