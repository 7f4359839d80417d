//! `cargo xtask demo`

mod load;
mod table;
mod types;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use simulator::Report;
use testkit::checkout;
use testkit::figures::{self, Route};
use testkit::seed::Choice;
use testkit::servers::{self, Servers};
use testkit::stack::{Plan, Stack};

use crate::cargo::{self, cargo};

/// Get PostgreSQL and RabbitMQ, build, run the whole pipeline on real input, show the result
///
/// A broadcast to 256 people over HTTP, 500 single messages over AMQP, a reply inside the service window and messages scheduled
/// seconds ahead go through ingest, scheduler, two senders and receipts, each a process of its own, to a stand-in for Meta that
/// keeps its own books. Its verdict is the last line: every message exactly once, no limit broken. Exits 0 only then.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Messages per second of the sender number
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(10..=1000))]
    throughput: u32,
    /// Show one message of every type and component instead, with each one's receipts
    #[arg(long)]
    types: bool,
}

/// Everything is handed in, sent and read well before this.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    eprintln!("building turnpike");
    let built = cargo::run(cargo(&["build", "--package", "turnpike", "--target-dir"]).arg(checkout::target()))?;
    ensure!(built.success(), "turnpike could not be built, see above");
    testkit::use_binary(
        checkout::target()
            .join("debug")
            .join(format!("turnpike{}", std::env::consts::EXE_SUFFIX)),
    );
    let began = Instant::now();
    let servers = Servers::ensure()?;
    eprintln!(
        "PostgreSQL and RabbitMQ are ready ({:.1} s)",
        began.elapsed().as_secs_f64()
    );

    let runtime = tokio::runtime::Runtime::new().context("starting a runtime")?;
    if options.types {
        let shown = runtime.block_on(types::show());
        if servers.started {
            servers::stop()?;
        }
        return Ok(if shown? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let outcome = runtime.block_on(demo(options, began));
    if servers.started {
        servers::stop()?;
    }
    let (routes, report) = outcome?;
    println!("{}", table::of_routes(&routes));
    println!("{}", table::verdict(&routes, &report));
    println!("done in {:.1} s after the build", began.elapsed().as_secs_f64());
    let all_well = report.ok && routes.iter().map(|route| route.accepted).sum::<u64>() == report.accepted;
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn demo(options: &Options, began: Instant) -> Result<(Vec<Route>, Report)> {
    let tenant = Choice {
        throughput: options.throughput,
        tier: "TIER_10K",
        ..Choice::default()
    };
    let meta = json!({"latency": {"min_ms": 30, "max_ms": 120}, "webhooks": {"read_ratio": 0.7}});
    let stack = Stack::start(
        Plan {
            tenant,
            simulator: Some(meta),
            strict_pace: true,
            ..Plan::default()
        },
        2,
    )
    .await?;
    eprintln!(
        "ingest, scheduler, two senders, receipts and the stand-in for Meta are running ({:.1} s)",
        began.elapsed().as_secs_f64()
    );
    eprintln!(
        "API at {}, Meta's stand-in at {}/_sim/report",
        stack.api,
        stack.meta.base_url()
    );

    let handed_in = load::hand_in(&stack).await?;
    eprintln!(
        "{} messages were handed in; {} of them must be refused",
        handed_in.messages, handed_in.to_be_refused
    );
    watch(&stack, handed_in).await?;
    let report = stack
        .meta
        .wait_for_webhooks(PATIENCE)
        .await
        .context("waiting for the last webhooks")?;
    let routes = testkit::until(PATIENCE, "the last webhook to be applied", async || {
        let routes = figures::by_route(&stack.database.store).await.ok()?;
        let told: u64 = report.webhooks.by_status.get("read").copied().unwrap_or_default();
        (routes.iter().map(|route| route.read).sum::<u64>() == told).then_some(routes)
    })
    .await;
    Ok((routes, report))
}

/// Live progress until every message left the pipeline and was delivered: one line that is rewritten on a terminal, else a line a
/// second.
async fn watch(stack: &Stack, handed_in: load::HandedIn) -> Result<()> {
    use std::io::IsTerminal;

    let live = std::io::stderr().is_terminal();
    let began = Instant::now();
    let mut last_line = Duration::ZERO;
    loop {
        let routes = figures::by_route(&stack.database.store).await?;
        let sum = |pick: fn(&Route) -> u64| routes.iter().map(pick).sum::<u64>();
        let (accepted, failed, delivered) = (sum(|r| r.accepted), sum(|r| r.failed), sum(|r| r.delivered));
        let line = format!(
            "{:5.1} s   accepted by Meta {accepted:>4}   refused {failed:>2}   delivered {delivered:>4}   read {:>4}   of {}",
            began.elapsed().as_secs_f64(),
            sum(|r| r.read),
            handed_in.messages
        );
        let finished = accepted + failed == handed_in.messages && delivered == accepted;
        if live {
            eprint!("\r{line}");
        } else if finished || began.elapsed() >= last_line + Duration::from_secs(1) {
            eprintln!("{line}");
            last_line = began.elapsed();
        }
        if finished {
            if live {
                eprintln!();
            }
            return Ok(());
        }
        ensure!(
            began.elapsed() < PATIENCE,
            "not everything was delivered within {PATIENCE:?}; the programs said:\n{}",
            stack.logs()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
