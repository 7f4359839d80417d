//! `cargo xtask ci`

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use crate::cargo::{self, cargo};
use crate::test;

/// Check format, lints and documentation, then run every test: what has to pass before a change is merged
///
/// Every step runs, whatever became of the one before. Needs the toolchain's rustfmt and clippy.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {}

/// One line of the summary.
struct Step {
    name: &'static str,
    passed: bool,
    took: Duration,
}

pub(crate) fn run(_: &Options) -> Result<ExitCode> {
    let mut steps = vec![
        step("format", || component("rustfmt", "fmt", &["--all", "--check"])),
        step("lints", || {
            component(
                "clippy",
                "clippy",
                &["--workspace", "--all-targets", "--", "--deny", "warnings"],
            )
        }),
        step("docs", || {
            let mut docs = cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"]);
            succeeds(docs.env("RUSTDOCFLAGS", "-D warnings"))
        }),
    ];
    let mut count = None;
    steps.push(step("tests", || {
        let outcome = test::every_test(&[])?;
        count = Some(outcome.count);
        Ok(outcome.succeeded)
    }));
    summarize(&steps);
    if let Some(count) = count {
        println!("{count}");
    }
    Ok(if steps.iter().all(|step| step.passed) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Announces and runs one step. What prevents it from running is a failure like any other.
fn step(name: &'static str, body: impl FnOnce() -> Result<bool>) -> Step {
    println!("== {name}");
    let begun = Instant::now();
    let passed = body().unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        false
    });
    let step = Step {
        name,
        passed,
        took: begun.elapsed(),
    };
    println!("== {}\n", line(&step));
    step
}

fn summarize(steps: &[Step]) {
    for step in steps {
        println!("{}", line(step));
    }
}

fn line(step: &Step) -> String {
    let verdict = if step.passed { "passed" } else { "FAILED" };
    format!("{:<8}{verdict} after {:.1} s", step.name, step.took.as_secs_f64())
}

/// Runs a cargo command that a minimal toolchain lacks.
fn component(component: &str, command: &str, arguments: &[&str]) -> Result<bool> {
    let is_there = cargo(&[command, "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("error: this step needs the toolchain's {component}: run `rustup component add {component}`");
        return Ok(false);
    }
    succeeds(cargo(&[command]).args(arguments))
}

fn succeeds(command: &mut Command) -> Result<bool> {
    Ok(cargo::run(command)?.success())
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_step_that_cannot_run_has_failed() {
        assert!(!step("example", || bail!("no such program")).passed);
        assert!(!step("example", || Ok(false)).passed);
        assert!(step("example", || Ok(true)).passed);
    }

    #[test]
    fn a_missing_component_is_a_failure_and_not_an_error() {
        assert!(!component("something", "a-command-that-cargo-lacks", &[]).unwrap());
    }
}
