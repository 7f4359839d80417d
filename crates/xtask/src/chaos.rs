//! `cargo xtask chaos`

mod table;

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use futures_util::FutureExt as _;
use testkit::chaos::{Figures, Row, Size};
use testkit::history::summary;
use testkit::servers::Servers;
use testkit::{checkout, use_binary};

use self::table::Played;
use crate::cargo::{self, cargo};

/// Strike the pipeline with every fault there is, and show that nothing is lost and nothing sent twice
///
/// Each row is a pipeline of its own: processes (two ingests, two schedulers, two receipts, four senders, where not said otherwise) on
/// real PostgreSQL and RabbitMQ, a steady load over HTTP and AMQP, Meta's stand-in with its webhooks. At the end of each row the checker
/// lays all ledgers side by side. The program is built with its crash points, which a release does not have.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Only rows whose name begins like this; several are separated by commas
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Say which rows there are, and play none
    #[arg(long)]
    list: bool,
    /// Chooses which pass of its point each process dies at [default: another one each time, printed]
    #[arg(long)]
    seed: Option<u64>,
    /// Smaller: two faults of each kind, 100 messages where a share of them is struck
    #[arg(long)]
    short: bool,
    /// Faults of each row that strikes one by one
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    faults: u16,
    /// Messages per second
    #[arg(long, default_value_t = 30.0)]
    rate: f64,
    /// Messages of each row whose faults strike a share of them
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    messages: u32,
    /// Use this executable, which has to have its crash points, instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

impl Options {
    fn rows(&self) -> Vec<Row> {
        let is_wanted = |row: &Row| self.only.is_empty() || self.only.iter().any(|begin| row.name.starts_with(begin));
        Row::all().into_iter().filter(is_wanted).collect()
    }

    fn size(&self, seed: u64) -> Size {
        let long = Size {
            seed,
            faults: self.faults.into(),
            rate: self.rate,
            messages: self.messages as usize,
            standstill: Duration::from_secs(120),
            rolls: 10,
        };
        if self.short {
            return Size {
                faults: 2,
                messages: 100,
                rolls: 1,
                ..long
            };
        }
        long
    }
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let rows = options.rows();
    ensure!(!rows.is_empty(), "no row's name begins like this; see --list");
    if options.list {
        for row in rows {
            println!("{:<24} {}", row.name, row.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    ensure!(
        options.rate > 0.0 && options.rate <= 10_000.0,
        "--rate is {}, and should be between 0 and 10,000",
        options.rate
    );
    let seed = options.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    use_binary(match &options.binary {
        Some(file) => file
            .canonicalize()
            .with_context(|| format!("looking for {}", file.display()))?,
        None => build()?,
    });
    eprintln!("seed {seed}");
    let servers = Servers::ensure()?;
    let runtime = tokio::runtime::Runtime::new().context("starting a runtime")?;
    let size = options.size(seed);
    let mut played = Vec::new();
    for row in rows {
        let one = runtime.block_on(play(row, &size));
        eprintln!("{}", table::line(&one));
        if let Some(complaint) = one.complaints() {
            eprintln!("{complaint}");
        }
        if !one.is_clean() {
            eprintln!("replay: cargo xtask chaos --only {} --seed {seed}", one.row.name);
        }
        played.push(one);
    }
    if servers.started {
        testkit::servers::stop()?;
    }
    println!("\n{}", table::of(&played));
    println!("seed {seed}, {} messages/s", options.rate);
    Ok(if played.iter().all(Played::is_clean) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The program with its crash points.
fn build() -> Result<PathBuf> {
    let mut build = cargo(&[
        "build",
        "--package",
        "turnpike",
        "--features",
        "crash-points",
        "--target-dir",
    ]);
    let built = cargo::run(build.arg(checkout::target()))?;
    ensure!(built.success(), "turnpike could not be built, see above");
    let name = format!("turnpike{}", std::env::consts::EXE_SUFFIX);
    Ok(checkout::target().join("debug").join(name))
}

/// One row; a panic in it is its failure and nobody else's.
async fn play(row: Row, size: &Size) -> Played {
    let begun = Instant::now();
    let outcome: Result<Figures> = AssertUnwindSafe(row.play(size))
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(anyhow!("a panic: {}", text.unwrap_or_default()))
        });
    Played {
        row,
        took: begun.elapsed(),
        outcome,
    }
}

impl Played {
    fn is_clean(&self) -> bool {
        matches!(&self.outcome, Ok(figures) if figures.broken.is_empty())
    }

    fn complaints(&self) -> Option<String> {
        match &self.outcome {
            Ok(figures) if figures.broken.is_empty() => None,
            Ok(figures) => Some(summary(&figures.broken)),
            Err(error) => Some(format!("{error:#}")),
        }
    }
}
