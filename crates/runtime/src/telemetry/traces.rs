//! Spans on their way out: collected here, sent on by whoever took the other end.
//!
//! Nobody waits for them. Without an exporter they cost nothing, and one that cannot keep up loses spans, which is counted.

use std::sync::OnceLock;

use tokio::sync::mpsc;

/// Spans that may wait for the exporter.
const WAITING: usize = 8_192;

/// A span as OTLP's JSON has it.
pub type Json = serde_json::Value;

static EXPORTER: OnceLock<mpsc::Sender<Json>> = OnceLock::new();

/// Takes the other end, once per process: spans are collected from now on. `None` when somebody has it already.
pub fn collect() -> Option<mpsc::Receiver<Json>> {
    let (spans, taken) = mpsc::channel(WAITING);
    EXPORTER.set(spans).ok().map(|()| taken)
}

/// Whether anybody wants spans.
pub fn are_wanted() -> bool {
    EXPORTER.get().is_some()
}

/// Hands a span on. `span` is only asked for when it is wanted.
pub fn record(span: impl FnOnce() -> Json) {
    if let Some(exporter) = EXPORTER.get()
        && exporter.try_send(span()).is_err()
    {
        metrics::counter!("turnpike_spans_lost_total").increment(1);
    }
}
