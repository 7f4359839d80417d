//! The servers as containers of `deploy/compose.yaml`, where no binaries are installed but a Docker engine runs.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{thread, time::Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::home::Home;
use super::{Servers, answers};
use crate::checkout;

/// How long the containers may take to answer, images fetched meanwhile not counted.
const START: Duration = Duration::from_secs(90);

/// Whether `docker` is here and its engine answers.
pub(super) fn engine_runs() -> bool {
    Command::new("docker")
        .args(["info", "--format", "{{.ServerVersion}}"])
        .output()
        .is_ok_and(|it| it.status.success())
}

/// Starts PostgreSQL and RabbitMQ, published on free loopback ports, unless they run.
pub(super) fn up(home: &Home) -> Result<Servers> {
    let override_file = home.docker_ports();
    let ports = |port: u16| format!("    ports: [\"127.0.0.1::{port}\"]\n");
    let text = format!("services:\n  postgres:\n{}  rabbitmq:\n{}", ports(5432), ports(5672));
    fs::write(&override_file, text).with_context(|| format!("writing {}", override_file.display()))?;
    let running = compose(
        &override_file,
        &["ps", "--quiet", "--status", "running", "postgres", "rabbitmq"],
    )?;
    let started = running.lines().count() < 2;
    if started {
        eprintln!("starting PostgreSQL and RabbitMQ in Docker");
        compose(&override_file, &["up", "--detach", "postgres", "rabbitmq"])?;
    }
    let postgres = published(&compose(&override_file, &["port", "postgres", "5432"])?)?;
    let rabbitmq = published(&compose(&override_file, &["port", "rabbitmq", "5672"])?)?;
    let begun = Instant::now();
    while !(answers::postgres(postgres) && answers::amqp(rabbitmq)) {
        ensure!(
            begun.elapsed() < START,
            "the containers do not answer: look at `docker compose logs`"
        );
        thread::sleep(Duration::from_millis(100));
    }
    let config = compose(&override_file, &["config", "--format", "json"])?;
    let config: Value = serde_json::from_str(&config).context("reading the answer of `docker compose config`")?;
    let set = |service: &str, variable: &str, default: &str| {
        config["services"][service]["environment"][variable]
            .as_str()
            .unwrap_or(default)
            .to_owned()
    };
    let user = set("postgres", "POSTGRES_USER", "postgres");
    let password = set("postgres", "POSTGRES_PASSWORD", "");
    let database = set("postgres", "POSTGRES_DB", &user);
    let guest = set("rabbitmq", "RABBITMQ_DEFAULT_USER", "guest");
    let guest_password = set("rabbitmq", "RABBITMQ_DEFAULT_PASS", "guest");
    Ok(Servers {
        database_url: format!("postgres://{user}:{password}@127.0.0.1:{postgres}/{database}"),
        amqp_url: format!("amqp://{guest}:{guest_password}@127.0.0.1:{rabbitmq}/%2f"),
        started,
    })
}

/// Stops and removes the containers, if this checkout started any.
pub(super) fn down(home: &Home) -> Result<bool> {
    let override_file = home.docker_ports();
    if !override_file.exists() {
        return Ok(false);
    }
    compose(&override_file, &["down", "--volumes"])?;
    fs::remove_file(&override_file).with_context(|| format!("removing {}", override_file.display()))?;
    Ok(true)
}

/// Runs `docker compose` for this checkout's project and returns what it printed.
fn compose(override_file: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("docker")
        .args(["compose", "--project-name"])
        .arg(format!("turnpike-{}", checkout::tag()))
        .arg("--file")
        .arg(checkout::root().join("deploy/compose.yaml"))
        .arg("--file")
        .arg(override_file)
        .args(arguments)
        .output()
        .context("starting docker")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "`docker compose {}` failed: {complaint}",
        arguments.join(" ")
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The port in `127.0.0.1:49153`.
fn published(address: &str) -> Result<u16> {
    let port = address.trim().rsplit(':').next().and_then(|port| port.parse().ok());
    port.with_context(|| format!("`docker compose port` gave no port: {address:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_what_follows_the_last_colon() {
        assert_eq!(published("127.0.0.1:49153\n").unwrap(), 49153);
        assert_eq!(published("[::1]:49153\n").unwrap(), 49153);
        assert!(published("\n").unwrap_err().to_string().contains("gave no port"));
    }
}
