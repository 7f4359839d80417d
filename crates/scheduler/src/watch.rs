//! Watching: what the ledger holds becomes metrics, so that a dashboard shows it and an alert can see it.
//!
//! Every scheduler says the same of the one ledger: take the maximum over them, not the sum.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::ailment::AILMENTS;
use domain::{Lane, State};
use store::{Error, Store};
use tracing::warn;

use crate::Options;
use crate::duty::Duty;

/// Messages under way by `number`, `state` and `lane`; counted up to 10,000 each.
pub const UNDER_WAY: &str = "turnpike_messages_under_way";
/// Rows of broadcasts and campaigns that wait for their turn, by `number`.
pub const FLOW_ROWS: &str = "turnpike_flow_rows_waiting";
/// Messages per second that Meta grants, by `number`.
pub const THROUGHPUT: &str = "turnpike_number_throughput";
/// Seconds for which slots are given out ahead, by `number`: 0 is idle.
pub const AHEAD: &str = "turnpike_number_pace_ahead_seconds";
/// 1 while nothing goes from it, by `number`.
pub const PAUSED: &str = "turnpike_number_paused";
/// People per moving 24 hours, by `scope`; absent where it is unlimited.
pub const LIMIT: &str = "turnpike_messaging_limit";
/// People written to in the moving 24 hours, by `scope`.
pub const LIMIT_USED: &str = "turnpike_messaging_limit_used";
/// Webhooks of Meta that were not applied yet, up to 10,000; and how long the first has waited.
pub const INBOX: &str = "turnpike_inbox_waiting";
/// Seconds.
pub const INBOX_LAG: &str = "turnpike_inbox_lag_seconds";
/// Events that were not told to the broker.
pub const EVENTS_BEHIND: &str = "turnpike_events_behind";
/// Webhooks to customers that are not over, up to 10,000.
pub const DELIVERIES: &str = "turnpike_deliveries_waiting";
/// Webhook endpoints by `status`: failing, disabled.
pub const ENDPOINTS: &str = "turnpike_endpoints";
/// Reserved of all prepaid balances, in units of their currencies.
pub const RESERVED: &str = "turnpike_balance_reserved";
/// What `turnpike doctor` finds, by `check`: how many, 0 when all is well.
pub const AILING: &str = "turnpike_ailments";

/// Looks at the ledger.
#[derive(Debug)]
pub struct Watch {
    store: Store,
    every: Duration,
    known: BTreeSet<&'static str>,
}

impl Watch {
    /// Looks as often as the options say.
    pub fn new(store: Store, options: Options) -> Self {
        Self {
            store,
            every: options.watch,
            known: BTreeSet::new(),
        }
    }

    /// One look.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn run_once(&mut self) -> Result<(), Error> {
        self.messages().await?;
        self.numbers().await?;
        self.backlogs().await?;
        self.ailments().await
    }

    async fn messages(&self) -> Result<(), Error> {
        let mut found = self.store.under_way().await?;
        // What is not there any more is zero.
        for pace in self.store.paces().await? {
            for state in State::ALL.into_iter().filter(|state| state.code() < 50) {
                for lane in Lane::ALL {
                    let (code, lane_code) = (state.code(), lane.code());
                    let place = found
                        .iter()
                        .position(|row| row.number == pace.number && row.state == code && row.lane == lane_code);
                    let count = place.map_or(0, |place| found.swap_remove(place).count);
                    let labels = [
                        ("number", pace.number.clone()),
                        ("state", word(state).to_owned()),
                        ("lane", lane.as_str().to_owned()),
                    ];
                    metrics::gauge!(UNDER_WAY, &labels).set(count as f64);
                }
            }
        }
        Ok(())
    }

    async fn numbers(&self) -> Result<(), Error> {
        for pace in self.store.paces().await? {
            let number = || pace.number.clone();
            metrics::gauge!(THROUGHPUT, "number" => number()).set(f64::from(pace.throughput));
            metrics::gauge!(PAUSED, "number" => number()).set(f64::from(u8::from(pace.paused)));
            metrics::gauge!(AHEAD, "number" => number()).set(pace.ahead_seconds);
            metrics::gauge!(FLOW_ROWS, "number" => number()).set(pace.flow_rows as f64);
        }
        for limit in self.store.messaging_limits().await? {
            metrics::gauge!(LIMIT_USED, "scope" => limit.scope.clone()).set(f64::from(limit.used));
            // Infinity is Prometheus' own word for unlimited, and compares as it should.
            let most = limit.limit.map_or(f64::INFINITY, f64::from);
            metrics::gauge!(LIMIT, "scope" => limit.scope).set(most);
        }
        Ok(())
    }

    async fn backlogs(&self) -> Result<(), Error> {
        let Some(backlogs) = self.store.backlogs().await? else {
            return Ok(());
        };
        metrics::gauge!(INBOX).set(backlogs.inbox as f64);
        metrics::gauge!(INBOX_LAG).set(backlogs.inbox_seconds);
        metrics::gauge!(EVENTS_BEHIND, "way" => "broker").set((backlogs.untold + backlogs.unnumbered) as f64);
        metrics::gauge!(EVENTS_BEHIND, "way" => "webhooks").set((backlogs.unseen + backlogs.unnumbered) as f64);
        metrics::gauge!(DELIVERIES).set(backlogs.deliveries as f64);
        metrics::gauge!(ENDPOINTS, "status" => "disabled").set(backlogs.disabled as f64);
        metrics::gauge!(ENDPOINTS, "status" => "failing").set(backlogs.failing as f64);
        metrics::gauge!(RESERVED).set(backlogs.reserved as f64 / 1e6);
        Ok(())
    }

    async fn ailments(&mut self) -> Result<(), Error> {
        let found = self.store.ailments().await?;
        let mut now = BTreeSet::new();
        for ailment in AILMENTS {
            let mine = found.iter().filter(|finding| finding.ailment.check == ailment.check);
            let count: i64 = mine.map(|finding| finding.count.max(1)).sum();
            metrics::gauge!(AILING, "check" => ailment.check, "severity" => ailment.severity.as_str().to_lowercase())
                .set(count as f64);
            if count > 0 {
                now.insert(ailment.check);
            }
            // Said once when it begins; `turnpike doctor` says it in full.
            if count > 0 && !self.known.contains(ailment.check) {
                warn!(check = ailment.check, count, "{}; {}", ailment.means, ailment.action);
            }
        }
        self.known = now;
        Ok(())
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Parked => "parked",
        State::Queued => "queued",
        State::Sending => "sending",
        _ => "uncertain",
    }
}

impl Duty for Watch {
    const NAME: &'static str = "watch";
    type Pass = ();

    async fn run_once(&mut self) -> Result<(), Error> {
        Self::run_once(self).await
    }

    fn report(&self, (): &(), took: Duration) -> Duration {
        metrics::histogram!("turnpike_watch_seconds").record(took);
        self.every
    }
}
