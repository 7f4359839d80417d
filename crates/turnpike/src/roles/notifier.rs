//! Starts a notifier.

use ::notifier::{Notifier, Options, run};

use crate::process::Shared;

pub(super) fn start(shared: &Shared) {
    let notifier = Notifier::new(
        shared.store.clone(),
        shared.publisher.clone(),
        &shared.topology,
        Options::default(),
    );
    let (shutdown, health) = (shared.shutdown.clone(), shared.health.clone());
    shared
        .shutdown
        .spawn("notifier", async move { run(notifier, shutdown, &health).await });
}
