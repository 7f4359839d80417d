//! What can go wrong with the broker. Every one of these ends the session; the next one starts afresh.

use std::time::Duration;

/// Longest wait for any answer of the broker but a connect: a blocked or vanished broker is silent, not failing.
pub(crate) const ANSWER: Duration = Duration::from_secs(5);

/// Something the broker, or the way to it, did not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not an AMQP address. The text is not repeated, as it may hold a password.
    #[error(
        "reading the broker's address: expected amqp://user:password@host:5672/%2f or amqps://…, with a host name or an IPv4 address"
    )]
    Address,
    /// The broker or the connection refused.
    #[error("{doing}")]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: lapin::Error,
    },
    /// No answer in time.
    #[error("{doing}: no answer within {} s, the connection is given up", .limit.as_secs())]
    Silent {
        /// What was being done.
        doing: &'static str,
        /// How long the answer was waited for.
        limit: Duration,
    },
    /// The broker ended the consumer without an error.
    #[error("consuming from {queue}: the broker ended it, as it does when a queue is deleted or its node goes down")]
    Ended {
        /// The queue.
        queue: String,
    },
    /// The delivery belongs to a connection that is gone.
    #[error("settling a delivery of a connection that is gone: the broker delivers it again")]
    Stale,
    /// Messages were published, and the broker did not say what became of them.
    #[error("publishing: {unconfirmed} messages were not confirmed within {} s, the connection is given up", .limit.as_secs())]
    Unconfirmed {
        /// How many.
        unconfirmed: usize,
        /// How long the confirms were waited for.
        limit: Duration,
    },
    /// The channel does not confirm what it publishes, so nothing on it can be called published.
    #[error("publishing: the channel does not confirm")]
    NotConfirming,
    /// The connection ended while nothing was being done on it.
    #[error("keeping the connection to the broker open: it ended")]
    Closed,
    /// A name longer than AMQP allows.
    #[error("{what} is {} bytes long, AMQP allows 255", .length)]
    TooLong {
        /// What kind of name.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
    },
}

/// Runs one call to the broker, at most `limit` long.
pub(crate) async fn within<T>(
    doing: &'static str,
    limit: Duration,
    call: impl Future<Output = lapin::Result<T>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, call).await {
        Ok(outcome) => outcome.map_err(|source| Error::Refused { doing, source }),
        Err(_) => Err(Error::Silent { doing, limit }),
    }
}
