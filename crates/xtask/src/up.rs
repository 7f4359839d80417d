//! `cargo xtask up`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use testkit::servers::Servers;

/// Get PostgreSQL and RabbitMQ, leave them running, print their addresses
///
/// The servers that `TURNPIKE_DATABASE_URL` and `TURNPIKE_AMQP_URL` name are used when set. Else private ones are
/// started from installed binaries, on free loopback ports, with their data below target/. Else a running Docker engine
/// and deploy/compose.yaml. Else, on Debian or Ubuntu as root or with sudo, the packages are installed first.
///
/// The addresses are printed as shell commands: `eval "$(cargo xtask up)"`
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {}

pub(crate) fn run(_: &Options) -> Result<ExitCode> {
    let servers = Servers::ensure()?;
    let database_url = servers.database("turnpike")?.unwrap_or(servers.database_url);
    println!("export TURNPIKE_DATABASE_URL='{database_url}'");
    println!("export TURNPIKE_AMQP_URL='{}'", servers.amqp_url);
    Ok(ExitCode::SUCCESS)
}
