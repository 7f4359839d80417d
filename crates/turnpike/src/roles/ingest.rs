//! Starts ingest: both doors of the API, and Meta's webhooks beside them.

use ::ingest::webhooks::{self, Webhooks};
use ::ingest::{Ingest, run};
use anyhow::{Context as _, Result};
use domain::destination::Policy;
use domain::network::Network;
use meta::{Client, ClientConfig};
use runtime::config::{self, Http, MetaApp, Proxies, TestMeta};
use tokio::net::TcpListener;
use tracing::info;

use crate::output;
use crate::process::Shared;

/// Whom ingest believes and whom it may call.
pub(super) struct Beside {
    pub(super) outbound: Policy,
    pub(super) proxies: Proxies,
    pub(super) test_meta: TestMeta,
    pub(super) meta: config::Meta,
}

/// Binds first, so that an address in use is an error at start.
pub(super) async fn start(http: Http, app: MetaApp, beside: Beside, shared: &Shared) -> Result<()> {
    let listener = TcpListener::bind(http.addr).await.with_context(|| {
        format!(
            "listening on {}; choose another TURNPIKE_HTTP_ADDR, or stop what uses it",
            http.addr
        )
    })?;
    let addr = listener.local_addr()?;
    let webhooks = Webhooks {
        store: shared.store.clone(),
        app_secrets: vec![app.app_secret],
        verify_token: app.verify_token,
        clock: shared.clock.clone(),
    };
    let ingest = Ingest {
        store: shared.store.clone(),
        amqp: shared.address.clone(),
        topology: shared.topology.clone(),
        publisher: shared.publisher.clone(),
        outbound: beside.outbound,
        clock: shared.clock.clone(),
        meta: Client::new(ClientConfig::new(&beside.meta.base_url, &beside.meta.version))?,
        health: shared.health.clone(),
        // Every one of them was read as a network before.
        proxies: beside
            .proxies
            .networks
            .iter()
            .filter_map(|text| Network::parse(text))
            .collect(),
        test_mode: beside.test_meta.base_url.is_some(),
        beside: webhooks::routes(webhooks, &shared.shutdown),
    };
    let shutdown = shared.shutdown.clone();
    shared
        .shutdown
        .spawn("ingest", async move { run(ingest, listener, &shutdown).await });
    info!(http.url = format!("http://{addr}"), "the API is at http://{addr}");
    // On standard output, alone in its line: whoever chose port 0 reads it from here.
    output::data(format!("listening on http://{addr}"));
    Ok(())
}
