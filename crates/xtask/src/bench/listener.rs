//! A neighbour on the broker, who takes every event from a queue of its own. Part of the benchmark's process, so its time counts as the client's.

use anyhow::Result;
use broker::{Address, Admin, Connection, Topology};
use tokio::task::JoinSet;

/// Deliveries that it acknowledges at once.
const HEARD: usize = 100;
/// Deliveries that it may have without an acknowledgement.
const PREFETCH: u16 = 500;

/// Listens until it is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    _listening: JoinSet<()>,
}

impl Listener {
    /// Binds a queue to all events of the pipeline with this prefix, and begins.
    pub(super) async fn start(amqp_url: &str, prefix: &str) -> Result<Self> {
        let (address, topology) = (Address::parse(amqp_url)?, Topology::new(prefix));
        let queue = format!("{prefix}.bench.listener");
        let admin = Admin::open(&address).await?;
        admin.bind_queue(&queue, &topology.exchanges.events, "#").await?;
        let connection = Connection::open(&address, "bench listener").await?;
        let mut subscription = connection.consume(&queue, PREFETCH).await?;
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            let _open = (connection, admin);
            let mut heard = Vec::new();
            while let Ok(Some(delivery)) = subscription.next().await {
                heard.push(delivery);
                if heard.len() >= HEARD && broker::ack_all(std::mem::take(&mut heard)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { _listening: listening })
    }
}
