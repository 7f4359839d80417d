//! What ends a session of the sender. The next one starts afresh; nothing is lost by it.

/// Why a session ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The broker, or the way to it.
    #[error(transparent)]
    Broker(#[from] broker::Error),
    /// The ledger, or the way to it.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A job that nobody can read could not be put among the dead letters, so it stays where it is.
    #[error("setting aside a job that cannot be read: {0}")]
    DeadLetter(broker::Failure),
    /// A lane came to an end by a panic.
    #[error("working on the lane {0}: a panic, see the log before this line")]
    Panicked(&'static str),
}
