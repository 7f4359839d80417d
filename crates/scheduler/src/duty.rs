//! The loop around a pass: do one, report, rest a little, until the shutdown.

use std::time::Duration;

use runtime::Shutdown;
use runtime::health::Probe;
use tokio::time::Instant;
use tracing::warn;

/// Rest after a pass that failed.
const FAILED: Duration = Duration::from_secs(1);

/// Something to be done again and again.
pub(crate) trait Duty {
    /// As it is called in logs.
    const NAME: &'static str;
    /// What one pass did.
    type Pass;

    fn run_once(&mut self) -> impl Future<Output = Result<Self::Pass, store::Error>> + Send;

    /// Logs and counts what was done, and says how long to rest after a pass that took so long.
    fn report(&self, pass: &Self::Pass, took: Duration) -> Duration;

    /// Rest after a failure.
    fn rest_after_failure(&self) -> Duration {
        FAILED
    }
}

pub(crate) async fn keep_at<D: Duty>(mut duty: D, shutdown: &Shutdown, probe: Option<&Probe>) {
    while !shutdown.is_requested() {
        let started = Instant::now();
        let rest = match duty.run_once().await {
            Ok(pass) => {
                if let Some(probe) = probe {
                    probe.up();
                }
                duty.report(&pass, started.elapsed())
            }
            Err(error) => {
                if let Some(probe) = probe {
                    probe.down(error.to_string());
                }
                metrics::counter!("turnpike_scheduler_failures_total", "duty" => D::NAME).increment(1);
                let state = error.sql_state().map_or("", |state| state.code());
                warn!(
                    duty = D::NAME,
                    sql.state = state,
                    "{error} failed, the next pass tries again"
                );
                duty.rest_after_failure()
            }
        };
        tokio::select! {
            () = tokio::time::sleep(jittered(rest)) => {}
            () = shutdown.requested() => {}
        }
    }
}

/// Between nine and eleven tenths, so that several schedulers do not fall into step.
fn jittered(rest: Duration) -> Duration {
    rest.mul_f64(rand::random_range(0.9..1.1))
}
