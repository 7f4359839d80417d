//! The same job as teams write it (`tests/peers`), installed and measured on the same servers.

mod redis;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use simulator::{Config, Delay};
use testkit::checkout;
use testkit::database::{self, TestDatabase};
use tokio::time::sleep;

use self::redis::{Owned, Redis};
use super::measurement::Measurement;
use super::rig::{Machines, Meta, folder};
use super::usage::{Group, Snapshot, Watch, is_running};

/// Between two looks at how far a peer is.
const LOOK: Duration = Duration::from_millis(250);
/// How results of peers begin.
const MARK: &str = "peer: ";

/// Whether a scenario is a peer's.
pub(super) fn is_peer(scenario: &str) -> bool {
    scenario.starts_with(MARK)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Python,
    Node,
}

/// One of the programs in `tests/peers`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    name: &'static str,
    language: Language,
    script: &'static str,
    needs_redis: bool,
}

const PEERS: [Peer; 4] = [
    Peer {
        name: "Celery, gevent, acks_late",
        language: Language::Python,
        script: "celery_peer.py",
        needs_redis: false,
    },
    Peer {
        name: "asyncio, aio-pika, asyncpg, aiohttp",
        language: Language::Python,
        script: "asyncio_peer.py",
        needs_redis: false,
    },
    Peer {
        name: "Node, amqplib, pg, undici",
        language: Language::Node,
        script: "amqp_peer.mjs",
        needs_redis: false,
    },
    Peer {
        name: "Node, BullMQ on Redis, pg, undici",
        language: Language::Node,
        script: "bullmq_peer.mjs",
        needs_redis: true,
    },
];

impl Peer {
    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}

/// Peers that can run here.
#[derive(Debug)]
pub(super) struct Installed {
    pub(super) peers: Vec<Peer>,
    folder: PathBuf,
}

/// Installs their libraries below `target/bench/peers`; a second time finds them there. Says which cannot run here, and why.
pub(super) fn install() -> Result<Installed> {
    let folder = folder()?.join("peers");
    let mut peers = PEERS.to_vec();
    for (language, outcome) in [(Language::Python, python(&folder)), (Language::Node, node(&folder))] {
        if let Err(error) = outcome {
            eprintln!("leaving out the peers in {language:?}: {error:#}");
            peers.retain(|peer| peer.language != language);
        }
    }
    if peers.iter().any(|peer| peer.needs_redis) && !succeeds(Command::new("redis-server").arg("--version")) {
        eprintln!("leaving out the peers that need Redis: there is no redis-server; install that package to have them");
        peers.retain(|peer| !peer.needs_redis);
    }
    Ok(Installed { peers, folder })
}

fn sources() -> PathBuf {
    checkout::root().join("tests/peers")
}

fn python(folder: &Path) -> Result<()> {
    let target = folder.join("python");
    copy(&sources().join("python"), &target)?;
    unless_same(&target.join("requirements.txt"), || {
        eprintln!("installing the peers in Python");
        let venv = target.join("venv");
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let mut pip = Command::new(venv.join("bin/pip"));
        run(pip
            .args(["install", "--quiet", "--requirement"])
            .arg(target.join("requirements.txt")))
    })
}

fn node(folder: &Path) -> Result<()> {
    let target = folder.join("node");
    copy(&sources().join("node"), &target)?;
    unless_same(&target.join("package.json"), || {
        eprintln!("installing the peers in Node");
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--no-package-lock",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]);
        run(npm.current_dir(&target))
    })
}

/// Copies the files of a folder, flat.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Installs unless that was done for the very same list of requirements.
fn unless_same(list: &Path, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let wanted = fs::read(list)?;
    let done = list.with_extension("installed");
    if fs::read(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(&done, wanted).with_context(|| format!("writing {}", done.display()))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

impl Installed {
    /// Fills table and queue, then runs one process per core until the last row is written.
    pub(super) async fn measure(
        &self,
        peer: Peer,
        machines: &Machines,
        messages: usize,
        latency: u64,
    ) -> Result<Measurement> {
        let meta = Meta::start(&Config {
            auto_register: true,
            limits: simulator::Limits {
                default_throughput: 1_000_000,
                ..simulator::Limits::default()
            },
            latency: Delay::Fixed(latency),
            ..Config::default()
        })
        .await?;
        let database = database::empty_on(&machines.servers).await?;
        fill(&database, messages).await?;
        let redis = if peer.needs_redis { Some(Redis::start()?) } else { None };
        let log_path = self.folder.join(peer.script).with_extension("log");
        let log = File::create(&log_path).with_context(|| format!("creating {}", log_path.display()))?;
        let command = |arguments: &[&str]| -> Result<Command> {
            let mut command = self.command(peer);
            command
                .args(arguments)
                .env("DATABASE_URL", &database.url)
                .env("AMQP_URL", &database.amqp_url)
                .env("META_URL", &meta.program.url)
                .env("META_TOKEN", "test-token")
                .env("QUEUE", database.url.rsplit('/').next().unwrap_or("peer"))
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log.try_clone()?);
            if let Some(redis) = &redis {
                command.env("REDIS_URL", &redis.url);
            }
            Ok(command)
        };
        let mut publish = command(&["publish", &messages.to_string()])?;
        tokio::task::spawn_blocking(move || run(&mut publish))
            .await?
            .with_context(|| {
                let log = fs::read_to_string(&log_path).unwrap_or_default();
                format!("filling the queue of {}:\n{log}", peer.name)
            })?;

        let before = Snapshot::take()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<Owned> = (0..cores)
            .map(|_| {
                Ok(Owned(
                    command(&["work"])?
                        .spawn()
                        .with_context(|| format!("starting {}", peer.name))?,
                ))
            })
            .collect::<Result<_>>()?;
        let ids: Vec<u32> = workers.iter().map(|worker| worker.0.id()).collect();
        let watch = Watch::start(vec![Group::new("workers", ids.clone())]);
        let progress = until_sent(&database, &ids, messages, peer.name).await?;
        let after = Snapshot::take()?;
        let memory = watch.finish();

        let mut groups = machines.groups();
        if peer.needs_redis {
            groups.retain(|group| group.name != "RabbitMQ");
        }
        groups.extend(redis.iter().map(|redis| Group::new("Redis", [redis.server.0.id()])));
        groups.extend([Group::new("workers", ids), meta.group()]);
        let per_thousand = |time: Duration| time.as_secs_f64() * 1e6 / messages as f64;
        let cpu = groups
            .iter()
            .map(|group| {
                let used = after
                    .of_trees(&group.roots)
                    .saturating_sub(before.of_trees(&group.roots));
                (group.name.clone(), per_thousand(used))
            })
            .collect();
        let report = meta.report().await?;
        let seconds = progress.1 - progress.0;
        Ok(Measurement {
            scenario: format!("{MARK}{}", peer.name),
            messages: messages as u64,
            seconds,
            per_second: messages.saturating_sub(1) as f64 / seconds,
            cpu,
            memory,
            post_ms: None,
            answer_ms: None,
            pace: None,
            notes: vec![format!("{cores} processes, {} POSTs", report.posts)],
        })
    }

    fn command(&self, peer: Peer) -> Command {
        let mut command = match peer.language {
            Language::Python => Command::new(self.folder.join("python/venv/bin/python")),
            Language::Node => Command::new("node"),
        };
        let home = self.folder.join(match peer.language {
            Language::Python => "python",
            Language::Node => "node",
        });
        command.arg(home.join(peer.script)).current_dir(home);
        command
    }
}

/// The peers' own table, with its rows.
async fn fill(database: &TestDatabase, messages: usize) -> Result<()> {
    let phones: Vec<String> = (0..8).map(|n| format!("2{n:05}0")).collect();
    let schema = fs::read_to_string(sources().join("schema.sql")).context("reading the peers' schema")?;
    let schema = schema
        .replace(":phones", &phones.join(","))
        .replace(":count", &phones.len().to_string())
        .replace(":messages", &messages.to_string());
    database.store.raw(&schema).await.context("making the peers' table")?;
    Ok(())
}

/// First and last time of a written row, in Unix seconds, once all are.
async fn until_sent(database: &TestDatabase, workers: &[u32], messages: usize, name: &str) -> Result<(f64, f64)> {
    let sql = fs::read_to_string(sources().join("progress.sql")).context("reading progress.sql")?;
    let began = Instant::now();
    let patience = Duration::from_secs(60) + Duration::from_millis(20) * u32::try_from(messages)?;
    loop {
        let row = database
            .store
            .raw(&sql)
            .await?
            .pop()
            .context("an aggregate has one row")?;
        if row["sent"].as_u64() == Some(messages as u64) {
            let time = |field: &str| row[field].as_f64().with_context(|| format!("no {field}"));
            return Ok((time("first_at")?, time("last_at")?));
        }
        let running = workers.iter().filter(|id| is_running(**id)).count();
        if running < workers.len() || began.elapsed() > patience {
            bail!("{name}: {running} of {} processes run, progress {}", workers.len(), row);
        }
        sleep(LOOK).await;
    }
}
