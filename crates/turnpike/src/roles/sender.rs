//! Starts a sender, with its connection to Meta.

use ::sender::{Config, Parts, run};
use anyhow::Result;
use domain::opaque::Signer;
use meta::{Client, ClientConfig};
use runtime::config;

use crate::process::Shared;

pub(super) fn start(meta: &config::Meta, journal: config::Journal, shared: &Shared) -> Result<()> {
    let parts = Parts {
        store: shared.store.clone(),
        meta: Client::new(ClientConfig::new(&meta.base_url, &meta.version))?,
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
