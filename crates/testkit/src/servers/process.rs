//! Processes of private servers: start apart from us, recognize, end.
//!
//! **Invariant:** a process id alone proves nothing (they are used again after a reboot), so every look at a process asks
//! for a word that must be in its command line.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::folder::Folder;

/// A process that may have been started by somebody else than us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    id: i32,
    /// Part of its command line, such as the folder it works on.
    mark: String,
}

impl Process {
    pub(super) fn id(&self) -> u32 {
        u32::try_from(self.id).expect("process ids are not negative")
    }

    pub(super) fn is_alive(&self) -> bool {
        command_line(self.id).is_some_and(|line| line.contains(&self.mark))
    }

    /// Sends `signal` and waits until the process is gone; after `patience` it is killed.
    ///
    /// # Errors
    /// When it survives even that: it belongs to somebody else, or hangs in the kernel.
    pub(super) fn end(&self, signal: Signal, patience: Duration) -> Result<()> {
        for signal in [signal, Signal::SIGKILL] {
            if !self.is_alive() {
                return Ok(());
            }
            match kill(Pid::from_raw(self.id), signal) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(error).with_context(|| format!("stopping process {}", self.id)),
            }
            if poll(patience, || !self.is_alive()) {
                return Ok(());
            }
        }
        bail!("process {} does not end: look at it with `ps -fp {}`", self.id, self.id)
    }
}

/// A process that we have just started, before it is known to work.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) process: Process,
    child: Child,
}

/// Starts `command` with its output in the folder's log. `mark` must be one of its arguments, or part of one.
pub(super) fn start(mut command: Command, folder: &Folder, mark: &str) -> Result<Started> {
    let name = command.get_program().to_string_lossy().into_owned();
    let log = folder.log()?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let child = command.spawn().with_context(|| format!("starting {name}"))?;
    let id = i32::try_from(child.id()).expect("process ids fit the type in which the system returned them");
    Ok(Started {
        process: Process { id, mark: mark.into() },
        child,
    })
}

impl Started {
    /// Waits until `ready` says yes, then lets the process go its own way.
    ///
    /// # Errors
    /// When the process ends by itself, or is not ready after `patience` and gets killed; the text holds the end of
    /// the log.
    pub(super) fn wait_until(mut self, patience: Duration, folder: &Folder, ready: impl Fn() -> bool) -> Result<()> {
        // Asking the child, not `is_alive`: while a process replaces itself by another program its command line is
        // empty for a moment, and a start script does that more than once.
        let mut ended = None;
        let is_ready = poll(patience, || {
            ended = self.child.try_wait().ok().flatten();
            ended.is_some() || ready()
        });
        if let Some(status) = ended {
            bail!("it ended at once ({status}); {}", folder.end_of_log());
        }
        if !is_ready {
            self.child
                .kill()
                .and_then(|()| self.child.wait())
                .context("ending what is not ready")?;
            bail!(
                "it was not ready after {} s; {}",
                patience.as_secs(),
                folder.end_of_log()
            );
        }
        Ok(())
    }
}

/// Asks every few milliseconds until `done` or `patience` is over.
pub(super) fn poll(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if done() {
            return true;
        }
        if start.elapsed() > patience {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The command line of a living process; empty or absent for a dead one that its parent has not fetched yet.
fn command_line(id: i32) -> Option<String> {
    if Path::new("/proc/self/cmdline").exists() {
        let line = fs::read(format!("/proc/{id}/cmdline")).ok()?;
        return Some(String::from_utf8_lossy(&line).replace('\0', " "));
    }
    let listed = Command::new("ps")
        .args(["-o", "command=", "-p", &id.to_string()])
        .output()
        .ok()?;
    listed
        .status
        .success()
        .then(|| String::from_utf8_lossy(&listed.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> (Child, Process) {
        let child = Command::new("sleep").arg("61.5").spawn().unwrap();
        let process = Process {
            id: i32::try_from(child.id()).unwrap(),
            mark: "61.5".into(),
        };
        (child, process)
    }

    #[test]
    fn a_process_is_alive_until_it_ends_even_if_nobody_fetched_it() {
        let (mut child, process) = sleeper();
        assert!(poll(Duration::from_secs(5), || process.is_alive()), "sleep starts");

        process.end(Signal::SIGTERM, Duration::from_secs(5)).unwrap();

        assert!(!process.is_alive());
        child.wait().unwrap();
    }

    #[test]
    fn a_process_id_that_now_belongs_to_somebody_else_is_left_alone() {
        let (mut child, process) = sleeper();
        let before_the_reboot = Process {
            mark: "another program".into(),
            ..process
        };

        before_the_reboot.end(Signal::SIGKILL, Duration::from_secs(5)).unwrap();

        assert_eq!(child.try_wait().unwrap(), None, "still running");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
