//! RabbitMQ, the doorbell: exchanges and queues, publishing with confirms, consuming. The only crate that names `lapin`.
//!
//! **Invariants.** The broker is never the only copy of anything of ours, so losing a queue costs latency and nothing
//! else. A session ([`Connection`], [`PublisherDriver::session`]) returns on any error and never repairs itself; whoever
//! supervises it opens the next one. A [`Delivery`] belongs to the connection it came from: settling it later fails
//! instead of settling another one. A message counts as published only when the broker confirmed *and* did not return it.
//!
//! A role consumes in sessions like this one, and acknowledges what it is handed whenever it is ready:
//!
//! ```
//! use broker::{Address, Connection, Delivery, Error, Topology};
//! use tokio::sync::mpsc;
//! use tokio_util::sync::CancellationToken;
//!
//! async fn session(
//!     address: &Address,
//!     topology: &Topology,
//!     jobs: &mpsc::Sender<Delivery>,
//!     stop: &CancellationToken,
//!     drained: impl Future<Output = ()>,
//! ) -> Result<(), Error> {
//!     let connection = Connection::open(address, "turnpike sender").await?;
//!     connection.declare(topology).await?;
//!     let mut rt = connection.consume(&topology.queues.rt, 300).await?;
//!     let mut bulk = connection.consume(&topology.queues.bulk, 500).await?;
//!     tokio::try_join!(rt.forward(jobs, stop), bulk.forward(jobs, stop))?;
//!     drained.await; // `rt` and `bulk` are still open, so what is in work can be acknowledged
//!     connection.close().await
//! }
//! ```
//!
//! and publishes through a [`Publisher`] whose [`PublisherDriver::session`] is run again by the same supervision.

mod address;
mod admin;
mod connection;
mod delivery;
mod error;
mod publisher;
mod settling;
mod subscription;
mod topology;

pub use address::Address;
pub use admin::{Admin, Depth};
pub use connection::Connection;
pub use delivery::{Delivery, Properties, ack_all, requeue_all};
pub use error::Error;
pub use publisher::{Failure, Outgoing, Published, Publisher, PublisherDriver, Unroutable};
pub use subscription::Subscription;
pub use topology::{Exchanges, Queues, Topology, key};
