//! What became of the messages of a run, per route, read from the ledger.

use anyhow::Result;
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
