//! Starts a scheduler with all its duties.

use ::scheduler::{Accounts, Options, Scheduler, run, run_accounts};
use anyhow::Result;
use meta::{Client, ClientConfig};
use runtime::config;

use crate::process::Shared;

pub(super) fn start(meta: &config::Meta, shared: &Shared) -> Result<()> {
    let scheduler = Scheduler::new(
        &shared.store,
        shared.publisher.clone(),
        shared.address.clone(),
        shared.topology.clone(),
        shared.clock.clone(),
        Options::default(),
    );
    let client = Client::new(ClientConfig::new(&meta.base_url, &meta.version))?;
    let accounts = Accounts::new(shared.store.clone(), client);
    let stop = shared.shutdown.clone();
    shared
        .shutdown
        .spawn("accounts", async move { run_accounts(accounts, stop).await });
    let (shutdown, health) = (shared.shutdown.clone(), shared.health.clone());
    shared.shutdown.spawn(
        "scheduler",
        async move { Box::pin(run(scheduler, shutdown, &health)).await },
    );
    Ok(())
}
