//! Filling: recipients of campaigns become messages a few seconds before they go.

use std::time::Duration;

use chrono::TimeDelta;
use domain::campaign::judge::{Bench, Line};
use domain::rules::Verdict;
use domain::{Lane, MessageId, Reason};
use store::campaigns::{Bounds, Filled, Work};
use store::intake::{Footprint, NewMessage, Start};
use store::{Error, Store};
use tracing::debug;

use crate::Options;
use crate::duty::Duty;

/// How many seconds of a number's pace wait for the cursor at most. More only makes a cancel longer.
const AHEAD: f64 = 10.0;
/// How long before its start a part is filled, so that a start at which all numbers go at once finds its rows.
const LEAD: TimeDelta = TimeDelta::seconds(90);
/// Steps of one pass at most, so that the loop looks up now and then.
const STEPS: usize = 50;

/// Fills campaigns.
#[derive(Debug)]
pub struct Filler {
    store: Store,
    options: Options,
}

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FillPass {
    /// Recipients that are messages now.
    pub filled: usize,
    /// Steps that were taken.
    pub steps: usize,
}

impl Filler {
    /// With these bounds.
    pub fn new(store: Store, options: Options) -> Self {
        Self { store, options }
    }

    /// One pass: the parts that need it most, one after the other, until none does.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn run_once(&mut self) -> Result<FillPass, Error> {
        let bounds = Bounds {
            rows: self.options.fill_limit,
            ahead: AHEAD,
            lead: LEAD,
        };
        let mut pass = FillPass::default();
        while pass.steps < STEPS {
            match self.store.fill(bounds, messages).await? {
                Filled::Rows(rows) => pass.filled += rows,
                Filled::Waits => {}
                Filled::Nothing => break,
            }
            pass.steps += 1;
        }
        Ok(pass)
    }
}

/// One message of each recipient. What is refused is kept with its reason, like everything else.
fn messages(work: &Work) -> Vec<NewMessage> {
    // What is for later is judged by the time it goes, as far as anybody knows it now.
    let at = work.starts_at.max(work.now);
    let bench = Bench {
        options: &work.options,
        templates: &work.templates,
        card: work.card.as_ref(),
        policies: work.policies.as_ref(),
        expires_at: work.expires_at,
        now: at,
    };
    let quota = work.policies.as_ref().map(domain::policy::Policies::quota);
    let mut used = work.used;
    let made = work.recipients.iter().map(|addressee| {
        let judged = bench.judge(&Line {
            to: &addressee.to,
            params: addressee.params.as_ref(),
            opted_out: addressee.opted_out,
            opted_out_of_marketing: addressee.opted_out_of_marketing,
            zone: addressee.zone.as_deref(),
        });
        let mut start = start(judged.verdict, work);
        if !matches!(start, Start::Refused(_)) && quota.is_some_and(|quota| quota.take(&mut used).is_err()) {
            start = Start::Refused(Reason::QuotaExceeded);
        }
        let metadata = addressee.metadata.clone().or_else(|| work.options.metadata.clone());
        NewMessage {
            id: MessageId::new(work.now),
            organization: work.organization,
            number: work.number,
            scope: work.scope,
            recipient: addressee.to.clone(),
            lane: Lane::Bulk,
            category: judged.category,
            template: judged.template,
            flow: Some((work.flow, addressee.seq)),
            scheduled_at: (work.starts_at > work.now).then_some(work.starts_at),
            expires_at: work.expires_at,
            resend: false,
            price: judged.price,
            start,
            content: judged.content.to_string(),
            metadata,
            webhook_url: work.options.webhook_url.clone(),
            traceparent: None,
            key: None,
            fallback: None,
            edge_at: None,
            test: false,
            flags: judged.flags,
            footprint: Footprint::default(),
        }
    });
    made.collect()
}

fn start(verdict: Verdict, work: &Work) -> Start {
    match verdict {
        // Only session messages fall back.
        Verdict::Drop { reason } | Verdict::FallBack { reason } => Start::Refused(reason),
        Verdict::Send => Start::Held { reason: None },
        // The morning comes for each recipient at its own time, so such a row does not wait for the cursor.
        Verdict::Defer {
            until: Some(until),
            reason: Reason::QuietHours,
        } => Start::Parked {
            wake_at: until.min(work.expires_at),
            reason: Some(Reason::QuietHours),
        },
        Verdict::Defer { reason, .. } => Start::Held { reason: Some(reason) },
    }
}

impl Duty for Filler {
    const NAME: &'static str = "fill";
    type Pass = FillPass;

    async fn run_once(&mut self) -> Result<FillPass, Error> {
        Self::run_once(self).await
    }

    fn report(&self, pass: &FillPass, took: Duration) -> Duration {
        if pass.filled > 0 {
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            metrics::counter!("turnpike_campaign_filled_total").increment(pass.filled as u64);
            metrics::histogram!("turnpike_campaign_fill_seconds").record(took.as_secs_f64());
            debug!(
                filled = pass.filled,
                took_ms, "filled {} messages of campaigns", pass.filled
            );
        }
        if pass.steps >= STEPS {
            Duration::ZERO
        } else {
            self.options.fill
        }
    }
}
