//! Results as a file, with what one needs to know about the machine they come from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use runtime::Clock;
use serde::{Deserialize, Serialize};

use super::measurement;
use super::rig::folder;

/// One call of the benchmark.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) at: String,
    /// The options, as given.
    pub(super) command: String,
    pub(super) machine: Machine,
    pub(super) results: Vec<measurement::Result>,
}

/// What it ran on.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) cpu: String,
    pub(super) cores: usize,
    pub(super) memory_gb: u64,
    /// First line of what each program says about its version.
    pub(super) versions: Vec<String>,
    /// Of this checkout.
    pub(super) commit: String,
}

impl Saved {
    pub(super) fn new(results: Vec<measurement::Result>) -> Self {
        Self {
            at: Clock::system().now().to_rfc3339(),
            command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
            machine: Machine::look(),
            results,
        }
    }

    /// Writes `target/bench/<name>.json`.
    pub(super) fn write(&self, name: &str) -> Result<PathBuf> {
        let path = folder()?.join(format!("{name}.json"));
        fs::write(&path, serde_json::to_vec_pretty(self)?).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("reading {} as results of this benchmark", path.display()))
    }
}

impl Machine {
    fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            let value = line.and_then(|line| line.split_once(':'));
            value.map_or_else(String::new, |(_, value)| value.trim().to_owned())
        };
        let kilobytes = field(&read("/proc/meminfo"), "MemTotal");
        let kilobytes = kilobytes
            .split(' ')
            .next()
            .and_then(|number| number.parse::<u64>().ok());
        let programs = [
            ["uname", "-sr"],
            ["psql", "--version"],
            ["rabbitmqctl", "version"],
            ["rustc", "--version"],
            ["python3", "--version"],
            ["node", "--version"],
        ];
        Self {
            cpu: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gb: kilobytes.unwrap_or_default() / 1_000_000,
            versions: programs
                .iter()
                .filter_map(|[program, option]| version(program, option))
                .collect(),
            commit: version("git", "rev-parse --short HEAD").unwrap_or_default(),
        }
    }
}

/// `None` when there is no such program.
fn version(program: &str, options: &str) -> Option<String> {
    let output = Command::new(program).args(options.split(' ')).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().next()?.trim();
    let is_named = line.starts_with(char::is_alphabetic) && line.contains(' ') || program == "git";
    Some(if is_named {
        line.to_owned()
    } else {
        format!("{program} {line}")
    })
}
