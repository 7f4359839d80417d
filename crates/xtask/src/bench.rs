//! `cargo xtask bench`

mod dispatch;
mod listener;
mod load;
mod measurement;
mod peers;
mod rig;
mod saved;
mod scenario;
mod statements;
mod table;
mod usage;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use testkit::{checkout, servers};

use self::measurement::{Measurement, medians};
use self::peers::Installed;
use self::rig::Machines;
use self::saved::Saved;
use self::scenario::{Kind, Scenario};
use crate::cargo::{self, cargo};

/// Measure throughput, latency and CPU of a release build
///
/// Ingest, scheduler, receipts, senders and the stand-in for Meta run as processes of their own on a PostgreSQL and a RabbitMQ of
/// their own, all gates on. CPU time is read from the kernel per process, PostgreSQL's with all its children. Everything ends with
/// the call. Figures mean something on an otherwise idle machine only, and then as ratios: compare with --peers or --compare.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    #[command(subcommand)]
    part: Option<Part>,
    /// Only these, separated by commas [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Kind>,
    /// Messages of each backlog [default: 100,000 of a broadcast, 50,000 of others]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    messages: Option<u32>,
    /// Numbers of sender processes to measure with, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "1,2,4")]
    senders: Vec<usize>,
    /// Measure everything this often, alternately; the table shows the run with the median rate
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// Measure the same job as teams write it too, in Python and Node (tests/peers)
    #[arg(long)]
    peers: bool,
    /// Messages of a peer's backlog
    #[arg(long, default_value_t = 20_000)]
    peer_messages: usize,
    /// Only peers whose name contains this word
    #[arg(long, value_name = "WORD")]
    peer: Option<String>,
    /// Measure no route of ours
    #[arg(long, requires = "peers")]
    peers_only: bool,
    /// Sender numbers of the closed and open loads
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=999))]
    numbers: u16,
    /// Messages per second of each, as the largest that Meta grants: the pace is kept and, over all numbers, holds nothing up
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    throughput: u32,
    /// Meta's time to answer in the closed and open loads, in milliseconds
    #[arg(long, default_value_t = 0)]
    latency: u64,
    /// Messages per second of the open load [default: half of what `broadcast` reached just before]
    #[arg(long)]
    rate: Option<f64>,
    /// Recipients of each request of the open load
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=256))]
    open_recipients: u32,
    /// Length of the open and of the paced load, in seconds
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Measure this executable instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Let PostgreSQL flush every commit to the disk
    #[arg(long)]
    fsync: bool,
    /// Count PostgreSQL's statements and print the longest; costs a little
    #[arg(long)]
    statements: bool,
    /// Run this SQL in every fresh database first: to try an index, a setting or another version of a function
    #[arg(long, value_name = "FILE")]
    sql: Option<PathBuf>,
    /// Events: off (nothing is written down), written (nobody tells them), told (a notifier runs too), heard (a queue takes them too); `off,told` compares the two
    #[arg(long, value_enum, value_delimiter = ',', default_value = "written")]
    events: Vec<rig::Events>,
    /// Log the plans of statements that take longer than this many milliseconds, and keep PostgreSQL's log; slows everything down
    #[arg(long, value_name = "MS")]
    explain: Option<u32>,
    /// Name of the file in target/bench that keeps the results
    #[arg(long, default_value = "latest")]
    name: String,
    /// Print ratios to the results in this file
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
}

/// A part of the benchmark that is measured by itself.
#[derive(Debug, Subcommand)]
enum Part {
    Dispatch(dispatch::Options),
}

impl Options {
    fn kinds(&self) -> &[Kind] {
        const ALL: [Kind; 5] = [Kind::Broadcast, Kind::Open, Kind::Intake, Kind::Webhooks, Kind::Pace];
        if self.only.is_empty() { &ALL } else { &self.only }
    }

    fn sql(&self) -> Result<Option<String>> {
        let read = |file: &PathBuf| fs::read_to_string(file).with_context(|| format!("reading {}", file.display()));
        self.sql.as_ref().map(read).transpose()
    }
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let earlier = options.compare.as_deref().map(Saved::read).transpose()?;
    options.sql()?; // a mistyped name is told before the build
    testkit::use_binary(match &options.binary {
        Some(file) => file
            .canonicalize()
            .with_context(|| format!("looking for {}", file.display()))?,
        None => build()?,
    });
    let installed = if options.peers { Some(peers::install()?) } else { None };
    // An error means that one was chosen already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let _turn = testkit::exclusive();
    eprintln!("starting PostgreSQL and RabbitMQ");
    servers::Servers::ensure_installed()?;
    let machines = Machines::start()?;

    let runtime = tokio::runtime::Runtime::new().context("starting a runtime")?;
    if let Some(Part::Dispatch(dispatch)) = &options.part {
        runtime.block_on(Box::pin(dispatch::measure(dispatch, &machines)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let runs = runtime.block_on(measure(options, installed.as_ref(), &machines))?;
    let results = medians(&runs);
    if options.explain.is_some() {
        println!(
            "PostgreSQL's log is kept in {}",
            machines.keep_log(&options.name)?.display()
        );
    }
    println!("\n{}", table::of_results(&results));
    if let Some(lead) = table::of_lead(&results) {
        println!("{lead}");
    }
    if let Some(share) = table::of_events(&results) {
        println!("{share}");
    }
    if let Some(earlier) = &earlier {
        println!("{}", table::of_ratios(&results, &earlier.results));
    }
    let file = Saved::new(results).write(&options.name)?;
    println!("written to {}", file.display());
    Ok(ExitCode::SUCCESS)
}

/// The release build, brought up to date.
fn build() -> Result<PathBuf> {
    eprintln!("building turnpike (release)");
    let mut build = cargo(&["build", "--release", "--package", "turnpike", "--target-dir"]);
    let built = cargo::run(build.arg(checkout::target()))?;
    ensure!(built.success(), "turnpike could not be built, see above");
    let name = format!("turnpike{}", std::env::consts::EXE_SUFFIX);
    Ok(checkout::target().join("release").join(name))
}

/// Everything, `runs` times; every second time in the opposite order, so that no scenario always comes first.
async fn measure(options: &Options, installed: Option<&Installed>, machines: &Machines) -> Result<Vec<Measurement>> {
    if options.fsync {
        rig::flush_commits(machines).await?;
    }
    let mut measured: Vec<Measurement> = Vec::new();
    for round in 0..options.runs {
        let mut todo = tasks(options, installed);
        if round % 2 == 1 {
            todo.reverse();
        }
        for task in todo {
            let measurement = match task {
                Task::Ours(scenario) => {
                    eprintln!("run {}: {}", round + 1, scenario.name(options));
                    let half = half_of(&measured, &scenario, options);
                    Box::pin(scenario.run(machines, options, half)).await?
                }
                Task::Peer(installed, peer) => {
                    eprintln!("run {}: {}", round + 1, peer.name());
                    let messages = options.peer_messages;
                    Box::pin(installed.measure(peer, machines, messages, options.latency)).await?
                }
            };
            eprintln!(
                "  {:.0} messages/s, {:.0} ms CPU per 1,000",
                measurement.per_second,
                measurement.cpu_total()
            );
            measured.push(measurement);
        }
    }
    Ok(measured)
}

/// One thing to do.
#[derive(Debug, Clone, Copy)]
enum Task<'a> {
    Ours(Scenario),
    Peer(&'a Installed, peers::Peer),
}

fn tasks<'a>(options: &Options, installed: Option<&'a Installed>) -> Vec<Task<'a>> {
    let mut tasks = Vec::new();
    if !options.peers_only {
        tasks.extend(Scenario::all(options).into_iter().map(Task::Ours));
    }
    if let Some(installed) = installed {
        let wanted = |peer: &&peers::Peer| {
            options
                .peer
                .as_ref()
                .is_none_or(|word| peer.name().contains(word.as_str()))
        };
        tasks.extend(
            installed
                .peers
                .iter()
                .filter(wanted)
                .map(|peer| Task::Peer(installed, *peer)),
        );
    }
    tasks
}

/// Half of what the closed load reached last with the same senders.
fn half_of(measured: &[Measurement], scenario: &Scenario, options: &Options) -> Option<f64> {
    let closed = Scenario {
        kind: Kind::Broadcast,
        ..*scenario
    }
    .name(options);
    let last = measured
        .iter()
        .rev()
        .find(|measurement| measurement.scenario == closed)?;
    Some(last.per_second / 2.0)
}
