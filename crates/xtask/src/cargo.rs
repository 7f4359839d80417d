//! Running cargo in this checkout.

use std::env;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result};
use testkit::checkout;

/// The cargo that runs us, so that a toolchain chosen with `cargo +name` stays chosen.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).current_dir(checkout::root());
    cargo
}

/// Runs `command` to its end; its output goes where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| format!("starting {command:?}"))
}
