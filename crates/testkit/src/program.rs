//! Roles as real processes: started from the built executable, stopped or killed by process id.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::turnpike_binary;

/// The environment of a program: every `TURNPIKE_…` variable it needs.
#[derive(Debug, Clone, Default)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Sets one variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// What every role needs, with a prefix of its own on the shared broker.
    pub fn new(database_url: &str, amqp_url: &str, prefix: &str) -> Self {
        Self::default()
            .with("TURNPIKE_DATABASE_URL", database_url)
            .with("TURNPIKE_AMQP_URL", amqp_url)
            .with("TURNPIKE_AMQP_PREFIX", prefix)
            .with("TURNPIKE_SECRET_KEY", crate::database::secret_key())
            .with("TURNPIKE_LOG_FORMAT", "text")
    }
}

/// A running process. Killed when dropped.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    /// `http://…` of a program that serves one; empty otherwise.
    pub url: String,
    log: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Program {
    /// Starts `turnpike <arguments>` and, when `serves`, waits for its line `listening on http://…`.
    ///
    /// # Errors
    /// When it cannot be started, ends early, or does not say where it listens within 20 s; its log is part of the message.
    pub fn start(arguments: &[&str], settings: &Settings, serves: bool) -> Result<Self> {
        let mut command = Command::new(turnpike_binary());
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TURNPIKE_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .envs(&settings.0)
            .spawn()
            .with_context(|| format!("starting turnpike {}", arguments.join(" ")))?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let (stdout, stderr) = (
            child.stdout.take().context("its output")?,
            child.stderr.take().context("its log")?,
        );
        let readers = vec![keep(stdout, Arc::clone(&log)), keep(stderr, Arc::clone(&log))];
        let mut program = Self {
            name: arguments.join(" "),
            child,
            url: String::new(),
            log,
            readers,
        };
        if serves {
            program.url = program.wait_for_line(Duration::from_secs(20), |line| {
                line.split_once("listening on ").map(|(_, url)| url.trim().to_owned())
            })?;
        }
        Ok(program)
    }

    /// Waits for a line of its output or log.
    ///
    /// # Errors
    /// When the program ends, or the time is over, before `pick` finds something.
    pub fn wait_for_line<T>(&mut self, deadline: Duration, pick: impl Fn(&str) -> Option<T>) -> Result<T> {
        let started = Instant::now();
        loop {
            if let Some(found) = self.lines().iter().find_map(|line| pick(line)) {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "turnpike {} ended with {status}:\n{}",
                    self.name,
                    self.lines().join("\n")
                );
            }
            if started.elapsed() > deadline {
                bail!(
                    "turnpike {} did not say what was waited for:\n{}",
                    self.name,
                    self.lines().join("\n")
                );
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Everything it wrote so far, output and log together.
    pub fn lines(&self) -> Vec<String> {
        self.log.lock().expect("no reader panics").clone()
    }

    /// Gives out everything it wrote, when that is asked for, even after its end.
    pub fn lines_later(&self) -> impl FnOnce() -> Vec<String> + use<> {
        let log = Arc::clone(&self.log);
        move || log.lock().expect("no reader panics").clone()
    }

    /// Its subcommand with arguments; of a role, the role's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to drain (SIGTERM) and waits for its end.
    ///
    /// # Errors
    /// When it does not end within 90 s.
    pub fn stop(mut self) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if started.elapsed() > Duration::from_secs(90) {
                bail!(
                    "turnpike {} did not end within 90 s:\n{}",
                    self.name,
                    self.lines().join("\n")
                );
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id()).context("a process id")?;
        signal::kill(Pid::from_raw(id), signal).with_context(|| format!("sending {signal} to turnpike {}", self.name))
    }

    /// Kills it (SIGKILL) and waits for its end. Everything it wrote.
    pub fn kill(mut self) -> Vec<String> {
        self.end();
        self.lines()
    }

    /// Waits for its end, which is to come from within. Everything it wrote.
    ///
    /// # Errors
    /// When it goes on for longer than `deadline`.
    pub fn ended(mut self, deadline: Duration) -> Result<Vec<String>> {
        let started = Instant::now();
        while self.child.try_wait()?.is_none() {
            if started.elapsed() > deadline {
                bail!("turnpike {} goes on:\n{}", self.name, self.lines().join("\n"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.end();
        Ok(self.lines())
    }

    /// Whether it has ended, by itself or not.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end();
    }
}

fn keep(from: impl std::io::Read + Send + 'static, into: Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if std::env::var_os("TURNPIKE_TEST_SHOW_LOGS").is_some() {
                eprintln!("{line}");
            }
            into.lock().expect("no reader panics").push(line);
        }
    })
}
