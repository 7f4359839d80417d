//! A private PostgreSQL for throw-away data.
//!
//! Tuned for tests, but a commit means here what it means in production: it survives a crash of the server
//! (`synchronous_commit` stays on). Only a power cut would tell the difference (`fsync` is off).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::folder::Folder;
use super::private::{Additional, Server};
use super::process::Process;
use super::{answers, ports, process};

/// The superuser's name.
const USER: &str = "turnpike";

/// How long a start may take: crash recovery on a busy machine included.
const START: Duration = Duration::from_secs(180);

/// How long a stop may take before the server is killed.
const STOP: Duration = Duration::from_secs(20);

/// An additional PostgreSQL for a test that stops or kills it; gone when this is dropped.
#[derive(Debug)]
pub struct PrivatePostgres {
    /// `postgres://…/postgres` for a superuser. Stays the same over restarts.
    pub database_url: String,
    additional: Additional<Cluster>,
}

impl PrivatePostgres {
    /// Starts one; `name` helps to recognize its folder. Blocks for a second or two.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start.
    pub fn start(name: &str) -> Result<PrivatePostgres> {
        let additional = Additional::<Cluster>::start(name)?;
        Ok(PrivatePostgres {
            database_url: additional.server.url("postgres"),
            additional,
        })
    }

    /// Id of its first process, the parent of all others; of the last start, should it not run.
    pub fn process_id(&self) -> Option<u32> {
        self.additional.server.process.as_ref().map(Process::id)
    }

    /// What it logs. Gone with it.
    pub fn log_path(&self) -> PathBuf {
        self.additional.folder.log_path()
    }

    /// The URL of the database `name`, created when missing.
    ///
    /// # Errors
    /// When PostgreSQL refuses, or is not running.
    pub fn database(&self, name: &str) -> Result<String> {
        self.additional.server.create_database(name)?;
        Ok(self.additional.server.url(name))
    }

    /// Stops it as an operator does (fast: sessions are ended, data written) and starts it again.
    ///
    /// # Errors
    /// When it does not stop or start.
    pub fn restart_fast(&mut self) -> Result<()> {
        self.additional.server.end(Signal::SIGINT)?;
        self.start_again()
    }

    /// Crashes it: every process ends at once, nothing is written; the next start has to recover from the log.
    ///
    /// # Errors
    /// When it does not end.
    pub fn kill(&mut self) -> Result<()> {
        // To the first process this is "crash now, and take all sessions along". A SIGKILL would leave the sessions
        // running on their own for a while.
        self.additional.server.end(Signal::SIGQUIT)
    }

    /// Starts it after [`PrivatePostgres::kill`], with the same data on the same port.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_again(&mut self) -> Result<()> {
        self.additional.start_again()
    }
}

/// One data folder and the server on it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Cluster {
    port: u16,
    password: String,
    process: Option<Process>,
}

impl Cluster {
    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Creates the database `name` unless it exists.
    pub(super) fn create_database(&self, name: &str) -> Result<()> {
        let mut create = Command::new(binaries()?.join("createdb"));
        create
            .env("PGPASSWORD", &self.password)
            .args(["--host=127.0.0.1", "--username", USER, "--port"]);
        let output = create
            .arg(self.port.to_string())
            .arg(name)
            .output()
            .context("starting createdb")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        let exists = complaint.contains("already exists");
        ensure!(
            output.status.success() || exists,
            "creating the database {name}: {complaint}"
        );
        Ok(())
    }

    fn end(&self, signal: Signal) -> Result<()> {
        self.process
            .as_ref()
            .map_or(Ok(()), |process| process.end(signal, STOP))
    }
}

impl Server for Cluster {
    const NAME: &'static str = "PostgreSQL";

    fn create(folder: &Folder) -> Result<Cluster> {
        let binaries = binaries()?;
        let account = Account::for_server("postgres")?;
        folder.create(&account)?;
        let cluster = Cluster {
            port: ports::free()?,
            password: password(),
            process: None,
        };
        let password_file = folder.path().join("password");
        fs::write(&password_file, &cluster.password).context("writing the password for initdb")?;
        account.take_over(&password_file)?;
        let output = account
            .command(binaries.join("initdb"))
            .args([
                "--auth=password",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--username",
                USER,
            ])
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(folder.data())
            .current_dir(folder.data())
            .output()
            .context("starting initdb")?;
        ensure!(
            output.status.success(),
            "initdb failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        fs::remove_file(&password_file).context("removing the password's file")?;
        let settings = settings(cluster.port, &binaries);
        fs::write(folder.data().join("postgresql.auto.conf"), settings).context("writing PostgreSQL's settings")?;
        Ok(cluster)
    }

    fn start(&mut self, folder: &Folder) -> Result<()> {
        let mut command = Account::for_server("postgres")?.command(binaries()?.join("postgres"));
        command.arg("-D").arg(folder.data()).current_dir(folder.data());
        let started = process::start(command, folder, &folder.data().to_string_lossy())?;
        self.process = Some(started.process.clone());
        folder.save(self)?;
        started.wait_until(START, folder, || answers::postgres(self.port))
    }

    fn is_alive(&self) -> bool {
        self.process.as_ref().is_some_and(Process::is_alive)
    }

    fn is_ready(&self) -> bool {
        self.is_alive() && answers::postgres(self.port)
    }

    fn discard(&self) -> Result<()> {
        self.end(Signal::SIGQUIT)
    }
}

/// Loopback is shared by all users of the machine, and a superuser of PostgreSQL may run programs: hence a password.
fn password() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

fn settings(port: u16, binaries: &Path) -> String {
    let mut settings = format!(
        "listen_addresses = '127.0.0.1'\n\
         port = {port}\n\
         unix_socket_directories = ''\n\
         max_connections = 400\n\
         shared_buffers = '256MB'\n\
         synchronous_commit = on\n\
         fsync = off\n\
         full_page_writes = off\n\
         max_wal_size = '4GB'\n\
         checkpoint_timeout = '30min'\n\
         log_checkpoints = off\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n\
         log_line_prefix = '%m [%p] %d '\n"
    );
    if has_statement_statistics(binaries) {
        settings.push_str("shared_preload_libraries = 'pg_stat_statements'\n");
    }
    settings
}

/// Some distributions put PostgreSQL's extensions in a package of their own.
fn has_statement_statistics(binaries: &Path) -> bool {
    let Ok(output) = Command::new(binaries.join("pg_config")).arg("--pkglibdir").output() else {
        return false;
    };
    let libraries = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    ["so", "dylib"]
        .iter()
        .any(|ending| libraries.join("pg_stat_statements").with_extension(ending).exists())
}

/// The folder of the newest installed PostgreSQL's programs.
///
/// # Errors
/// When there is none.
pub(super) fn binaries() -> Result<PathBuf> {
    let packages = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/usr"];
    let mut found: Vec<(u32, PathBuf)> = packages
        .iter()
        .flat_map(|packages| fs::read_dir(packages).into_iter().flatten().flatten())
        .filter_map(|entry| Some((version(entry.file_name().to_str()?)?, entry.path().join("bin"))))
        .filter(|(_, folder)| is_complete(folder))
        .collect();
    found.sort();
    if let Some((_, newest)) = found.pop() {
        return Ok(newest);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find(|folder| is_complete(folder));
    on_path.context("PostgreSQL is not installed: no initdb and postgres found")
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "postgres", "createdb"]
        .iter()
        .all(|program| folder.join(program).exists())
}

/// The major version in a folder's name: `15` (Debian), `pgsql-16` (PostgreSQL's own packages), `postgresql@17`.
fn version(name: &str) -> Option<u32> {
    let digits = ["pgsql-", "postgresql@"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(url: &str, statement: &str) -> Result<String> {
        let psql = binaries()?.join("psql");
        let output = Command::new(psql).args(["-XAtq", url, "-c", statement]).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    #[test]
    fn what_was_committed_survives_a_crash_and_a_restart() {
        let mut postgres = PrivatePostgres::start("crash").unwrap();
        let url = postgres.database("example").unwrap();
        sql(&url, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (41)").unwrap();

        postgres.kill().unwrap();
        assert!(sql(&url, "SELECT 1").is_err(), "it still answers");
        postgres.start_again().unwrap();
        sql(&url, "UPDATE kept SET n = n + 1").unwrap();
        postgres.restart_fast().unwrap();

        assert_eq!(sql(&url, "SELECT n FROM kept").unwrap(), "42");
    }

    #[test]
    fn only_who_knows_the_password_gets_in() {
        let postgres = PrivatePostgres::start("password").unwrap();
        let password = &postgres.additional.server.password;

        assert_eq!(sql(&postgres.database_url, "SHOW synchronous_commit").unwrap(), "on");
        assert!(sql(&postgres.database_url.replace(password, "guessed"), "SELECT 1").is_err());
    }

    #[test]
    fn the_version_is_read_from_every_known_kind_of_folder() {
        assert_eq!(version("15"), Some(15));
        assert_eq!(version("pgsql-16"), Some(16));
        assert_eq!(version("postgresql@17"), Some(17));
        assert_eq!(version("share"), None);
    }
}
