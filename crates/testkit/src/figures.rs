//! What became of the messages of a run, per route, read from the ledger.

use anyhow::{Context, Result};
use serde::Deserialize;
use store::Store;

/// One route: messages whose metadata said `{"route": …}`.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "each field is its own word, in messages or milliseconds")]
pub struct Route {
    pub route: Option<String>,
    pub messages: u64,
    pub accepted: u64,
    pub sent: u64,
    pub delivered: u64,
    pub read: u64,
    pub failed: u64,
    pub reasons: Vec<String>,
    /// When the first was accepted, Unix seconds.
    pub first_at: f64,
    /// When the last was posted to Meta, Unix seconds.
    pub last_post_at: Option<f64>,
    pub post_p50_ms: Option<f64>,
    pub post_p99_ms: Option<f64>,
    pub delivered_p50_ms: Option<f64>,
    pub delivered_p99_ms: Option<f64>,
}

/// The figures of every route, in the order in which they began.
///
/// # Errors
/// When the database does not answer.
pub async fn by_route(store: &Store) -> Result<Vec<Route>> {
    let rows = store.raw(include_str!("../sql/route_figures.sql")).await?;
    rows.into_iter().map(|row| Ok(serde_json::from_value(row)?)).collect()
}

/// One run of a benchmark: all messages since some moment.
#[derive(Debug, Clone, Deserialize)]
#[expect(
    missing_docs,
    reason = "each field is its own word, in messages, Unix seconds or milliseconds"
)]
pub struct Run {
    pub messages: u64,
    pub accepted: u64,
    pub read: u64,
    /// Admissions: one for each message, and one more for each that was given back or repeated.
    pub claims: u64,
    /// When the last outcome was recorded.
    pub last_recorded_at: Option<f64>,
    /// When the last webhook was applied; none when none came.
    pub last_applied_at: Option<f64>,
    pub post_p50_ms: Option<f64>,
    pub post_p90_ms: Option<f64>,
    pub post_p99_ms: Option<f64>,
    pub post_most_ms: Option<f64>,
    /// Messages by state and reason, for those that are not accepted.
    pub others: serde_json::Value,
}

/// The figures of all messages that were accepted by us at `since` (Unix seconds) or later.
///
/// # Errors
/// When the database does not answer.
pub async fn of_run(store: &Store, since: f64) -> Result<Run> {
    // Down to the millisecond, as ids are: a message of the first half millisecond counts too.
    let since = (since * 1_000.0).floor() / 1_000.0;
    let sql = include_str!("../sql/run_figures.sql").replace(":since", &format!("{since:.3}"));
    let row = store.raw(&sql).await?.pop().context("an aggregate has one row")?;
    Ok(serde_json::from_value(row)?)
}

/// Whether nothing is under way: no message, no flow, no webhook.
///
/// # Errors
/// When the database does not answer.
pub async fn is_idle(store: &Store) -> Result<bool> {
    let rows = store.raw(include_str!("../sql/idle.sql")).await?;
    Ok(rows.first().is_some_and(|row| row["idle"] == true))
}

/// Connections of a pipeline's programs to their database.
///
/// # Errors
/// When the database does not answer.
pub async fn connections(store: &Store) -> Result<u64> {
    let rows = store.raw(include_str!("../sql/connections.sql")).await?;
    let count = rows.first().and_then(|row| row["n"].as_u64());
    count.context("an aggregate has one row")
}

/// One statement, as `pg_stat_statements` saw it.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "each field is its own word, times in milliseconds")]
pub struct Statement {
    pub calls: u64,
    pub rows: u64,
    pub total_ms: f64,
    pub mean_ms: f64,
    pub top_level: bool,
    pub query: String,
}

/// Starts counting statements in this database, those inside of functions too; afterwards, new connections are counted.
///
/// # Errors
/// When the server was started without the extension.
pub async fn count_statements(store: &Store) -> Result<()> {
    store.raw(include_str!("../sql/count_statements.sql")).await?;
    Ok(())
}

/// Logs the plans of slow statements in this database, with what really happened; of new connections. Slows everything down.
///
/// # Errors
/// When the user is no superuser.
pub async fn explain_slow(store: &Store, milliseconds: u32) -> Result<()> {
    let sql = include_str!("../sql/explain_slow.sql").replace(":milliseconds", &milliseconds.to_string());
    store.raw(&sql).await?;
    Ok(())
}

/// Forgets what was counted.
///
/// # Errors
/// When [`count_statements`] was not called.
pub async fn forget_statements(store: &Store) -> Result<()> {
    store.raw("SELECT pg_stat_statements_reset()::text AS done").await?;
    Ok(())
}

/// The statements of this database that took longest altogether.
///
/// # Errors
/// When [`count_statements`] was not called.
pub async fn statements(store: &Store) -> Result<Vec<Statement>> {
    let rows = store.raw(include_str!("../sql/statements.sql")).await?;
    rows.into_iter().map(|row| Ok(serde_json::from_value(row)?)).collect()
}

/// Lets the server flush every commit to the disk, as it does by default anywhere but in tests.
///
/// # Errors
/// When the user is no superuser.
pub async fn flush_commits(store: &Store) -> Result<()> {
    for statement in [
        "ALTER SYSTEM SET fsync = on",
        "ALTER SYSTEM SET full_page_writes = on",
        "SELECT pg_reload_conf() AS done",
    ] {
        store.raw(statement).await?;
    }
    Ok(())
}

/// What became of a load of scheduled messages, and of single ones beside it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Dispatch {
    /// Scheduled rows that are no longer parked.
    pub released: u64,
    /// Of these, those that were before their time.
    pub early: u64,
    /// Single messages whose POST set out.
    pub singles: u64,
    /// From being accepted to being claimed; `None` before the first.
    pub single_claimed_p99_ms: Option<f64>,
    /// From being accepted to the POST.
    pub single_p50_ms: Option<f64>,
    /// From being accepted to the POST.
    pub single_p99_ms: Option<f64>,
}

/// Makes `rows` scheduled messages from the `from`-th on, over all numbers in turn, due at `due` (Unix seconds).
///
/// # Errors
/// When the database does not answer.
pub async fn make_scheduled(store: &Store, from: u32, rows: u32, due: f64) -> Result<()> {
    let sql = include_str!("../sql/dispatch_make.sql");
    let sql = sql
        .replace(":due", &format!("{due:.3}"))
        .replace(":from", &from.to_string());
    store.raw(&sql.replace(":rows", &rows.to_string())).await?;
    Ok(())
}

/// Lets the broker hold any number of rows of each number.
///
/// # Errors
/// When the database does not answer.
pub async fn without_depth(store: &Store) -> Result<()> {
    store.raw(include_str!("../sql/dispatch_deep.sql")).await?;
    Ok(())
}

/// Takes what is released, as senders would that take no time.
///
/// # Errors
/// When the database does not answer.
pub async fn take_released(store: &Store) -> Result<()> {
    store.raw(include_str!("../sql/dispatch_take.sql")).await?;
    Ok(())
}

/// The figures of [`Dispatch`], now.
///
/// # Errors
/// When the database does not answer.
pub async fn of_dispatch(store: &Store) -> Result<Dispatch> {
    let mut rows = store.raw(include_str!("../sql/dispatch_figures.sql")).await?;
    let row = rows.pop().context("an aggregate has one row")?;
    Ok(serde_json::from_value(row)?)
}
