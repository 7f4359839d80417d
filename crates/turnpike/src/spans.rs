//! Spans go to an OpenTelemetry collector: OTLP over HTTP, in JSON.
//!
//! The collector's own libraries would more than double what this executable is built of, for one POST of a short, stable format.

use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::{Client, Url};
use runtime::Shutdown;
use runtime::telemetry::traces::Json;
use serde_json::json;
use tokio::sync::mpsc;
use tracing::warn;

const MOST: usize = 512;
const WINDOW: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);

/// Where spans go.
#[derive(Debug)]
pub(crate) struct Collector {
    http: Client,
    url: Url,
    service: String,
}

impl Collector {
    /// A collector at this base address, as `http://127.0.0.1:4318`.
    pub(crate) fn new(base: &str, service: &str) -> Result<Self> {
        let url = Url::parse(&format!("{}/v1/traces", base.trim_end_matches('/')));
        let url = url.with_context(|| format!("{base:?} is no address of a collector; correct TURNPIKE_OTLP_URL"))?;
        let mut http = Client::builder().no_proxy().timeout(PATIENCE);
        if url.scheme() == "http" {
            // A machine without certificates can talk to its own.
            http = http.tls_certs_only([]);
        }
        let http = http
            .build()
            .context("setting up the HTTP client of the span exporter")?;
        Ok(Self {
            http,
            url,
            service: format!("turnpike {service}"),
        })
    }

    /// Sends spans on until the shutdown; what a collector does not take is lost.
    pub(crate) async fn run(self, mut spans: mpsc::Receiver<Json>, shutdown: Shutdown) {
        let mut open = true;
        while open {
            let first = tokio::select! {
                first = spans.recv() => first,
                () = shutdown.requested() => None,
            };
            open = first.is_some();
            if open {
                // Others join; at a shutdown whatever is there goes at once.
                tokio::select! {
                    () = tokio::time::sleep(WINDOW) => {}
                    () = shutdown.requested() => {}
                }
            }
            let mut batch = Vec::from_iter(first);
            while let Ok(span) = spans.try_recv() {
                batch.push(span);
                if batch.len() == MOST {
                    self.send(std::mem::take(&mut batch)).await;
                }
            }
            self.send(batch).await;
        }
    }

    async fn send(&self, spans: Vec<Json>) {
        if spans.is_empty() {
            return;
        }
        let count = spans.len();
        let service = json!({"key": "service.name", "value": {"stringValue": self.service}});
        let version = json!({"key": "service.version", "value": {"stringValue": env!("CARGO_PKG_VERSION")}});
        let body = json!({"resourceSpans": [{
            "resource": {"attributes": [service, version]},
            "scopeSpans": [{"scope": {"name": "turnpike"}, "spans": spans}],
        }]});
        let sent = self.http.post(self.url.clone()).json(&body).send().await;
        if let Err(error) = sent.and_then(reqwest::Response::error_for_status) {
            metrics::counter!("turnpike_spans_lost_total").increment(count as u64);
            warn!(
                count,
                "{count} spans were not taken by the collector: {}",
                error.without_url()
            );
        }
    }
}
