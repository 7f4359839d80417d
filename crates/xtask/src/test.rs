//! `cargo xtask test`

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use clap::Args;
use testkit::checkout;
use testkit::servers::{self, Servers};

use crate::cargo::{self, cargo};
use crate::count::Count;

/// Get PostgreSQL and RabbitMQ, then run every test
///
/// The servers are found or made as `cargo xtask up` does it; those that were not running before are stopped afterwards.
/// The last line is the sum over all test programs, such as `123 passed, 0 failed`.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Passed on to `cargo test`, such as `-p store`, a part of a test's name, or `-- --nocapture`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    arguments: Vec<String>,
}

/// For a command about the whole workspace.
const CRASH_POINTS: [&str; 2] = ["--features", "turnpike/crash-points"];

/// How the tests went.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) count: Count,
    /// Cargo was content too: everything compiled, and no test program died without a result.
    pub(crate) succeeded: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let outcome = every_test(&options.arguments)?;
    if !outcome.succeeded && outcome.count.failed == 0 {
        eprintln!("error: not every test program could be built and run to its end, see above");
    }
    println!("{}", outcome.count);
    Ok(if outcome.succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs `cargo test` for the whole workspace with the servers up.
///
/// # Errors
/// When the servers, or cargo itself, cannot be started. Failed tests are an [`Outcome`].
pub(crate) fn every_test(arguments: &[String]) -> Result<Outcome> {
    let servers = Servers::ensure()?;
    let outcome = build_and_test(arguments);
    if servers.started {
        servers::stop()?;
    }
    outcome
}

fn build_and_test(arguments: &[String]) -> Result<Outcome> {
    let target = checkout::target();
    let selection = selection(arguments);
    // The program and the tests in one go, so that both share what they depend on: built apart, the features that only
    // tests ask for would have most of it compiled twice.
    let mut build = cargo(&["build", "--bin", "turnpike", "--target-dir"]);
    // The program with its crash points: some tests let it die at one.
    match selection {
        Some(workspace) => build.arg(&target).args([workspace, "--tests"]).args(CRASH_POINTS),
        None => build
            .arg(&target)
            .args(["--package", "turnpike", "--features", "crash-points"]),
    };
    if !cargo::run(&mut build)?.success() {
        return Ok(Outcome {
            count: Count::default(),
            succeeded: false,
        });
    }
    let mut tests = cargo(&["test", "--no-fail-fast", "--target-dir"]);
    tests.arg(&target).args(selection);
    if selection.is_some() {
        // As above, or everything would be compiled once more.
        tests.args(CRASH_POINTS);
    }
    tests.args(arguments);
    // The servers' addresses are not handed over: tests find the running servers themselves, and with addresses in the
    // environment they would have to take them for somebody else's.
    tests.env(
        "TURNPIKE_BIN",
        target
            .join("debug")
            .join(format!("turnpike{}", std::env::consts::EXE_SUFFIX)),
    );
    counted(&mut tests)
}

/// The whole workspace, unless packages are named: cargo lets `--workspace` win over those.
fn selection(arguments: &[String]) -> Option<&'static str> {
    let options = arguments.iter().take_while(|argument| *argument != "--");
    let chosen = |option: &String| option.starts_with("-p") || option.starts_with("--package");
    (!options.into_iter().any(chosen)).then_some("--workspace")
}

/// Runs `command`, passing its output on and adding up the results in it.
fn counted(command: &mut Command) -> Result<Outcome> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {command:?}"))?;
    let output = child.stdout.take().expect("a pipe was asked for");
    let mut count = Count::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("reading the output of the tests")?;
        let line = String::from_utf8_lossy(&line);
        count.take(&line);
        println!("{line}");
    }
    let succeeded = child.wait().context("waiting for the tests")?.success();
    Ok(Outcome {
        count,
        succeeded: succeeded && count.failed == 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Outcome {
        counted(Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn a_test_program_that_dies_without_a_result_is_a_failure() {
        let outcome = shell("echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured'; exit 101");

        assert_eq!(outcome.count.to_string(), "2 passed, 0 failed");
        assert!(!outcome.succeeded);
    }

    #[test]
    fn a_chosen_package_is_tested_alone() {
        let arguments = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();

        assert_eq!(selection(&arguments("-p store")), None);
        assert_eq!(selection(&arguments("--package=store window")), None);
        assert_eq!(selection(&arguments("window -- -p")), Some("--workspace"));
        assert_eq!(selection(&[]), Some("--workspace"));
    }

    #[test]
    fn all_passed_is_a_success() {
        let outcome = shell("echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured'");

        assert!(outcome.succeeded);
    }
}
