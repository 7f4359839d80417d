//! Starts a sender, with its connection to Meta.

use ::sender::{Config, Parts, run};
use anyhow::Result;
use domain::opaque::Signer;
use meta::{Client, ClientConfig};
use runtime::config;

use crate::process::Shared;

pub(super) fn start(
    meta: &config::Meta,
    test_meta: &config::TestMeta,
    journal: config::Journal,
    shared: &Shared,
) -> Result<()> {
    let client = |base_url: &str| Client::new(ClientConfig::new(base_url, &meta.version));
    let parts = Parts {
        store: shared.store.clone(),
        meta: client(&meta.base_url)?,
        test_meta: test_meta.base_url.as_deref().map(client).transpose()?,
        signer: Signer::new(&shared.key.0),
        address: shared.address.clone(),
        topology: shared.topology.clone(),
        publisher: shared.publisher.clone(),
    };
    let config = Config {
        journal: journal.folder,
        ..Config::default()
    };
    let (shutdown, health) = (shared.shutdown.clone(), shared.health.clone());
    shared
        .shutdown
        .spawn("sender", async move { run(parts, config, &shutdown, &health).await });
    Ok(())
}
