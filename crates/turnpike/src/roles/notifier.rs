//! Starts a notifier: the events exchange, and webhooks.

use ::notifier::{Courier, CourierOptions, Notifier, Options, deliver, run};
use ::outbound::{Client, ClientConfig};
use anyhow::Result;
use domain::destination::Policy;

use crate::process::Shared;

pub(super) fn start(outbound: Policy, shared: &Shared) -> Result<()> {
    let notifier = Notifier::new(
        shared.store.clone(),
        shared.publisher.clone(),
        &shared.topology,
        Options::default(),
    );
    let client = Client::new(ClientConfig::new(outbound))?;
    let courier = Courier::new(
        shared.store.clone(),
        client,
        shared.clock.clone(),
        CourierOptions::default(),
    );
    let (shutdown, health) = (shared.shutdown.clone(), shared.health.clone());
    shared
        .shutdown
        .spawn("notifier", async move { run(notifier, shutdown, &health).await });
    let (shutdown, health) = (shared.shutdown.clone(), shared.health.clone());
    shared
        .shutdown
        .spawn("webhooks", async move { deliver(courier, shutdown, &health).await });
    Ok(())
}
