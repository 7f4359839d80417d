//! `cargo xtask soak`

mod fleet;
mod plan;
mod table;
mod watch;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use domain::State;
use serde_json::json;
use testkit::history::{Expectations, summary};
use testkit::load::{Load, Ways};
use testkit::recovery::Recovery;
use testkit::run::Run;
use testkit::servers::{self, Servers};
use testkit::stack::{Plan, Stack};
use testkit::verdict::Verdict;
use testkit::{checkout, seed, turnpike_binary, use_binary};

use self::fleet::Fleet;
use self::table::Soaked;

/// How long the last request may wait for its answer, and the last message for its end.
const PATIENCE: Duration = Duration::from_secs(600);

/// Kill processes at random for an hour, and show that nothing is lost and nothing sent twice
///
/// Two ingests, two schedulers, two receipts and four senders, as processes on real PostgreSQL and RabbitMQ, under a steady load over
/// HTTP and AMQP. One after the other is killed (SIGKILL) and started again a moment later, chosen by the seed. Meta's
/// stand-in is the referee, its webhooks flow all the time. At the end the checker lays all ledgers side by side. The same seed
/// makes the same kills; what each finds under way is up to the machine.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// How many kills
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    kills: u32,
    /// How long, in seconds
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u32).range(10..=172_800))]
    seconds: u32,
    /// Messages per second; a third single ones over HTTP, a third over AMQP, a third in broadcasts
    #[arg(long, default_value_t = 40.0)]
    rate: f64,
    /// Chooses victims and moments [default: another one each time, printed]
    #[arg(long)]
    seed: Option<u64>,
    /// Soak this executable instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    ensure!(
        options.rate > 0.0 && options.rate <= 10_000.0,
        "--rate is {}, and should be between 0 and 10,000",
        options.rate
    );
    let seed = options.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let binary = own_copy(options)?;
    eprintln!("seed {seed}; starting PostgreSQL, RabbitMQ and ten processes");
    let servers = Servers::ensure()?;
    let plan = Plan {
        // Large, but a limit: whom it counts is kept and checked.
        tenant: seed::Choice {
            tier: "TIER_5000K",
            // Enough to catch up after a kill. Far more would only let a busy machine give out slots that it cannot keep.
            throughput: (options.rate as u32 * 5).max(50),
            ..seed::Choice::default()
        },
        // Slow enough that every kill finds calls under way, and webhooks that come later than any second try would.
        simulator: Some(
            json!({"latency": {"min_ms": 20, "max_ms": 200}, "webhooks": {"sent_after": 1500}, "seed": seed}),
        ),
        ..Plan::default()
    };
    let runtime = tokio::runtime::Runtime::new().context("starting a runtime")?;
    let soaked = runtime.block_on(soak(options, seed, plan));
    fs::remove_file(&binary).context("removing our copy of the executable")?;
    if servers.started {
        servers::stop()?;
    }
    let soaked = soaked?;
    println!("\n{}", table::of(&soaked));
    if !soaked.verdict.broken.is_empty() {
        println!("{}", summary(&soaked.verdict.broken));
    }
    Ok(if soaked.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A copy of the executable that stays as it is, whatever is built in the next hour.
fn own_copy(options: &Options) -> Result<PathBuf> {
    let original = match &options.binary {
        Some(file) => file.clone(),
        None => turnpike_build()?,
    };
    let folder = checkout::target().join("soak");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let copy = folder.join(format!(
        "turnpike-{}{}",
        std::process::id(),
        std::env::consts::EXE_SUFFIX
    ));
    fs::copy(&original, &copy).with_context(|| format!("copying {}", original.display()))?;
    use_binary(copy.clone());
    ensure!(turnpike_binary() == copy, "another executable was chosen before");
    Ok(copy)
}

fn turnpike_build() -> Result<PathBuf> {
    let mut build = crate::cargo::cargo(&["build", "--package", "turnpike", "--target-dir"]);
    let built = crate::cargo::run(build.arg(checkout::target()))?;
    ensure!(built.success(), "turnpike could not be built, see above");
    let name = format!("turnpike{}", std::env::consts::EXE_SUFFIX);
    Ok(checkout::target().join("debug").join(name))
}

async fn soak(options: &Options, seed: u64, plan: Plan) -> Result<Soaked> {
    let kills = plan::of(seed, options.kills, Duration::from_secs(options.seconds.into()));
    let stack = Stack::start_fleet(plan, &fleet::ROLES).await?;
    let mut run = Run::on(stack);
    run.patience = PATIENCE;
    let load = Load::start(&run.stack, Ways::HttpAndAmqp, options.rate, 0)?;
    let mut fleet = Fleet::of(&run.stack);
    fleet.live_through(&mut run, &load, &kills).await?;
    eprintln!("the last kill is over; waiting for the last message to end");
    run.client = load.finish(PATIENCE).await?;
    run.until_quiet().await?;
    let uncertain = run.count(State::Uncertain).await?;
    run.end_holds().await?;
    let store = run.stack.database.unhurried();
    eprintln!("the slowest:\n{}", Recovery::slowest(&store).await?);
    let recovery = Recovery::read(&store).await?;
    // A call that had begun when its sender died, and did not reach Meta, cannot be told from one that did.
    let verdict = Verdict::of(&run.stack, &run.client, &Expectations::default().or(State::Unknown)).await?;
    Ok(Soaked {
        command: format!(
            "cargo xtask soak --kills {} --seconds {} --rate {} --seed {seed}",
            options.kills, options.seconds, options.rate
        ),
        published: run.client.published.len(),
        recoveries: fleet.recoveries(&recovery),
        lives: recovery.lives(),
        webhooks: run.stack.meta.report().webhooks.delivered,
        uncertain_at_the_end: uncertain,
        watched: fleet.watched,
        died: fleet.died,
        verdict,
    })
}

/// How many there are of each.
fn processes(role: &str) -> usize {
    fleet::ROLES.iter().filter(|other| **other == role).count()
}
