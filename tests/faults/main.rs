//! Nothing lost, nothing twice, whatever breaks: links, Meta, its webhooks, the servers. At the end of each test the checker lays the
//! customer's ledger, Meta's, the webhooks and the database side by side.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod links;
mod meta;
mod processes;
mod servers;
mod ways_in;
mod webhooks;

use testkit::run::{PATIENCE, Run, pace, slow, with};
