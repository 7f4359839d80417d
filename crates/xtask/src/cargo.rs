//! Running cargo in this checkout.

use std::env;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result};
use testkit::checkout;

/// The cargo that runs us, so that a toolchain chosen with `cargo +name` stays chosen.
///
/// What cargo told us about our own package is not passed on: ring's build script looks at it, and would build ring, and all that stands
/// on it, anew whenever somebody changes between `cargo xtask …` and plain cargo.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).current_dir(checkout::root());
    for (name, _) in env::vars_os() {
        let about_us = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(about_us) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs `command` to its end; its output goes where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| format!("starting {command:?}"))
}
