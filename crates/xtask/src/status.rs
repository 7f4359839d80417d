//! `cargo xtask status`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use testkit::servers;

/// Say which private servers of this checkout run and answer
#[derive(Debug, Args)]
pub(crate) struct Options {}

pub(crate) fn run(_: &Options) -> Result<ExitCode> {
    for server in servers::status()? {
        println!("{:<12}{}", server.name, server.url.as_deref().unwrap_or("not running"));
    }
    Ok(ExitCode::SUCCESS)
}
