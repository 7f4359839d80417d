//! Starts a scheduler with all its duties.

use ::scheduler::{Options, Scheduler, run};

use crate::process::Shared;

pub(super) fn start(shared: &Shared) {
    let scheduler = Scheduler::new(
        &shared.store,
        shared.publisher.clone(),
        shared.address.clone(),
        shared.topology.clone(),
        shared.clock.clone(),
        Options::default(),
    );
    let (shutdown, health) = (shared.shutdown.clone(), shared.health.clone());
    shared.shutdown.spawn(
        "scheduler",
        async move { Box::pin(run(scheduler, shutdown, &health)).await },
    );
}
