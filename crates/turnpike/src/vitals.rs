//! What every process says of itself, whatever its roles: whether the ledger answers, and how its connections are used.

use std::time::Duration;

use broker::Publisher;
use runtime::Shutdown;
use runtime::health::Probe;
use store::{Connections, Store};
use tokio::time::{sleep, timeout};

const EVERY: Duration = Duration::from_secs(2);
/// A ledger that takes longer to say that it is there does not count as there.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks every two seconds until the shutdown; `publisher` where the process has one.
pub(crate) async fn watch(store: Store, publisher: Option<Publisher>, probe: Probe, shutdown: Shutdown) {
    metrics::gauge!("turnpike_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    while !shutdown.is_requested() {
        match timeout(PATIENCE, store.ping()).await {
            Ok(Ok(())) => probe.up(),
            Ok(Err(error)) => probe.down(error.to_string()),
            Err(_) => probe.down(format!("PostgreSQL did not answer within {} s", PATIENCE.as_secs())),
        }
        let Connections {
            in_use,
            idle,
            waiting,
            most,
        } = store.connections();
        for (state, count) in [("in_use", in_use), ("idle", idle), ("waiting", waiting)] {
            metrics::gauge!("turnpike_db_connections", "state" => state).set(count as f64);
        }
        metrics::gauge!("turnpike_db_connections_max").set(most as f64);
        if let Some(publisher) = &publisher {
            let connected = f64::from(u8::from(publisher.is_connected()));
            metrics::gauge!("turnpike_broker_connected").set(connected);
        }
        tokio::select! {
            () = sleep(EVERY) => {}
            () = shutdown.requested() => {}
        }
    }
}
