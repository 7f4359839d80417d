//! A private RabbitMQ node, without plugins, reachable from this machine only.
//!
//! Every node has a name and an `epmd` (Erlang's port mapper) of its own, so that checkouts side by side, and the
//! distribution's own node, never hear of each other.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs, thread};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::folder::Folder;
use super::private::{Additional, Server};
use super::process::Process;
use super::{answers, ports, process};

/// How long a start may take: about 5 s on two free cores, much longer on busy ones.
const START: Duration = Duration::from_secs(300);

/// How long a stop may take before the node is killed.
const STOP: Duration = Duration::from_secs(30);

/// An additional RabbitMQ for a test that stops or kills it; gone when this is dropped.
#[derive(Debug)]
pub struct PrivateRabbit {
    /// The default virtual host. Stays the same over restarts.
    pub amqp_url: String,
    additional: Additional<Node>,
}

impl PrivateRabbit {
    /// Starts one; `name` helps to recognize its folder. Blocks for some seconds.
    ///
    /// # Errors
    /// When RabbitMQ is not installed, or does not start.
    pub fn start(name: &str) -> Result<PrivateRabbit> {
        let additional = Additional::<Node>::start(name)?;
        Ok(PrivateRabbit {
            amqp_url: additional.server.url(),
            additional,
        })
    }

    /// Id of its process; of the last start, should it not run.
    pub fn process_id(&self) -> Option<u32> {
        self.additional.server.process.as_ref().map(Process::id)
    }

    /// Stops it as an operator does and starts it again with the same durable data on the same port.
    ///
    /// # Errors
    /// When it does not stop or start.
    pub fn restart(&mut self) -> Result<()> {
        self.additional.server.end(Signal::SIGTERM)?;
        self.start_again()
    }

    /// Lets it run short of memory: it takes nothing any more from whoever publishes, until [`has_memory`](Self::has_memory).
    ///
    /// # Errors
    /// When it does not obey.
    pub fn runs_out_of_memory(&self) -> Result<()> {
        self.control(&["set_vm_memory_high_watermark", "absolute", "1024"])
    }

    /// Gives it its memory back.
    ///
    /// # Errors
    /// When it does not obey.
    pub fn has_memory(&self) -> Result<()> {
        self.control(&["set_vm_memory_high_watermark", "0.4"])
    }

    fn control(&self, arguments: &[&str]) -> Result<()> {
        let program = binaries()?.server.with_file_name("rabbitmqctl");
        let output = self
            .additional
            .server
            .command(&program, &self.additional.folder)?
            // The tool is a node too, for a moment, and needs no port of its own choosing.
            .env_remove("RABBITMQ_DIST_PORT")
            .args(arguments)
            .output()
            .with_context(|| format!("starting {}", program.display()))?;
        ensure!(
            output.status.success(),
            "rabbitmqctl {}: {}{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Kills it: connections break at once, nothing is written.
    ///
    /// # Errors
    /// When it does not end.
    pub fn kill(&mut self) -> Result<()> {
        self.additional.server.end(Signal::SIGKILL)
    }

    /// Starts it after [`PrivateRabbit::kill`], with the same durable data on the same port.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_again(&mut self) -> Result<()> {
        self.additional.start_again()
    }
}

/// One node: its ports and processes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Node {
    port: u16,
    /// Where other nodes and the command line tools would connect.
    distribution_port: u16,
    epmd_port: u16,
    process: Option<Process>,
    epmd: Option<Process>,
}

impl Node {
    pub(super) fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.port)
    }

    fn end(&self, signal: Signal) -> Result<()> {
        self.process
            .as_ref()
            .map_or(Ok(()), |process| process.end(signal, STOP))
    }

    /// A command with exactly the environment that keeps the node to itself: files in `/etc/rabbitmq` and variables of
    /// whoever started us must not change it.
    fn command(&self, program: &Path, folder: &Folder) -> Result<Command> {
        let data = folder.data();
        let mut command = Account::for_server("rabbitmq")?.command(program);
        command
            .env_clear()
            .env("PATH", search_path())
            .env("LANG", "C.UTF-8")
            .env("HOME", &data)
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", format!("turnpike-{}@localhost", self.port))
            .env("RABBITMQ_CONFIG_FILE", data.join("rabbitmq.conf"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", data.join("advanced.config"))
            .env("RABBITMQ_CONF_ENV_FILE", data.join("rabbitmq-env.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", data.join("enabled_plugins"))
            .env("RABBITMQ_MNESIA_BASE", data.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", data.join("log"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", erlang_arguments())
            // Makes the start script become the node itself, so that its process id is the node's.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .current_dir(&data);
        Ok(command)
    }
}

impl Server for Node {
    const NAME: &'static str = "RabbitMQ";

    fn create(folder: &Folder) -> Result<Node> {
        binaries()?;
        folder.create(&Account::for_server("rabbitmq")?)?;
        let node = Node {
            port: ports::free()?,
            distribution_port: ports::free()?,
            epmd_port: ports::free()?,
            process: None,
            epmd: None,
        };
        let settings = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\n\
             disk_free_limit.absolute = 50MB\n\
             vm_memory_high_watermark.relative = 0.4\n",
            node.port
        );
        fs::write(folder.data().join("rabbitmq.conf"), settings).context("writing RabbitMQ's settings")?;
        fs::write(folder.data().join("enabled_plugins"), "[].\n").context("writing RabbitMQ's list of plugins")?;
        Ok(node)
    }

    fn start(&mut self, folder: &Folder) -> Result<()> {
        let binaries = binaries()?;
        if !self.epmd.as_ref().is_some_and(Process::is_alive) {
            // Started by us, for else the node starts one as a daemon whose process id nobody knows.
            let port = self.epmd_port.to_string();
            let mut epmd = self.command(&binaries.epmd, folder)?;
            epmd.args(["-address", "127.0.0.1", "-port", &port]);
            self.epmd = Some(process::start(epmd, folder, &format!("-port {port}"))?.process);
        }
        let mut server = self.command(&binaries.server, folder)?;
        let mark = folder.data().to_string_lossy().into_owned();
        server.args(["-turnpike", &mark]); // Erlang ignores options that it does not know
        let started = process::start(server, folder, &mark)?;
        self.process = Some(started.process.clone());
        folder.save(self)?;
        started.wait_until(START, folder, || answers::amqp(self.port))
    }

    fn is_alive(&self) -> bool {
        self.process.as_ref().is_some_and(Process::is_alive)
    }

    fn is_ready(&self) -> bool {
        self.is_alive() && answers::amqp(self.port)
    }

    fn discard(&self) -> Result<()> {
        self.end(Signal::SIGKILL)?;
        self.epmd
            .as_ref()
            .map_or(Ok(()), |epmd| epmd.end(Signal::SIGTERM, STOP))
    }
}

/// Distribution on loopback only, and no more scheduler threads than a test broker needs.
fn erlang_arguments() -> String {
    let schedulers = thread::available_parallelism().map_or(2, |cores| cores.get().min(4));
    format!("+S {schedulers}:{schedulers} -kernel inet_dist_use_interface {{127,0,0,1}}")
}

/// Our own search path, and the places that a user's may lack: the start script needs `erl`, `dirname` and the like.
fn search_path() -> std::ffi::OsString {
    let ours = env::var_os("PATH").unwrap_or_default();
    let usual = [
        "/usr/local/sbin",
        "/usr/local/bin",
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/bin",
    ]
    .map(PathBuf::from);
    env::join_paths(env::split_paths(&ours).chain(usual)).expect("parts of a search path can be joined again")
}

/// The programs that make a node.
#[derive(Debug)]
pub(super) struct Binaries {
    server: PathBuf,
    epmd: PathBuf,
}

/// Finds the installed programs.
///
/// # Errors
/// When one is missing.
pub(super) fn binaries() -> Result<Binaries> {
    // Debian's rabbitmq-server on the search path insists on root or the user rabbitmq; the one below /usr/lib does not.
    let known = [
        "/usr/lib/rabbitmq/bin",
        "/opt/homebrew/opt/rabbitmq/sbin",
        "/usr/local/opt/rabbitmq/sbin",
    ];
    let folders: Vec<PathBuf> = known
        .map(PathBuf::from)
        .into_iter()
        .chain(env::split_paths(&search_path()))
        .collect();
    let server = folders
        .iter()
        .map(|folder| folder.join("rabbitmq-server"))
        .find(|file| file.exists());
    let epmd = folders
        .iter()
        .map(|folder| folder.join("epmd"))
        .find(|file| file.exists());
    Ok(Binaries {
        server: server.context("RabbitMQ is not installed: no rabbitmq-server found")?,
        epmd: epmd
            .or_else(epmd_of_erlang)
            .context("Erlang is not complete: no epmd found")?,
    })
}

/// Where Erlang keeps `epmd` when its package does not link it to the search path.
fn epmd_of_erlang() -> Option<PathBuf> {
    let releases = fs::read_dir("/usr/lib/erlang").ok()?.flatten();
    releases
        .map(|release| release.path().join("bin/epmd"))
        .find(|file| file.exists())
}
