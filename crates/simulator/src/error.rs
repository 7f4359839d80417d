//! What can go wrong with the simulator itself (as opposed to what it is told to do wrong).

use std::io;
use std::net::SocketAddr;

/// An error of the simulator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is taken or not ours.
    #[error("binding {addr}: choose another address to listen on, or stop what uses it")]
    Bind {
        /// The address asked for.
        addr: SocketAddr,
        /// The operating system's word.
        source: io::Error,
    },
    /// A value of the configuration cannot be.
    #[error("reading the simulator's configuration: {0}")]
    Config(String),
    /// The HTTP client for webhooks could not be made.
    #[error("building the webhook client: check the machine's certificates")]
    Client(#[source] reqwest::Error),
    /// An inbound message for a number that is not there.
    #[error("injecting an inbound message: no number {0}; add it to `numbers` or switch `auto_register` on")]
    UnknownNumber(String),
    /// An inbound message without content.
    #[error("injecting an inbound message: type {0:?} needs a field of that name with its content")]
    NoContent(String),
    /// An inbound message from something that is no phone number.
    #[error("injecting an inbound message: `from` must be digits, with or without +")]
    NotAPhoneNumber,
    /// Asked to verify a webhook that is not set.
    #[error("verifying the webhook: set `webhook_url` first")]
    NoWebhook,
    /// The receiver did not answer Meta's verification as it must.
    #[error("verifying the webhook: {0}")]
    Verification(String),
}

/// What [`crate::Handle::wait_for`] waited for did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("the simulator's report did not become what was waited for; the last one was {0:#?}")]
pub struct NotYet(pub Box<crate::Report>);
