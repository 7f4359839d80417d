//! `cargo xtask down`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use testkit::servers;

/// Stop the servers that this checkout started, and remove their data
///
/// Only processes and containers that this checkout started are touched.
#[derive(Debug, Args)]
pub(crate) struct Options {}

pub(crate) fn run(_: &Options) -> Result<ExitCode> {
    let stopped = servers::stop()?;
    eprintln!(
        "{}",
        if stopped {
            "stopped, data removed"
        } else {
            "nothing was running"
        }
    );
    Ok(ExitCode::SUCCESS)
}
