//! Webhooks to customers: how they are signed, when they are tried again, and when an endpoint is left alone.
//!
//! Headers and signature are those of the Standard Webhooks specification, so that receivers can use its libraries.

mod schedule;
mod secret;
mod standing;

pub use schedule::{ATTEMPTS, next};
pub use secret::{InvalidSecret, Secret};
pub use standing::{Disabled, PROBE_AFTER, Standing};

/// Header with the event's id: the same however often it is delivered, so that receivers can drop what they know.
pub const ID_HEADER: &str = "webhook-id";
/// Header with the time of the attempt, in seconds since 1970. Receivers refuse what is more than five minutes off.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// Header with one signature per valid secret, between spaces.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// The signature header for an attempt at `timestamp`, under every secret that is valid now.
pub fn signature_header(secrets: &[Secret], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signatures: Vec<String> = secrets.iter().map(|secret| secret.sign(id, timestamp, body)).collect();
    signatures.join(" ")
}
