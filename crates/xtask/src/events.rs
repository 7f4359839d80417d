//! `cargo xtask events`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use testkit::checkout;
use testkit::servers::{self, Servers};

use crate::cargo::{self, cargo};

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
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let servers = Servers::ensure()?;
    let mut all_well = true;
    for (package, test) in [
        ("notifier", "a_receiver_that_hangs_delays_nobody_else"),
        ("system-tests", "every_event_is_told_on_both_ways_whatever_dies"),
    ] {
        let mut run = cargo(&[
            "test",
            "--release",
            "--package",
            package,
            "--test",
            "it",
            test,
            "--target-dir",
        ]);
        run.arg(checkout::target()).args(["--", "--nocapture"]);
        run.env("TURNPIKE_TEST_EVENTS", options.messages.to_string());
        run.env("TURNPIKE_TEST_WEBHOOK_SECONDS", options.seconds.to_string());
        all_well &= cargo::run(&mut run)?.success();
    }
    if servers.started {
        servers::stop()?;
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
