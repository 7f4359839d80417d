//! The executable as a process that goes on: what it says meanwhile, and how it ends when asked to.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::invocation::command;

/// For anything that it is waited for.
const DEADLINE: Duration = Duration::from_secs(30);

/// A started process. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    /// Starts `turnpike <arguments>`.
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, String)]) -> Self {
        let mut command = command(arguments);
        command
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("TURNPIKE_LOG_FORMAT", "text");
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the executable starts");
        let (lines, receiver) = mpsc::channel();
        pass_on(child.stdout.take().expect("it is piped"), lines.clone());
        pass_on(child.stderr.take().expect("it is piped"), lines);
        Self {
            child,
            lines: receiver,
            seen: Vec::new(),
        }
    }

    /// The first word after these in a line of output or log, waiting for that line.
    pub(crate) fn word_after(&mut self, words: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        let mut looked_at = 0;
        loop {
            for line in &self.seen[looked_at..] {
                if let Some((_, rest)) = line.split_once(words) {
                    return rest.split_whitespace().next().unwrap_or_default().to_owned();
                }
            }
            looked_at = self.seen.len();
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => self.seen.push(line),
                Err(_) => panic!("waited in vain for {words:?} in:\n{}", self.seen.join("\n")),
            }
        }
    }

    /// Asks it to stop (SIGTERM), and how it ended. Everything it said is returned too.
    pub(crate) fn stop(mut self) -> (ExitStatus, String) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(id), Signal::SIGTERM).expect("it still runs");
        let status = self.child.wait().expect("it ends");
        self.seen.extend(self.lines.iter());
        (status, self.seen.join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pass_on(from: impl Read + Send + 'static, to: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                return;
            }
        }
    });
}
