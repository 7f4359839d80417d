//! One connection to the broker and what is opened on it.

use std::time::Duration;

use futures_util::Stream;
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connect as _, ConnectionProperties, ErrorKind, Event};

use crate::error::{ANSWER, within};
use crate::subscription::Subscription;
use crate::topology::{Topology, short};
use crate::{Address, Error};

/// Longest wait for a connection, with name resolution, TLS and login.
const CONNECT: Duration = Duration::from_secs(10);

/// A connection without any recovery of its own: after the first error, drop it and open another.
///
/// Consume and publish on separate connections: a broker that blocks publishers stops reading the whole connection,
/// acknowledgements included. Dropping it (and what was opened on it) closes it; everything unsettled is redelivered.
#[derive(Debug)]
pub struct Connection {
    connection: lapin::Connection,
    name: String,
}

impl Connection {
    /// Connects. The broker shows `name` beside the connection.
    ///
    /// # Errors
    /// When there is no broker, it refuses the login, or it does not answer within 10 s.
    pub async fn open(address: &Address, name: &str) -> Result<Self, Error> {
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connection = within("connecting to the broker", CONNECT, address.uri().connect(properties)).await?;
        Ok(Self {
            connection,
            name: name.to_owned(),
        })
    }

    /// Declares exchanges, queues and bindings, which changes nothing where they exist.
    ///
    /// # Errors
    /// When one exists differently (delete it, or choose another prefix), or this user may not configure it.
    pub async fn declare(&self, topology: &Topology) -> Result<(), Error> {
        let channel = self.channel().await?;
        topology.declare(&channel).await?;
        close(&channel).await
    }

    /// Starts to consume, on a channel of its own. At most `prefetch` deliveries are out unsettled.
    ///
    /// # Errors
    /// When the queue does not exist or this user may not read it.
    pub async fn consume(&self, queue: &str, prefetch: u16) -> Result<Subscription, Error> {
        let channel = self.channel().await?;
        // Before the consume, always: the client library queues without bound what the broker sends.
        within(
            "limiting the prefetch",
            ANSWER,
            channel.basic_qos(prefetch, BasicQosOptions::default()),
        )
        .await?;
        let tag = short("consumer tag", &format!("{}:{queue}", self.name))?;
        let (name, options) = (short("queue name", queue)?, BasicConsumeOptions::default());
        let consumed = channel.basic_consume(name, tag, options, FieldTable::default());
        let consumer = within("consuming from a queue", ANSWER, consumed).await?;
        Ok(Subscription::new(channel, consumer, queue))
    }

    /// Closes in order. Whatever is unsettled then is redelivered, and under load also what was acknowledged in the last
    /// moment: a quorum queue holds acknowledgements back when it is busy, and forgets those it still holds.
    ///
    /// # Errors
    /// When the broker does not answer; the connection is gone all the same.
    pub async fn close(self) -> Result<(), Error> {
        match within(
            "closing the connection",
            ANSWER,
            self.connection.close(200, "OK".into()),
        )
        .await
        {
            // A subscription dropped a moment ago was about to close its channel, and finds it closed with the rest.
            Err(Error::Refused { source, .. }) if matches!(source.kind(), ErrorKind::InvalidChannelState(..)) => Ok(()),
            closed => closed,
        }
    }

    pub(crate) async fn channel(&self) -> Result<Channel, Error> {
        within("opening a channel", ANSWER, self.connection.create_channel()).await
    }

    pub(crate) fn events(&self) -> impl Stream<Item = Event> + Send + Unpin + 'static {
        Box::pin(self.connection.events_listener())
    }

    /// Whether the broker has stopped reading from publishers, short of memory or disk.
    pub(crate) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }
}

pub(crate) async fn close(channel: &Channel) -> Result<(), Error> {
    within("closing a channel", ANSWER, channel.close(200, "OK".into())).await
}
