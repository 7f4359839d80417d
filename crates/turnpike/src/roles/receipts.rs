//! Starts receipts, with the signer whose callback strings the sender sends.

use ::receipts::{Options, Receipts, run};
use domain::opaque::Signer;

use crate::process::Shared;

pub(super) fn start(shared: &Shared) {
    let signer = Signer::new(&shared.key.0);
    let receipts = Receipts::new(shared.store.clone(), signer, shared.clock.clone(), Options::default());
    let (shutdown, health) = (shared.shutdown.clone(), shared.health.clone());
    shared
        .shutdown
        .spawn("receipts", async move { run(receipts, shutdown, &health).await });
}
