//! RabbitMQ, the doorbell: exchanges and queues, publishing with confirms, consuming. The only crate that names `lapin`.
//!
//! **Invariants.** The broker is never the only copy of anything of ours, so losing a queue costs latency and nothing
//! else. A session ([`Connection`], [`PublisherDriver::session`]) returns on any error and never repairs itself; whoever
//! supervises it opens the next one. A [`Delivery`] belongs to the connection it came from: settling it later fails
//! instead of settling another one. A message counts as published only when the broker confirmed *and* did not return it.

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
