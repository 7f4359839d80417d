//! The referee's verdict in numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::Busiest;
use crate::media::MediaReport;

mod violation;

pub use violation::{Violation, ViolationKind, Violations};

/// What happened since the start, or since the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// True when no violation was seen, except tolerated ones.
    pub ok: bool,
    /// POSTs to `/messages` of any kind and outcome: the length of the ledger.
    pub posts: u64,
    /// Messages accepted, whether or not the caller learned it.
    pub accepted: u64,
    /// Accepted template messages.
    pub accepted_templates: u64,
    /// Accepted free-form messages.
    pub accepted_free_form: u64,
    /// Messages accepted whose answer never told the wamid (connection cut, 5xx, unreadable answer).
    pub accepted_unconfirmed: u64,
    /// Read marks taken.
    pub read_marks: u64,
    /// POSTs refused, by Graph error code.
    pub refused: BTreeMap<i64, u64>,
    /// POSTs whose connection was reset before anything was accepted.
    pub dropped: u64,
    /// Inbound messages injected.
    pub inbound: u64,
    /// Per sender number.
    pub numbers: BTreeMap<String, NumberReport>,
    /// Per business portfolio.
    pub portfolios: BTreeMap<String, PortfolioReport>,
    /// What was accepted more than once.
    pub duplicates: Duplicates,
    /// How webhooks fared.
    pub webhooks: WebhookReport,
    /// Files.
    pub media: MediaReport,
    /// How often each kind of fault struck.
    pub faults: BTreeMap<String, u64>,
    /// What the caller did that Meta forbids.
    pub violations: Violations,
}

impl Report {
    /// POSTs refused with any code.
    pub fn refused_total(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// One sender number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberReport {
    /// Messages per second it may do.
    pub throughput: u32,
    /// POSTs that reached it with a valid token.
    pub posts: u64,
    /// Messages accepted.
    pub accepted: u64,
    /// POSTs refused.
    pub refused: u64,
    /// Inbound messages.
    pub inbound: u64,
    /// The fullest one-second window of everything that counts towards the throughput, accepted or not.
    pub busiest_second: Busiest,
    /// The fullest one-second window of POSTs alone.
    pub busiest_second_outbound: Busiest,
}

/// One business portfolio.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortfolioReport {
    /// Meta's name of its messaging limit.
    pub tier: String,
    /// Unique recipients allowed in a moving day; none when unlimited.
    pub limit: Option<u32>,
    /// Unique recipients in the day up to now, outside the customer service window.
    pub unique_recipients: u64,
    /// The most that any moving day held.
    pub most_unique_recipients: u64,
}

/// Messages accepted more than once; each count is the number of repetitions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicates {
    /// The same opaque string (the same attempt) again.
    pub opaque: u64,
    /// The same message id again, perhaps in another attempt.
    pub message: u64,
}

/// Webhooks out of the simulator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookReport {
    /// Updates made but not yet delivered, those under way included.
    pub pending: u64,
    /// Updates that the receiver answered with 200.
    pub delivered: u64,
    /// Updates given up.
    pub given_up: u64,
    /// POSTs answered with 200.
    pub posts_ok: u64,
    /// POSTs answered otherwise or not at all.
    pub posts_failed: u64,
    /// POSTs that were repetitions.
    pub posts_retried: u64,
    /// Delivered updates by what they say: `sent`, `delivered`, `read`, `failed`, `inbound`.
    pub by_status: BTreeMap<String, u64>,
    /// `failed` statuses made, by code.
    pub failed_by_code: BTreeMap<i64, u64>,
}
