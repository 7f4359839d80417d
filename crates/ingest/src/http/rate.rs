//! How often a key may call: a bucket per key in this process, so the real limit is this one times the replicas. It protects the
//! service from a caller's endless loop and is no billing; limits towards Meta are counted in the ledger.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde_json::json;

use crate::problem::{Code, Problem};

/// Requests per minute of a key that has no limit of its own.
const PER_MINUTE: u32 = 50_000;

/// The buckets of all keys that called. A key that is not valid has none.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<HashMap<String, Bucket>>);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

/// Where a key stands after this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// Whether this request may go on.
    pub(super) allowed: bool,
    /// Requests per minute.
    pub(super) limit: u32,
    /// Requests left right now.
    pub(super) remaining: u32,
    /// Seconds until all of them are there again.
    pub(super) reset_seconds: u32,
    /// Seconds until there is one again.
    pub(super) retry_after: u32,
}

impl Rates {
    /// Takes one request's place.
    pub(super) fn take(&self, key_id: &str, per_minute: Option<u32>) -> Standing {
        self.take_at(key_id, per_minute.unwrap_or(PER_MINUTE), Instant::now())
    }

    fn take_at(&self, key_id: &str, per_minute: u32, now: Instant) -> Standing {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = f64::from(per_minute);
        let full = Bucket {
            tokens: limit,
            filled_at: now,
        };
        let bucket = buckets.entry(key_id.to_owned()).or_insert(full);
        let gained = now.saturating_duration_since(bucket.filled_at).as_secs_f64() * limit / 60.0;
        bucket.tokens = (bucket.tokens + gained).min(limit);
        bucket.filled_at = now;
        let allowed = bucket.tokens >= 1.0;
        if allowed {
            bucket.tokens -= 1.0;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the limit"
        )]
        Standing {
            allowed,
            limit: per_minute,
            remaining: bucket.tokens as u32,
            reset_seconds: ((limit - bucket.tokens) * 60.0 / limit).ceil() as u32,
            retry_after: ((1.0 - bucket.tokens).max(0.0) * 60.0 / limit).ceil().max(1.0) as u32,
        }
    }
}

impl Standing {
    pub(super) fn problem(self) -> Problem {
        let (limit, wait) = (self.limit, self.retry_after);
        let message = format!("This key may call {limit} times a minute; try again in {wait} seconds.");
        Problem::new(Code::RateLimited, message)
            .details(json!({"limit": limit, "window": "60 s", "retry_after": wait}))
            .retry_after(wait)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_key_that_used_its_minute_up_waits_for_the_next_token_and_others_do_not() {
        let (rates, start) = (Rates::default(), Instant::now());
        for _ in 0..PER_MINUTE {
            assert!(rates.take_at("one", PER_MINUTE, start).allowed);
        }

        let refused = rates.take_at("one", PER_MINUTE, start);

        assert_eq!(
            (refused.allowed, refused.remaining, refused.reset_seconds),
            (false, 0, 60)
        );
        assert!(rates.take_at("other", PER_MINUTE, start).allowed);
        assert!(
            rates
                .take_at("one", PER_MINUTE, start + Duration::from_millis(2))
                .allowed
        );
        assert_eq!(
            rates
                .take_at("one", PER_MINUTE, start + Duration::from_secs(3600))
                .remaining,
            PER_MINUTE - 1
        );
    }

    #[test]
    fn a_key_with_a_limit_of_its_own_is_told_when_to_come_again() {
        let (rates, start) = (Rates::default(), Instant::now());
        let take = |after: u64| rates.take_at("slow", 4, start + Duration::from_secs(after));
        for left in [3, 2, 1, 0] {
            let standing = take(0);
            assert_eq!((standing.allowed, standing.limit, standing.remaining), (true, 4, left));
        }

        let refused = take(0);

        assert_eq!(
            (refused.allowed, refused.retry_after, refused.reset_seconds),
            (false, 15, 60)
        );
        assert!(!take(14).allowed);
        assert!(take(16).allowed);
    }
}
