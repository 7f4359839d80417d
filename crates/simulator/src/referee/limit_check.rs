//! Meta's limits at work on one POST: measured on arrival, checked all together, used up only when all have room.

use std::sync::Arc;

use super::addressee::Addressee;
use super::{Post, Referee, Refused, refuse};
use crate::config::{Config, FreeFormOutsideWindow};
use crate::graph_error::GraphError;
use crate::ledger::Entry;
use crate::limits::{MovingSet, PairRate};
use crate::report::ViolationKind;
use crate::request::{Content, Message};

impl Referee {
    /// Counts an arrival against its number's throughput, whatever becomes of it. False when there is no such number.
    pub(super) fn measure(&mut self, post: &Post<'_>, counted: bool, seq: u64) -> bool {
        let Some(state) = self.number(post.phone_number_id) else {
            return false;
        };
        state.posts += 1;
        if counted {
            let fullest = state.measure_outbound(post.arrival_ns);
            self.judge_throughput(post.phone_number_id, fullest, post.arrival_ns, seq);
        }
        true
    }

    pub(super) fn judge_throughput(&mut self, phone_number_id: &str, fullest: u64, at_ns: u64, seq: u64) {
        let Some(state) = self.numbers.get(phone_number_id) else {
            return;
        };
        let throughput = state.number.throughput;
        if fullest > u64::from(throughput) {
            let detail = format!("{fullest} messages in one second, {throughput} allowed");
            self.violate(ViolationKind::ThroughputExceeded, seq, at_ns, phone_number_id, detail);
        }
    }

    /// Checks every limit before any is used up. True when the message goes outside the customer service window.
    pub(super) fn check_limits(
        &mut self,
        message: &Message,
        phone_number_id: &str,
        addressee: &Addressee,
        entry: &Entry,
    ) -> Result<bool, Refused> {
        let config = Arc::clone(&self.config);
        let limits = &config.limits;
        let (now_ns, seq) = (self.latest_ns, entry.seq);
        let rate = pair_rate(&config);
        let set_length = day_ns(&config);

        let state = self.numbers.get_mut(phone_number_id).expect("measured, so it exists");
        let window_open = state.window_open(&addressee.key, now_ns);
        let is_template = matches!(message.content, Content::Template(_));
        let portfolio = state.number.portfolio().to_owned();

        if !state.pair_has_room(&addressee.key, rate, now_ns) {
            let detail = format!("more than {} messages at once to one recipient", rate.burst);
            self.violate(ViolationKind::PairRateExceeded, seq, now_ns, phone_number_id, detail);
            return Err(refuse(GraphError::of(131_056).with_status(limits.throttle_http_status)));
        }
        let most = u64::from(state.number.throughput) + u64::from(limits.throughput_burst);
        if limits.enforce_throughput && state.admitted_in_second(entry.arrival_ns) >= most {
            return Err(refuse(GraphError::of(130_429).with_status(limits.throttle_http_status)));
        }
        if !window_open && !is_template {
            let detail = "free-form content, and no inbound message within a day".to_owned();
            self.violate(
                ViolationKind::FreeFormOutsideWindow,
                seq,
                now_ns,
                phone_number_id,
                detail,
            );
            if limits.free_form_outside_window == FreeFormOutsideWindow::Refuse {
                return Err(refuse(GraphError::of(131_047)));
            }
        }
        if !window_open && is_template {
            let set = self
                .portfolios
                .entry(portfolio.clone())
                .or_insert_with(|| MovingSet::new(set_length));
            set.expire(now_ns);
            let recipients = config.tier_of(&portfolio).recipients();
            if recipients.is_some_and(|most| set.len() >= most as usize) && !set.contains(&addressee.key) {
                let detail = format!("new recipient when {} were reached within a day", set.len());
                self.violate(
                    ViolationKind::MessagingLimitExceeded,
                    seq,
                    now_ns,
                    phone_number_id,
                    detail,
                );
                return Err(refuse(GraphError::of(limits.messaging_limit_code)));
            }
            set.insert(&addressee.key, now_ns);
        }

        let state = self.numbers.get_mut(phone_number_id).expect("measured, so it exists");
        state.take_pair(&addressee.key, rate, now_ns);
        state.admit(entry.arrival_ns);
        Ok(!window_open)
    }
}

/// Meta's 24 hours.
pub(super) fn day_ns(config: &Config) -> u64 {
    config.limits.day_ms.saturating_mul(1_000_000)
}

fn pair_rate(config: &Config) -> PairRate {
    PairRate {
        burst: u64::from(config.limits.pair_burst),
        refill_ns: config.limits.pair_refill_ms.saturating_mul(1_000_000),
    }
}
