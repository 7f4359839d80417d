//! The recorder behind `metrics::counter!` and its kin, rendered for Prometheus.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds, in seconds, for every histogram whose name ends in `_seconds`.
const SECONDS: [f64; 15] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

static METRICS: OnceLock<Metrics> = OnceLock::new();

/// What was counted and measured in this process.
#[derive(Clone, Debug)]
pub struct Metrics(PrometheusHandle);

/// Installs the recorder, once per process; later calls return the same.
///
/// # Panics
/// When other code of this process installed a recorder of its own, whose numbers nobody would see.
pub fn install() -> Metrics {
    let metrics = METRICS.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .expect("the list of bounds is not empty");
        let handle = builder
            .install_recorder()
            .expect("this is the only place that installs a recorder");
        super::catalog::describe();
        Metrics(handle)
    });
    metrics.clone()
}

impl Metrics {
    /// In Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Tidies up; to be called every few seconds.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}
