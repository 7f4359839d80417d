//! The role as a whole: both doors, until the shutdown.

use std::net::SocketAddr;

use axum::Router;
use axum::serve::ListenerExt as _;
use broker::{Address, Publisher, Topology};
use domain::destination::Policy;
use domain::network::Network;
use runtime::health::Health;
use runtime::{Clock, Shutdown};
use store::Store;
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::accept::Core;
use crate::batcher::Batcher;
use crate::credentials::Credentials;
use crate::http::{self, Api};
use crate::intake::Intake;
use crate::jobs::Jobs;

/// What the role works with.
#[derive(Debug)]
pub struct Ingest {
    /// The ledger.
    pub store: Store,
    /// The broker, for consuming.
    pub amqp: Address,
    /// Its names.
    pub topology: Topology,
    /// The broker, for publishing: jobs, replies, rejected copies. Its session is run by whoever made it, and must outlive the role.
    pub publisher: Publisher,
    /// Which addresses that customers name may be called, by us or by Meta.
    pub outbound: Policy,
    /// The time.
    pub clock: Clock,
    /// Meta: for files that people sent, and for what organizations ask of their accounts.
    pub meta: meta::Client,
    /// Where the role says how it is.
    pub health: Health,
    /// Proxies whose word counts about where a call comes from.
    pub proxies: Vec<Network>,
    /// There is a stand-in for the messages of test keys.
    pub test_mode: bool,
    /// Routes beside ours that need no API key: Meta's webhooks.
    pub beside: Router,
}

/// Serves HTTP on `listener` and consumes the intake queue, until the shutdown; then finishes what is in hand.
pub async fn run(ingest: Ingest, listener: TcpListener, shutdown: &Shutdown) {
    let jobs = Jobs::new(ingest.publisher.clone(), &ingest.topology, shutdown.clone());
    let core = Core::new(ingest.store.clone(), ingest.clock.clone(), jobs).allowing(ingest.outbound.clone());
    let credentials = Credentials::new(ingest.store.clone(), ingest.clock.clone(), ingest.test_mode);
    let batcher = Batcher::start(core.clone(), shutdown);
    let api = Api::new(
        ingest.store,
        ingest.meta,
        ingest.clock.clone(),
        batcher,
        credentials.clone(),
        (ingest.outbound, ingest.proxies),
        shutdown.clone(),
    );
    let intake = Intake {
        core,
        credentials,
        publisher: ingest.publisher,
        address: ingest.amqp,
        topology: ingest.topology,
        clock: ingest.clock,
    };
    // HTTP stays ready: what it takes in is a row, and rows can wait for the broker.
    let without = "HTTP goes on: messages are kept, and the scheduler rings for them when the broker is back";
    let probe = ingest.health.advisory("intake", without);
    let router = http::router(api, ingest.beside);
    tokio::join!(serve(listener, router, shutdown), intake.run(shutdown, probe));
}

async fn serve(listener: TcpListener, router: Router, shutdown: &Shutdown) {
    // Answers are small and somebody waits for each: none is held back to be sent with the next one.
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            warn!(%error, "a connection stays without TCP_NODELAY");
        }
    });
    let stop = shutdown.clone();
    // Keys may be bound to the addresses that they are used from.
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, service)
        .with_graceful_shutdown(async move { stop.requested().await })
        .await;
    match served {
        Ok(()) => info!("the HTTP API stopped"),
        Err(error) => shutdown.fail(format!("serving the HTTP API: {error}")),
    }
}
