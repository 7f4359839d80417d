//! `cargo xtask events`

use std::env::consts::EXE_SUFFIX;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use testkit::checkout;
use testkit::servers::{self, Servers};

use crate::cargo::{self, cargo};

/// The tests that it is made of, and the package of the executable: whoever tests a package builds its executables.
const TESTS: [&str; 8] = [
    "--package",
    "turnpike",
    "--package",
    "notifier",
    "--package",
    "system-tests",
    "--test",
    "it",
];

/// Tell a hundred thousand messages' events while what hears them dies, and a thousand webhooks a second beside a receiver that hangs
///
/// The long form of two tests of every run; prints their figures. Takes a machine for itself, for some twenty minutes.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Messages through the pipeline
    #[arg(long, default_value_t = 100_000)]
    messages: u32,
    /// Seconds of webhooks at a thousand a second
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Chooses who dies and when [default: another one each time, printed]
    #[arg(long)]
    seed: Option<u64>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let servers = Servers::ensure()?;
    let mut run = cargo(&["test", "--release"]);
    // The executable too is a release: what is measured is what users run.
    run.args(TESTS).arg("--target-dir").arg(checkout::target());
    run.args(["--", "--nocapture", "--test-threads", "1"]);
    run.args([
        "a_receiver_that_hangs_delays_nobody_else",
        "every_event_is_told_on_both_ways_whatever_dies",
    ]);
    run.env(
        "TURNPIKE_BIN",
        checkout::target().join("release").join(format!("turnpike{EXE_SUFFIX}")),
    );
    run.env("TURNPIKE_TEST_EVENTS", options.messages.to_string());
    run.env("TURNPIKE_TEST_WEBHOOK_SECONDS", options.seconds.to_string());
    if let Some(seed) = options.seed {
        run.env("TURNPIKE_TEST_SEED", seed.to_string());
    }
    let all_well = cargo::run(&mut run)?.success();
    if servers.started {
        servers::stop()?;
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
