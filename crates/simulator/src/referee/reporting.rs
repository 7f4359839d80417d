//! Counting, and the report made of it.

use std::collections::BTreeMap;

use super::{Referee, Ruling};
use crate::fault::Answer;
use crate::ledger::{Entry, Kind};
use crate::report::{NumberReport, PortfolioReport, Report};
use crate::webhook::update::{Scheduled, Update};

impl Referee {
    /// Everything counted, with the verdict.
    pub(crate) fn report(&mut self) -> Report {
        let tolerated = &self.config.tolerated;
        let mut report = self.tally.clone();
        report.ok = report.violations.counts.keys().all(|kind| tolerated.contains(kind));
        report.posts = self.ledger.len() as u64;
        report.faults = self.faults.fired();
        report.media = self.media.report.clone();
        report.numbers = self
            .numbers
            .iter()
            .map(|(id, state)| {
                let number = NumberReport {
                    throughput: state.number.throughput,
                    posts: state.posts,
                    accepted: state.accepted,
                    refused: state.refused,
                    inbound: state.inbound,
                    busiest_second: state.measured().busiest(),
                    busiest_second_outbound: state.measured_outbound().busiest(),
                };
                (id.to_string(), number)
            })
            .collect();
        self.latest_ns = self.latest_ns.max(self.clock.now_ns());
        let now_ns = self.latest_ns;
        report.portfolios = self
            .portfolios
            .iter_mut()
            .map(|(portfolio, recipients)| {
                recipients.expire(now_ns);
                let tier = self.config.tier_of(portfolio);
                let entry = PortfolioReport {
                    tier: tier.name(),
                    limit: tier.recipients(),
                    unique_recipients: recipients.len() as u64,
                    most_unique_recipients: recipients.largest() as u64,
                };
                (portfolio.clone(), entry)
            })
            .collect();
        report
    }

    /// Completes an entry with its ruling, counts it, and appends it.
    pub(super) fn close_entry(&mut self, mut entry: Entry, ruling: &Ruling) {
        let mut refused = false;
        match ruling {
            Ruling::Refused(error) => {
                entry.status = Some(error.status);
                entry.code = Some(error.code);
                *self.tally.refused.entry(error.code).or_default() += 1;
                refused = true;
            }
            Ruling::Dropped => self.tally.dropped += 1,
            Ruling::MarkedRead => {
                entry.accepted = true;
                entry.status = Some(200);
                self.tally.read_marks += 1;
            }
            Ruling::Accepted(acceptance) => {
                entry.accepted = true;
                (entry.status, entry.code) = shown(acceptance.answer);
                self.tally.accepted += 1;
                match entry.kind {
                    Kind::Template => self.tally.accepted_templates += 1,
                    Kind::FreeForm | Kind::ReadMark | Kind::Unreadable => self.tally.accepted_free_form += 1,
                }
                self.tally.accepted_unconfirmed += u64::from(hides_wamid(acceptance.answer));
            }
        }
        if let Some(state) = self.numbers.get_mut(&entry.phone_number_id) {
            state.refused += u64::from(refused);
            state.accepted += u64::from(matches!(ruling, Ruling::Accepted(_)));
        }
        self.ledger.push(entry);
    }

    pub(super) fn count_planned(&mut self, updates: &[Scheduled]) {
        self.tally.webhooks.pending += updates.len() as u64;
        for scheduled in updates {
            if let Update::Status { code: Some(code), .. } = scheduled.update {
                *self.tally.webhooks.failed_by_code.entry(code).or_default() += 1;
            }
        }
    }

    /// Counts a webhook POST that ended.
    pub(crate) fn webhook_posted(&mut self, ok: bool, repeated: bool) {
        let webhooks = &mut self.tally.webhooks;
        webhooks.posts_ok += u64::from(ok);
        webhooks.posts_failed += u64::from(!ok);
        webhooks.posts_retried += u64::from(repeated);
    }

    /// Counts the updates of a webhook POST that was answered with 200.
    pub(crate) fn webhook_delivered(&mut self, contents: &BTreeMap<&'static str, u64>) {
        let webhooks = &mut self.tally.webhooks;
        for (&name, &count) in contents {
            webhooks.delivered += count;
            webhooks.pending = webhooks.pending.saturating_sub(count);
            match webhooks.by_status.get_mut(name) {
                Some(total) => *total += count,
                None => {
                    webhooks.by_status.insert(name.to_owned(), count);
                }
            }
        }
    }

    /// Counts updates that will never be delivered.
    pub(crate) fn webhook_given_up(&mut self, updates: u64) {
        let webhooks = &mut self.tally.webhooks;
        webhooks.given_up += updates;
        webhooks.pending = webhooks.pending.saturating_sub(updates);
    }
}

/// Status and code that the caller of an accepted POST gets to see.
fn shown(answer: Option<Answer>) -> (Option<u16>, Option<i64>) {
    match answer {
        Some(Answer::Lost | Answer::Held { .. }) => (None, None),
        Some(Answer::ServerError) => (Some(500), Some(131_000)),
        None | Some(Answer::TruncatedJson | Answer::Html | Answer::SlowBody { .. } | Answer::WrongContentLength) => {
            (Some(200), None)
        }
    }
}

fn hides_wamid(answer: Option<Answer>) -> bool {
    answer.is_some_and(|answer| !matches!(answer, Answer::SlowBody { .. }))
}
