//! What is measured: a database, the roles and the stand-in for Meta, each a process of its own, on servers that nobody else uses.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use simulator::{Delay, Report};
use testkit::checkout;
use testkit::database::{self, TestDatabase};
use testkit::figures;
use testkit::program::{Program, Settings};
use testkit::seed::{self, Choice, Tenant};
use testkit::servers::Servers;
use testkit::servers::postgres::PrivatePostgres;
use testkit::servers::rabbitmq::PrivateRabbit;
use testkit::stack;
use tokio::time::sleep;

use super::listener::Listener;
use super::usage::{Group, is_running};

const APP_SECRET: &str = "bench-app-secret";
const VERIFY_TOKEN: &str = "bench-verify-token";
/// Between two questions whether all is done.
const LOOK: Duration = Duration::from_millis(100);
/// For a role to come up, a broker to connect, a report to be made.
const SOON: Duration = Duration::from_secs(60);

/// What becomes of events while something is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Events {
    /// Nothing is written down.
    Off,
    /// They are written with every change, and nobody tells them.
    Written,
    /// A notifier tells them too. No queue on the broker wants them.
    Told,
    /// And a queue on the broker takes them all, and is emptied by the benchmark itself.
    Heard,
}

impl Events {
    /// What a scenario's name says of them; nothing of what is usual.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Off => ", events off",
            Self::Written => "",
            Self::Told => ", events told",
            Self::Heard => ", events heard",
        }
    }

    /// Whether a notifier runs.
    pub(super) fn are_told(self) -> bool {
        matches!(self, Self::Told | Self::Heard)
    }
}

/// PostgreSQL and RabbitMQ for one call of the benchmark. Gone when dropped.
#[derive(Debug)]
pub(super) struct Machines {
    pub(super) servers: Servers,
    postgres: PrivatePostgres,
    rabbitmq: PrivateRabbit,
}

impl Machines {
    /// Blocks for some seconds.
    pub(super) fn start() -> Result<Self> {
        let postgres = PrivatePostgres::start("bench")?;
        let rabbitmq = PrivateRabbit::start("bench")?;
        let servers = Servers {
            database_url: postgres.database_url.clone(),
            amqp_url: rabbitmq.amqp_url.clone(),
            started: true,
        };
        Ok(Self {
            servers,
            postgres,
            rabbitmq,
        })
    }

    /// Keeps PostgreSQL's log in target/bench.
    pub(super) fn keep_log(&self, name: &str) -> Result<PathBuf> {
        let kept = folder()?.join(format!("{name}-postgres.log"));
        fs::copy(self.postgres.log_path(), &kept).with_context(|| format!("writing {}", kept.display()))?;
        Ok(kept)
    }

    pub(super) fn groups(&self) -> Vec<Group> {
        vec![
            Group::new("PostgreSQL", self.postgres.process_id()),
            Group::new("RabbitMQ", self.rabbitmq.process_id()),
        ]
    }
}

/// What differs from run to run.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) senders: usize,
    /// Sender numbers, and messages per second of each.
    pub(super) numbers: u16,
    pub(super) throughput: u32,
    /// Meta's time to answer, in milliseconds.
    pub(super) latency: u64,
    /// Statuses come back.
    pub(super) webhooks: bool,
    /// Count statements.
    pub(super) statements: bool,
    /// Log the plans of statements that take longer, in milliseconds.
    pub(super) explain: Option<u32>,
    /// Run this first.
    pub(super) sql: Option<String>,
    /// What becomes of events.
    pub(super) events: Events,
}

/// A running pipeline. Ends when dropped.
#[derive(Debug)]
pub(super) struct Rig {
    roles: Vec<(&'static str, Program)>,
    pub(super) meta: Meta,
    pub(super) tenant: Tenant,
    /// Sender numbers, E.164.
    pub(super) phones: Vec<String>,
    /// Base URL of the API.
    pub(super) api: String,
    pub(super) amqp_url: String,
    /// First word of every broker name.
    pub(super) prefix: String,
    pub(super) http: Client,
    /// Ends with it.
    _listener: Option<Listener>,
    // Last, so that it is dropped after the programs that use it.
    pub(super) database: TestDatabase,
}

impl Rig {
    /// Starts everything and waits until it is ready.
    pub(super) async fn start(machines: &Machines, plan: Plan) -> Result<Self> {
        let choice = Choice {
            // Large, but a limit: the set of unique recipients is kept.
            tier: "TIER_5000K",
            throughput: plan.throughput,
            ..Choice::default()
        };
        let (declared, phones) = seed::declaration_with_numbers(&choice, plan.numbers);
        let database = database::fresh_on(&machines.servers).await?;
        if plan.statements {
            figures::count_statements(&database.store).await?;
        }
        if plan.events == Events::Off {
            let sql = include_str!("../../sql/without_events.sql");
            database.store.raw(sql).await.context("switching events off")?;
        }
        if let Some(sql) = &plan.sql {
            database.store.raw(sql).await.context("running the file of --sql")?;
        }
        if let Some(milliseconds) = plan.explain {
            figures::explain_slow(&database.store, milliseconds).await?;
        }
        let tenant = seed::declared_tenant(&database.store, &choice, declared.clone()).await;
        let mut set_up = stack::simulated(&serde_json::from_value(declared)?)?;
        set_up.latency = Delay::Fixed(plan.latency);
        let meta = Meta::start(&set_up).await?;

        let prefix = format!("b{}-{}", std::process::id(), database_word(&database.url));
        let settings = Settings::new(&database.url, &database.amqp_url, &prefix)
            .with("TURNPIKE_META_BASE_URL", &meta.program.url)
            .with("TURNPIKE_META_APP_SECRET", APP_SECRET)
            .with("TURNPIKE_META_VERIFY_TOKEN", VERIFY_TOKEN)
            .with("TURNPIKE_HTTP_ADDR", "127.0.0.1:0");
        let names = ["ingest", "scheduler", "receipts"].into_iter();
        let names = names.chain(std::iter::repeat_n("sender", plan.senders));
        let names = names.chain(plan.events.are_told().then_some("notifier"));
        let mut roles = Vec::new();
        for name in names {
            roles.push((name, start(&[name], &settings, name == "ingest").await?));
        }
        let roles = tokio::task::spawn_blocking(move || ready(roles)).await??;
        let api = roles[0].1.url.clone();
        let listener = match plan.events {
            Events::Heard => Some(Listener::start(&database.amqp_url, &prefix).await?),
            _ => None,
        };
        if plan.webhooks {
            let url = format!("{api}/webhooks/meta");
            meta.configure(&json!({"webhook_url": url})).await?;
        }
        Ok(Self {
            roles,
            meta,
            tenant,
            phones,
            api,
            amqp_url: database.amqp_url.clone(),
            prefix,
            http: Client::builder().no_proxy().build()?,
            _listener: listener,
            database,
        })
    }

    /// The pipeline's own processes, a group for each role.
    pub(super) fn roles(&self) -> Vec<Group> {
        let mut groups: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for (name, program) in &self.roles {
            groups.entry(name).or_default().push(program.id());
        }
        groups.into_iter().map(|(name, ids)| Group::new(name, ids)).collect()
    }

    /// Waits until nothing is under way any more, webhooks included.
    pub(super) async fn until_idle(&self, patience: Duration) -> Result<()> {
        let began = Instant::now();
        loop {
            if figures::is_idle(&self.database.store).await? && self.meta.report().await?.webhooks.pending == 0 {
                // A webhook may have come in between the two questions.
                if figures::is_idle(&self.database.store).await? {
                    return Ok(());
                }
            }
            for (name, program) in &self.roles {
                ensure!(is_running(program.id()), "{name} ended:\n{}", last_lines(program));
            }
            if began.elapsed() > patience {
                let run = figures::of_run(&self.database.store, 0.0).await?;
                bail!(
                    "after {patience:?} {} of {} messages were accepted, others (by state and reason): {}\n{}",
                    run.accepted,
                    run.messages,
                    run.others,
                    self.logs()
                );
            }
            sleep(LOOK).await;
        }
    }

    /// Waits until the broker has every event; how long that took.
    pub(super) async fn until_told(&self, patience: Duration) -> Result<Duration> {
        let began = Instant::now();
        loop {
            let left = self.database.store.backlogs().await?.context("backlogs")?;
            if (left.untold, left.unnumbered) == (0, 0) {
                return Ok(began.elapsed());
            }
            ensure!(
                began.elapsed() < patience,
                "{} events were not told after {patience:?}",
                left.untold
            );
            sleep(LOOK).await;
        }
    }

    /// What a role says of itself, in the words of Prometheus.
    pub(super) async fn metrics_of(&self, role: &str) -> Result<String> {
        let (_, program) = self
            .roles
            .iter()
            .find(|(name, _)| *name == role)
            .context("a role that runs")?;
        let lines = program.lines();
        let address = lines.iter().find_map(|line| {
            line.split_once("http://")
                .filter(|_| line.contains("/metrics") || line.contains("admin"))
        });
        let (_, rest) = address.with_context(|| format!("the address of its metrics:\n{}", lines.join("\n")))?;
        let address = rest.split(['/', ' ', '"', ',', ';']).next().unwrap_or_default();
        let answer = self
            .http
            .get(format!("http://{address}/metrics"))
            .timeout(SOON)
            .send()
            .await?;
        Ok(answer.text().await?)
    }

    /// The end of every program's log.
    pub(super) fn logs(&self) -> String {
        let texts = self
            .roles
            .iter()
            .map(|(name, program)| format!("{name}:\n{}", last_lines(program)));
        texts.collect::<Vec<_>>().join("\n")
    }
}

/// The stand-in for Meta, in a process of its own, so that its CPU time can be told apart.
#[derive(Debug)]
pub(super) struct Meta {
    pub(super) program: Program,
    http: Client,
}

impl Meta {
    pub(super) async fn start(set_up: &simulator::Config) -> Result<Self> {
        let file = folder()?.join(format!("meta-{}.json", std::process::id()));
        fs::write(&file, serde_json::to_vec(set_up)?).with_context(|| format!("writing {}", file.display()))?;
        let settings = Settings::default()
            .with("TURNPIKE_META_APP_SECRET", APP_SECRET)
            .with("TURNPIKE_META_VERIFY_TOKEN", VERIFY_TOKEN);
        let config = file.to_str().context("a path in UTF-8")?;
        let program = start(
            &["simulator", "--listen", "127.0.0.1:0", "--config", config],
            &settings,
            true,
        )
        .await;
        fs::remove_file(&file)?;
        Ok(Self {
            program: program?,
            http: Client::builder().no_proxy().build()?,
        })
    }

    pub(super) fn group(&self) -> Group {
        Group::new("Meta's stand-in", [self.program.id()])
    }

    pub(super) async fn report(&self) -> Result<Report> {
        Ok(serde_json::from_value(self.get("/_sim/report").await?)?)
    }

    /// Every POST it saw: when (nanoseconds), and whether it was accepted.
    pub(super) async fn arrivals(&self) -> Result<Vec<(u64, bool)>> {
        let page = self.get("/_sim/ledger?limit=10000000").await?;
        let entries = page["entries"].as_array().context("a list of entries")?.iter();
        entries
            .map(|entry| {
                let at = entry["arrival_ns"].as_u64().context("an arrival")?;
                Ok((at, entry["accepted"] == true))
            })
            .collect()
    }

    async fn configure(&self, patch: &Value) -> Result<()> {
        let request = self.http.put(format!("{}/_sim/config", self.program.url)).json(patch);
        let answer = request.send().await.context("configuring the stand-in for Meta")?;
        ensure!(answer.status() == 200, "the stand-in for Meta refused {patch}");
        Ok(())
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let request = self.http.get(format!("{}{path}", self.program.url)).timeout(SOON);
        let answer = request.send().await.with_context(|| format!("GET {path}"))?;
        Ok(answer.json().await?)
    }
}

/// Lets PostgreSQL flush every commit to the disk from now on.
pub(super) async fn flush_commits(machines: &Machines) -> Result<()> {
    figures::flush_commits(&database::store(&machines.servers.database_url, 1)).await
}

/// Where results and what belongs to them are kept.
pub(super) fn folder() -> Result<PathBuf> {
    let folder = checkout::target().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    Ok(folder)
}

async fn start(arguments: &[&str], settings: &Settings, serves: bool) -> Result<Program> {
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let settings = settings.clone();
    let starting = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Program::start(&arguments, &settings, serves)
    };
    tokio::task::spawn_blocking(starting).await?
}

/// Waits until every role says that it is up, so that connecting is not measured.
fn ready(mut roles: Vec<(&'static str, Program)>) -> Result<Vec<(&'static str, Program)>> {
    for (_, program) in &mut roles {
        program.wait_for_line(SOON, |line| line.contains("ready: ").then_some(()))?;
    }
    Ok(roles)
}

fn last_lines(program: &Program) -> String {
    let lines = program.lines();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

/// Part of the database's name, which is nobody else's.
fn database_word(url: &str) -> &str {
    &url[url.len() - 8..]
}
