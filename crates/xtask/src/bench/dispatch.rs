//! `cargo xtask bench dispatch`: a deep backlog that falls due in one second, single messages beside it, and a list of a million.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use runtime::Clock;
use serde_json::{Value, json};
use testkit::figures;
use tokio::time::sleep;

use super::rig::{Events, Machines, Plan, Rig};
use super::usage::{Memory, Watch};

/// Rows that are made with one statement.
const MADE_AT_ONCE: u32 = 25_000;
/// Between the last row made and the second in which they fall due.
const LEAD: f64 = 5.0;
/// Between two single messages.
const SINGLE: Duration = Duration::from_millis(200);
/// Longest run of one part.
const PATIENCE: Duration = Duration::from_secs(900);

/// Measure the scheduler: a deep backlog due in one second, single messages meanwhile, and an import
///
/// First without senders and with numbers that could take everything at once, so that the release alone is measured; then with a
/// sender and single messages beside the backlog; then the import of a list over HTTP. Prints one line for each.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Scheduled rows in all; six tenths of them fall due in the same second
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(100..=5_000_000))]
    rows: u32,
    /// Sender numbers
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=999))]
    numbers: u16,
    /// Seconds for which single messages are sent beside the backlog
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

pub(super) async fn measure(options: &Options, machines: &Machines) -> Result<()> {
    release(options, machines).await?;
    singles(options, machines).await?;
    import(options, machines).await
}

/// Numbers that hold nothing up, and a Meta that answers at once and tells of nothing.
fn plan(senders: usize, numbers: u16) -> Plan {
    Plan {
        senders,
        numbers,
        throughput: 1_000,
        latency: 0,
        webhooks: false,
        statements: false,
        explain: None,
        sql: None,
        events: Events::Written,
    }
}

/// A pipeline with the backlog in it, whose due part falls due soon.
async fn backlog(options: &Options, machines: &Machines, senders: usize, is_deep: bool) -> Result<(Rig, u64, f64)> {
    let rig = Rig::start(machines, plan(senders, options.numbers)).await?;
    let store = &rig.database.store;
    if is_deep {
        figures::without_depth(store).await?;
    }
    let due = options.rows / 10 * 6;
    // Far enough ahead for the rows to be there; those that are not due come after everything is over.
    let made_by = unix() + f64::from(options.rows) / 4_000.0;
    let at = made_by.max(unix() + 1.0) + LEAD;
    for from in (0..options.rows).step_by(MADE_AT_ONCE as usize) {
        let rows = MADE_AT_ONCE.min(options.rows - from);
        let due_rows = due.saturating_sub(from).min(rows);
        if due_rows > 0 {
            figures::make_scheduled(store, from, due_rows, at).await?;
        }
        if rows > due_rows {
            figures::make_scheduled(store, from + due_rows, rows - due_rows, at + 86_400.0).await?;
        }
    }
    ensure!(
        unix() < at,
        "making the rows took until they were due; take fewer with --rows"
    );
    Ok((rig, u64::from(due), at))
}

async fn release(options: &Options, machines: &Machines) -> Result<()> {
    let (rig, due, at) = backlog(options, machines, 0, true).await?;
    wait_until(at).await;
    let watch = Watch::start(rig.roles());
    let began = Instant::now();
    let mut released = 0.0;
    while released < due as f64 {
        ensure!(
            began.elapsed() < PATIENCE,
            "{released} of {due} were released\n{}",
            rig.logs()
        );
        sleep(Duration::from_millis(200)).await;
        figures::take_released(&rig.database.store).await?;
        released = Passes::of(&rig).await?.released;
    }
    let took = began.elapsed().as_secs_f64();
    let seen = figures::of_dispatch(&rig.database.store).await?;
    let memory = watch.finish().get("scheduler").copied().unwrap_or_default();
    println!(
        "release: {due} of {} rows in {took:.1} s = {:.0}/s over {} numbers, {} early; scheduler RSS {}",
        options.rows,
        due as f64 / took,
        options.numbers,
        seen.early,
        shown(memory)
    );
    let passes = Passes::of(&rig).await?;
    println!(
        "release: {:.0} passes of {:.1} ms on average, {:.0} of them took longer than 50 ms",
        passes.count,
        passes.seconds * 1_000.0 / passes.count.max(1.0),
        passes.count - passes.within
    );
    ensure!(seen.early == 0, "{} rows were released before their time", seen.early);
    Ok(())
}

/// The scheduler's release passes that did something, by its own metrics.
struct Passes {
    count: f64,
    /// All of them together.
    seconds: f64,
    /// Those of at most 50 ms.
    within: f64,
    /// Rows that they moved.
    released: f64,
}

impl Passes {
    async fn of(rig: &Rig) -> Result<Self> {
        let text = rig.metrics_of("scheduler").await?;
        // None before the first pass that did something.
        let number = |name: &str| {
            let value = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            value.unwrap_or_default()
        };
        Ok(Self {
            count: number("turnpike_release_pass_seconds_count"),
            seconds: number("turnpike_release_pass_seconds_sum"),
            within: number("turnpike_release_pass_seconds_bucket{le=\"0.05\"}"),
            released: number("turnpike_released_total"),
        })
    }
}

async fn singles(options: &Options, machines: &Machines) -> Result<()> {
    let (rig, _, at) = backlog(options, machines, 1, false).await?;
    wait_until(at).await;
    let began = Instant::now();
    let mut sent = 0;
    while began.elapsed() < Duration::from_secs(options.seconds) {
        let from = &rig.phones[sent % rig.phones.len()];
        let to = testkit::seed::recipient(sent);
        let body = json!({"to": to, "from": from, "type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}});
        post(&rig, "messages/whatsapp", &body, 202).await?;
        sent += 1;
        sleep(SINGLE).await;
    }
    let waited = Instant::now();
    let mut seen = figures::of_dispatch(&rig.database.store).await?;
    while (seen.singles as usize) < sent && waited.elapsed() < Duration::from_secs(30) {
        sleep(Duration::from_millis(200)).await;
        seen = figures::of_dispatch(&rig.database.store).await?;
    }
    let shown = |ms: Option<f64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0}"));
    println!(
        "singles: {} of {sent} beside the backlog, from accept to POST p50 {} ms, p99 {} ms (to the claim {} ms); {:.0} of the backlog released per second",
        seen.singles,
        shown(seen.single_p50_ms),
        shown(seen.single_p99_ms),
        shown(seen.single_claimed_p99_ms),
        seen.released as f64 / began.elapsed().as_secs_f64()
    );
    Ok(())
}

async fn import(options: &Options, machines: &Machines) -> Result<()> {
    let rig = Rig::start(machines, plan(0, 1)).await?;
    let made = post(&rig, "campaigns", &json!({"template_name": "hello"}), 201).await?;
    let id = made["data"]["campaign_id"].as_str().context("an id")?.to_owned();
    let rows = options.rows.min(domain::campaign::MAX_RECIPIENTS);
    let mut text = String::from("to\n");
    (0..rows).for_each(|n| text.push_str(&format!("+1777{n:07}\n")));
    // The line before the last is wrong, and is named.
    let wrong = rows;
    text.insert_str(text.len() - 13, "nobody\n");
    let watch = Watch::start(rig.roles());
    let began = Instant::now();
    let answer = add(&rig, &id, text.clone()).await?;
    let took = began.elapsed().as_secs_f64();
    let memory = watch.finish().get("ingest").copied().unwrap_or_default();
    let data = &answer["data"];
    ensure!(data["added"] == rows, "{answer}");
    ensure!(data["errors"][0]["line"] == wrong + 1, "{answer}");
    println!(
        "import: {rows} lines in {took:.1} s = {:.0}/s; ingest RSS {}",
        f64::from(rows) / took,
        shown(memory)
    );
    let again = add(&rig, &id, text).await?;
    ensure!(again["data"] == *data, "the same chunk twice: {again}");
    Ok(())
}

/// Hands a list in as the one chunk of a campaign.
async fn add(rig: &Rig, campaign: &str, list: String) -> Result<Value> {
    let url = format!("{}/api/v1/campaigns/{campaign}/recipients?chunk=all", rig.api);
    let request = rig.http.post(url).header("x-api-key", &rig.tenant.api_key);
    let request = request.header("content-type", "text/csv").timeout(PATIENCE).body(list);
    Ok(request.send().await?.json().await?)
}

async fn post(rig: &Rig, path: &str, body: &Value, status: u16) -> Result<Value> {
    let request = rig
        .http
        .post(format!("{}/api/v1/{path}", rig.api))
        .header("x-api-key", &rig.tenant.api_key);
    let answer = request.timeout(Duration::from_secs(30)).json(body).send().await?;
    let got = answer.status().as_u16();
    let text = answer.text().await?;
    ensure!(got == status, "POST {path} was answered with {got}: {text}");
    Ok(serde_json::from_str(&text)?)
}

fn shown(memory: Memory) -> String {
    format!(
        "{:.0} MB at most ({:.0} in the first quarter, {:.0} in the last)",
        memory.peak, memory.first_quarter, memory.last_quarter
    )
}

fn unix() -> f64 {
    Clock::system().now().timestamp_micros() as f64 / 1e6
}

async fn wait_until(at: f64) {
    sleep(Duration::from_secs_f64((at - unix()).max(0.0))).await;
}
