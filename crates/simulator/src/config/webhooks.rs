//! Which statuses follow an accepted message, when, and how webhooks travel.

use serde::{Deserialize, Serialize};

use super::Delay;

/// Meta packs at most this many updates into one POST.
const MOST_PER_POST: usize = 1_000;

/// Timing and transport of webhooks. Ordering and loss are [`crate::Fault`]s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// From the POST to `sent`.
    pub sent_after: Delay,
    /// From `sent` to `delivered`.
    pub delivered_after: Delay,
    /// From `delivered` to `read`.
    pub read_after: Delay,
    /// Share of messages that reach a device.
    pub delivered_ratio: f64,
    /// Share of delivered messages that are read with receipts on.
    pub read_ratio: f64,
    /// Most updates in one POST, 1 to 1,000.
    pub batch_max: usize,
    /// How long an update may wait for others to share its POST.
    pub batch_flush_ms: u64,
    /// POSTs under way at once.
    pub concurrency: usize,
    /// A POST without an answer is a failure after this long.
    pub timeout_ms: u64,
    /// Wait before the first repetition of a failed POST. Each further wait is twice as long.
    pub retry_first_ms: u64,
    /// The longest wait between repetitions.
    pub retry_most_ms: u64,
    /// A POST that fails for this long is given up (Meta: 7 days).
    pub give_up_after_ms: u64,
    /// Deliver `sent` before the POST is answered: the receiver hears of a wamid the sender does not know yet.
    pub sent_before_response: bool,
    /// Show `contacts[]` in the statuses sent, delivered and read (Meta: since April 2026).
    pub contacts: bool,
    /// Show business-scoped user ids (`user_id`, `recipient_user_id`, `from_user_id`).
    pub user_ids: bool,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            sent_after: Delay::Fixed(20),
            delivered_after: Delay::Uniform {
                min_ms: 50,
                max_ms: 250,
            },
            read_after: Delay::Uniform {
                min_ms: 100,
                max_ms: 500,
            },
            delivered_ratio: 1.0,
            read_ratio: 1.0,
            batch_max: 50,
            batch_flush_ms: 10,
            concurrency: 8,
            timeout_ms: 10_000,
            retry_first_ms: 250,
            retry_most_ms: 60_000,
            give_up_after_ms: 7 * 24 * 60 * 60 * 1_000,
            sent_before_response: false,
            contacts: true,
            user_ids: true,
        }
    }
}

impl Webhooks {
    pub(crate) fn check(&self) -> Result<(), String> {
        if !(1..=MOST_PER_POST).contains(&self.batch_max) {
            return Err(format!(
                "webhooks.batch_max: {} is not between 1 and {MOST_PER_POST}",
                self.batch_max
            ));
        }
        if self.concurrency == 0 {
            return Err("webhooks.concurrency: must be at least 1".into());
        }
        for (name, ratio) in [
            ("delivered_ratio", self.delivered_ratio),
            ("read_ratio", self.read_ratio),
        ] {
            if !(0.0..=1.0).contains(&ratio) {
                return Err(format!("webhooks.{name}: {ratio} is not between 0 and 1"));
            }
        }
        Ok(())
    }
}
