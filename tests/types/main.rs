//! Every message type of WhatsApp: the bytes that are sent, the webhooks that come in, the limits. The simulator's validator is written
//! from Meta's documentation and shares no line with ours, so a limit that was read wrong is read wrong twice or found.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod everywhere;
mod golden;
mod limits;
mod never_refused;
mod received;
mod sent;
mod table;
mod told;
