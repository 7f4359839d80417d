//! From released rows to jobs in the broker.

use broker::{Outgoing, Publisher, Topology};
use domain::job::{self, Job, Released};
use runtime::crash::{self, CrashPoint};
use tracing::debug;

/// Publishes jobs.
#[derive(Debug, Clone)]
pub(crate) struct Jobs {
    publisher: Publisher,
    exchange: String,
}

/// What became of jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rung {
    /// How many jobs there were.
    pub(crate) jobs: usize,
    /// How many of them the broker did not confirm. Their rows are rung again.
    pub(crate) unconfirmed: usize,
}

impl Jobs {
    pub(crate) fn new(publisher: Publisher, topology: &Topology) -> Self {
        Self {
            publisher,
            exchange: topology.exchanges.send.clone(),
        }
    }

    /// Whether there is somebody to publish to.
    pub(crate) fn can_be_published(&self) -> bool {
        self.publisher.is_connected()
    }

    /// Cuts rows into jobs and publishes them.
    pub(crate) async fn publish(&self, rows: Vec<Released>) -> Rung {
        let jobs = job::cut(rows);
        if jobs.len() > 1 && crash::its_turn(CrashPoint::S3) {
            let half = &jobs[..jobs.len() / 2];
            self.publisher
                .publish(half.iter().map(|job| self.outgoing(job)).collect())
                .await;
            crash::die(CrashPoint::S3);
        }
        let published = self
            .publisher
            .publish(jobs.iter().map(|job| self.outgoing(job)).collect())
            .await;
        let mut rung = Rung {
            jobs: jobs.len(),
            unconfirmed: 0,
        };
        for (job, published) in jobs.iter().zip(&published) {
            if !published.is_confirmed() {
                rung.unconfirmed += 1;
                debug!(
                    number.id = job.number.0,
                    rows = job.ids.len(),
                    ?published,
                    "a job was not confirmed, its rows are rung again"
                );
            }
        }
        rung
    }

    /// A row is in one job at a time, so its first row names it.
    fn outgoing(&self, job: &Job) -> Outgoing {
        Outgoing::new(&self.exchange, job.lane.as_str(), job.ids[0].to_string(), job.encode())
    }
}
