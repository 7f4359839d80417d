//! Gets the servers' binaries from the distribution, where that can be done without asking.

use std::io::{IsTerminal, stdin};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::geteuid;

const SCRIPT: &str = include_str!("install.sh");

const HELP: &str = "\
PostgreSQL and RabbitMQ are needed and were not found. Any one of these helps:
  * Debian, Ubuntu:  sudo apt-get update && sudo apt-get install --no-install-recommends postgresql rabbitmq-server
  * Fedora:          sudo dnf install postgresql-server postgresql-contrib rabbitmq-server
  * macOS:           brew install postgresql@17 rabbitmq
  * Docker:          start the engine; the containers of deploy/compose.yaml are used then
  * your own:        export TURNPIKE_DATABASE_URL=postgres://… TURNPIKE_AMQP_URL=amqp://…
Then run the same command again.";

/// Installs the packages of PostgreSQL and RabbitMQ, saying so.
///
/// # Errors
/// When this is no Debian or Ubuntu, or neither root nor sudo is at hand, or the installation fails: the text holds
/// the commands to run.
pub(super) fn packages() -> Result<()> {
    if !is_there("apt-get") {
        bail!(HELP);
    }
    let mut shell = if geteuid().is_root() {
        Command::new("sh")
    } else if is_there("sudo") {
        let mut sudo = Command::new("sudo");
        if !stdin().is_terminal() {
            sudo.arg("-n"); // nobody is there to type a password
        }
        sudo.arg("sh");
        sudo
    } else {
        bail!(HELP);
    };
    eprintln!("installing PostgreSQL and RabbitMQ with apt-get (their own services are not started)");
    let status = shell
        .args(["-c", SCRIPT])
        .status()
        .context("starting the installation")?;
    ensure!(status.success(), "the installation failed ({status})\n{HELP}");
    Ok(())
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_valid_shell_and_starts_no_service() {
        let checked = Command::new("sh").args(["-n", "-c", SCRIPT]).status().unwrap();

        assert!(checked.success());
        assert!(SCRIPT.contains("exit 101"));
    }
}
