//! Rings the doorbell: publishes jobs for rows that are committed as queued.

use broker::{Outgoing, Publisher, Topology};
use domain::job::{self, Released};
use runtime::Shutdown;
use runtime::crash::{CrashPoint, crash_at, crash_during};
use tracing::debug;

/// Publishes jobs behind the answers' backs. Clones are the same.
#[derive(Debug, Clone)]
pub struct Jobs {
    publisher: Publisher,
    exchange: String,
    shutdown: Shutdown,
}

impl Jobs {
    /// Jobs into this topology's send exchange. The shutdown waits for what is being published.
    pub fn new(publisher: Publisher, topology: &Topology, shutdown: Shutdown) -> Self {
        Self {
            publisher,
            exchange: topology.exchanges.send.clone(),
            shutdown,
        }
    }

    /// Publishes jobs for these rows and returns at once. What fails is not tried again here: each row has an alarm.
    pub fn ring(&self, released: Vec<Released>) {
        if released.is_empty() {
            return;
        }
        let batch: Vec<Outgoing> = job::cut(released)
            .into_iter()
            .map(|job| {
                let id = job.ids[0].to_string();
                Outgoing::new(self.exchange.as_str(), job.lane.as_str(), id, job.encode())
            })
            .collect();
        let publisher = self.publisher.clone();
        self.shutdown.spawn("publishing jobs", async move {
            crash_at(CrashPoint::I3);
            let published = crash_during(CrashPoint::I4, publisher.publish(batch)).await;
            let lost = published.iter().filter(|job| !job.is_confirmed()).count();
            if lost > 0 {
                metrics::counter!("turnpike_ingest_jobs_lost_total").increment(u64::try_from(lost).unwrap_or(0));
                debug!(jobs = lost, "{lost} jobs were not confirmed; the scheduler rings again");
            }
        });
    }
}
