//! Every metric, with what it means: the HELP lines of `/metrics`, and `deploy/METRICS.md`.
//!
//! A test scrapes all roles after a run: what is not here fails it, and so does what a dashboard or an alert uses and nobody exports.

mod table;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

use Kind::{Counter, Gauge, Histogram};
pub use table::METRICS;
use table::ZEROS;

/// What Prometheus makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size, with `_bucket`, `_sum` and `_count`.
    Histogram,
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name; `_seconds` says the unit, `_total` that it grows.
    pub name: &'static str,
    /// What Prometheus makes of it.
    pub kind: Kind,
    /// Its labels. None names a person or a message.
    pub labels: &'static [&'static str],
    /// Which role exports it.
    pub role: &'static str,
    /// What it says.
    pub help: &'static str,
}

/// Lets what these roles export begin at zero; called once, when they start. What only shows when it first changes would be missing
/// from a dashboard until then, and an alert could not tell nothing from zero.
pub fn begin(roles: &[&str]) {
    super::metrics::install();
    let mine = |metric: &&Metric| metric.role.starts_with("every") || roles.contains(&metric.role);
    for metric in METRICS.iter().filter(mine) {
        match metric.kind {
            Counter if metric.labels.is_empty() => metrics::counter!(metric.name).increment(0),
            Gauge if metric.labels.is_empty() => metrics::gauge!(metric.name).increment(0.0),
            Counter => {
                let zeros = ZEROS.iter().filter(|(name, ..)| *name == metric.name);
                for (name, label, value) in
                    zeros.flat_map(|(name, label, values)| values.iter().map(move |value| (*name, *label, *value)))
                {
                    metrics::counter!(name, label => value).increment(0);
                }
            }
            Gauge | Histogram => {}
        }
    }
}

/// Tells the recorder what each metric means.
pub(super) fn describe() {
    for Metric { name, kind, help, .. } in METRICS {
        let unit = if name.ends_with("_seconds") {
            Unit::Seconds
        } else {
            Unit::Count
        };
        match kind {
            Counter => describe_counter!(*name, unit, *help),
            Gauge => describe_gauge!(*name, unit, *help),
            Histogram => describe_histogram!(*name, unit, *help),
        }
    }
}

/// The table as a document.
pub fn document() -> String {
    let mut text = String::from(
        "# Metrics\n\nWhat every role serves at `/metrics`. Times are in seconds, everything else counts. Labels never name a person or a message. What a\n\
         scheduler says of the ledger every scheduler says: take the maximum over them, not the sum. A counter appears when it first counts.\n\n\
         This file is made from `runtime::telemetry::catalog`, and a test compares.\n\n| metric | kind | labels | role | says |\n|---|---|---|---|---|\n",
    );
    for Metric {
        name,
        kind,
        labels,
        role,
        help,
    } in METRICS
    {
        let kind = format!("{kind:?}").to_lowercase();
        let labels = labels.join(", ");
        text.push_str(&format!("| `{name}` | {kind} | {labels} | {role} | {help} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_say_kind_and_unit() {
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            assert!(metric.name.starts_with("turnpike_"), "{}", metric.name);
            assert_eq!(
                metric.name.ends_with("_total"),
                metric.kind == Counter,
                "{}",
                metric.name
            );
            assert!(
                metric.kind != Histogram || metric.name.ends_with("_seconds"),
                "{}",
                metric.name
            );
        }
    }
}
