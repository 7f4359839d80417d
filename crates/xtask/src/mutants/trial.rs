//! One test, run in the copy, and what that says about a mutant.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use testkit::servers::Servers;

use super::tree::Tree;
use crate::count::Count;

/// How often to look whether a process has ended.
const LOOK: Duration = Duration::from_millis(100);

/// Chosen too, so that what everybody depends on is built with the features that the whole workspace asks for: as the checkout has it
/// already. Neither has a library, so nothing of them is built for `--lib`.
const BESIDE: [&str; 4] = ["--package", "turnpike", "--package", "xtask"];

/// A test, as cargo knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Test {
    pub(super) package: String,
    pub(super) arguments: Vec<String>,
}

/// What came of running a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ran {
    /// So many passed, and none failed.
    Passed(u64),
    /// One or more failed, as a test fails.
    Failed(u64),
    /// It could not be built; the end of what the compiler said.
    NotBuilt(String),
    /// It was not over in time.
    TooLong,
    /// It ended without a result: an abort, or a crash.
    Died(String),
}

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its test failed.
    Killed,
    /// Its test did not.
    Survived,
    /// It broke more than it should: nothing can be said.
    Invalid,
}

impl Verdict {
    pub(super) fn of(ran: &Ran) -> Self {
        match ran {
            Ran::Failed(_) => Self::Killed,
            Ran::Passed(_) => Self::Survived,
            Ran::NotBuilt(_) | Ran::TooLong | Ran::Died(_) => Self::Invalid,
        }
    }
}

impl Test {
    /// The name of the function, when the arguments end in one.
    pub(super) fn name(&self) -> Option<String> {
        let last = self.arguments.last()?;
        let name = last.rsplit("::").next()?;
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_name.then(|| name.to_owned())
    }

    /// Builds it, then runs it.
    ///
    /// # Errors
    /// When cargo cannot be started. Everything else is an answer.
    pub(super) fn run(&self, tree: &Tree, servers: &Servers, limit: Duration) -> Result<Ran> {
        let log = tree.target().join("output");
        fs::create_dir_all(tree.target())?;
        let mut build = self.cargo(tree, &["--no-run"]);
        match within(&mut build, limit, &log)? {
            Some(status) if status.success() => {}
            Some(_) => return Ok(Ran::NotBuilt(end_of(&log))),
            None => return Ok(Ran::TooLong),
        }
        let mut test = self.cargo(tree, &[]);
        test.env("TURNPIKE_DATABASE_URL", &servers.database_url)
            .env("TURNPIKE_AMQP_URL", &servers.amqp_url);
        let ended = within(&mut test, limit, &log)?;
        Ok(judge(ended, &log))
    }

    fn cargo(&self, tree: &Tree, more: &[&str]) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(tree.root())
            .env("CARGO_TARGET_DIR", tree.target())
            .args(["test", "--offline", "--package", &self.package])
            .args(BESIDE)
            .args(more)
            .args(&self.arguments);
        cargo
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-p {} {}", self.package, self.arguments.join(" "))
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed(0) => f.write_str("no test of this name ran"),
            Self::Passed(tests) => write!(f, "{tests} passed"),
            Self::Failed(tests) => write!(f, "{tests} failed"),
            Self::NotBuilt(why) => write!(f, "it cannot be built:\n{why}"),
            Self::TooLong => f.write_str("it was not over in time"),
            Self::Died(end) => write!(f, "it ended without a result:\n{end}"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Killed => "killed",
            Self::Survived => "survived",
            Self::Invalid => "invalid",
        })
    }
}

fn judge(ended: Option<ExitStatus>, log: &Path) -> Ran {
    let Some(status) = ended else { return Ran::TooLong };
    let output = fs::read(log).unwrap_or_default();
    let mut count = Count::default();
    String::from_utf8_lossy(&output)
        .lines()
        .for_each(|line| count.take(line));
    match (status.success(), count.failed) {
        (true, 0) => Ran::Passed(count.passed),
        (false, 1..) => Ran::Failed(count.failed),
        _ => Ran::Died(end_of(log)),
    }
}

/// Runs a command in a group of its own, its output in `log`. After the limit the whole group is killed, and there is no status.
fn within(command: &mut Command, limit: Duration, log: &Path) -> Result<Option<ExitStatus>> {
    let output = File::create(log).with_context(|| format!("creating {}", log.display()))?;
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .process_group(0);
    let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("waiting for cargo")? {
            return Ok(Some(status));
        }
        if begun.elapsed() > limit {
            end(&mut child)?;
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

fn end(child: &mut Child) -> Result<()> {
    let group = Pid::from_raw(i32::try_from(child.id()).context("a process id")?);
    killpg(group, Signal::SIGKILL).context("ending what took too long")?;
    child.wait().context("ending what took too long").map(drop)
}

/// The last lines of the output.
fn end_of(log: &Path) -> String {
    let output = fs::read(log).unwrap_or_default();
    let output = String::from_utf8_lossy(&output);
    let lines: Vec<&str> = output.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(name: &str, script: &str, limit: Duration) -> Ran {
        let log = std::env::temp_dir().join(format!("turnpike-xtask-trial-{name}-{}", std::process::id()));
        let ended = within(Command::new("sh").args(["-c", script]), limit, &log).unwrap();
        let ran = judge(ended, &log);
        fs::remove_file(log).unwrap();
        ran
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn only_a_failed_test_kills() {
        let failed = ran(
            "failed",
            "echo 'test result: FAILED. 0 passed; 1 failed; 0 ignored'; exit 101",
            LONG,
        );
        let passed = ran("passed", "echo 'test result: ok. 1 passed; 0 failed; 0 ignored'", LONG);
        let none = ran("none", "echo 'test result: ok. 0 passed; 0 failed; 0 ignored'", LONG);
        let died = ran("died", "echo running 1 test; exit 101", LONG);

        let verdicts = [&failed, &passed, &none, &died].map(Verdict::of);
        assert_eq!(
            verdicts,
            [Verdict::Killed, Verdict::Survived, Verdict::Survived, Verdict::Invalid]
        );
        assert_eq!(none, Ran::Passed(0));
    }

    #[test]
    fn what_takes_too_long_is_ended_with_its_children() {
        let ran = ran("too_long", "sleep 600 & wait", Duration::from_millis(50));

        assert_eq!(ran, Ran::TooLong);
    }

    #[test]
    fn the_name_of_a_test_is_the_last_word_of_its_path() {
        let name = |arguments: &[&str]| {
            let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
            Test {
                package: "domain".to_owned(),
                arguments,
            }
            .name()
        };

        assert_eq!(name(&["--lib", "retry::tests::it_grows"]).as_deref(), Some("it_grows"));
        assert_eq!(name(&["--lib"]), None);
        assert_eq!(name(&[]), None);
    }
}
