//! Looking at queues and clearing them, for checks, operators and tests.

use lapin::ErrorKind;
use lapin::options::{QueueDeclareOptions, QueuePurgeOptions};
use lapin::types::FieldTable;

use crate::connection::close;
use crate::error::{ANSWER, within};
use crate::topology::{Topology, bind, declare_queue, short};
use crate::{Address, Connection, Error};

/// AMQP's code for a thing that does not exist.
const NOT_FOUND: u16 = 404;

/// A connection to ask about queues. Each question has its own channel, as the broker answers a no by closing it.
#[derive(Debug)]
pub struct Admin(Connection);

/// What is in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Messages waiting for a consumer; those out unsettled do not count.
    pub ready: u32,
    /// Consumers.
    pub consumers: u32,
}

impl Admin {
    /// Connects.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub async fn open(address: &Address) -> Result<Self, Error> {
        Ok(Self(Connection::open(address, "turnpike admin").await?))
    }

    /// Declares the topology, as [`Connection::declare`].
    ///
    /// # Errors
    /// As [`Connection::declare`].
    pub async fn declare(&self, topology: &Topology) -> Result<(), Error> {
        self.0.declare(topology).await
    }

    /// What is in a queue; `None` when there is no such queue.
    ///
    /// # Errors
    /// When the connection broke or the broker does not answer.
    pub async fn queue_depth(&self, queue: &str) -> Result<Option<Depth>, Error> {
        let channel = self.0.channel().await?;
        let options = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let asked = channel.queue_declare(short("queue name", queue)?, options, FieldTable::default());
        match within("looking at a queue", ANSWER, asked).await {
            Ok(found) => {
                close(&channel).await?;
                Ok(Some(Depth {
                    ready: found.message_count(),
                    consumers: found.consumer_count(),
                }))
            }
            Err(Error::Refused { source, .. }) if is_not_found(&source) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a queue of somebody who listens: it gets what is published on `exchange` with a routing key that fits `key`, as
    /// `acme.message.*` fits `acme.message.sent`. Again is harmless.
    ///
    /// # Errors
    /// When there is no such exchange, or the queue exists differently.
    pub async fn bind_queue(&self, queue: &str, exchange: &str, key: &str) -> Result<(), Error> {
        let channel = self.0.channel().await?;
        declare_queue(&channel, queue).await?;
        bind(&channel, queue, exchange, key).await?;
        close(&channel).await
    }

    /// Removes what is waiting in a queue and returns how many messages that were.
    ///
    /// # Errors
    /// When there is no such queue, or as [`queue_depth`](Self::queue_depth).
    pub async fn purge(&self, queue: &str) -> Result<u32, Error> {
        let channel = self.0.channel().await?;
        let purged = channel.queue_purge(short("queue name", queue)?, QueuePurgeOptions::default());
        let removed = within("purging a queue", ANSWER, purged).await?;
        close(&channel).await?;
        Ok(removed)
    }

    /// Deletes a queue with what is in it. A queue that does not exist is no error.
    ///
    /// # Errors
    /// As [`queue_depth`](Self::queue_depth).
    pub async fn delete_queue(&self, queue: &str) -> Result<(), Error> {
        let channel = self.0.channel().await?;
        let deleted = channel.queue_delete(short("queue name", queue)?, Default::default());
        within("deleting a queue", ANSWER, deleted).await?;
        close(&channel).await
    }

    /// Deletes every exchange and queue of a topology, with what is in them.
    ///
    /// # Errors
    /// As [`queue_depth`](Self::queue_depth).
    pub async fn delete(&self, topology: &Topology) -> Result<(), Error> {
        let channel = self.0.channel().await?;
        topology.delete(&channel).await?;
        close(&channel).await
    }

    /// Closes in order.
    ///
    /// # Errors
    /// As [`Connection::close`].
    pub async fn close(self) -> Result<(), Error> {
        self.0.close().await
    }
}

fn is_not_found(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error) if error.get_id() == NOT_FOUND)
}
