//! What one run of one scenario gave, and the median of several.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::usage::Memory;

/// Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) most: f64,
}

impl Percentiles {
    /// Of a list in any order; `None` of an empty one.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            values
                .get(((values.len() as f64 * share).ceil() as usize).max(1) - 1)
                .copied()
        };
        Some(Self {
            p50: at(0.5)?,
            p90: at(0.9)?,
            p99: at(0.99)?,
            most: *values.last()?,
        })
    }
}

/// How a paced number fared, as the stand-in for Meta saw it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pace {
    /// Messages per second that the number may do.
    pub(crate) limit: u32,
    /// Share of it that was used from the first arrival to the last.
    pub(crate) used: f64,
    /// Arrivals in the fullest one-second window.
    pub(crate) busiest_second: u64,
}

/// One run of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measurement {
    /// As in `broadcast, 2 senders`: the same in every call, so that two can be compared.
    pub(crate) scenario: String,
    pub(crate) messages: u64,
    pub(crate) seconds: f64,
    pub(crate) per_second: f64,
    /// CPU time in milliseconds per 1,000 messages, by group of processes.
    pub(crate) cpu: BTreeMap<String, f64>,
    /// In megabytes, of the largest process of each group.
    pub(crate) memory: BTreeMap<String, Memory>,
    /// From being accepted by us to the POST.
    pub(crate) post_ms: Option<Percentiles>,
    /// From an HTTP request's time to its answer.
    pub(crate) answer_ms: Option<Percentiles>,
    pub(crate) pace: Option<Pace>,
    /// What else is to be said.
    pub(crate) notes: Vec<String>,
}

impl Measurement {
    /// CPU time over all groups.
    pub(crate) fn cpu_total(&self) -> f64 {
        self.cpu.values().sum()
    }
}

/// All runs of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Result {
    /// The run with the median rate, whole, so that its figures belong together.
    pub(crate) median: Measurement,
    /// Messages per second of every run, in the order of the runs.
    pub(crate) rates: Vec<f64>,
}

/// The runs of each scenario, scenarios in the order in which they first appear.
pub(crate) fn medians(runs: &[Measurement]) -> Vec<Result> {
    let mut names: Vec<&str> = Vec::new();
    for run in runs {
        if !names.contains(&run.scenario.as_str()) {
            names.push(&run.scenario);
        }
    }
    let of = |name: &&str| {
        let mut same: Vec<&Measurement> = runs.iter().filter(|run| run.scenario == *name).collect();
        let rates = same.iter().map(|run| run.per_second).collect();
        same.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        // Of an even number the slower one of the two in the middle.
        let median = same[(same.len() - 1) / 2].clone();
        Result { median, rates }
    };
    names.iter().map(of).collect()
}

#[cfg(test)]
pub(crate) fn example(scenario: &str, per_second: f64) -> Measurement {
    Measurement {
        scenario: scenario.to_owned(),
        messages: 1000,
        seconds: 1000.0 / per_second,
        per_second,
        cpu: BTreeMap::from([("sender".to_owned(), 100.0), ("PostgreSQL".to_owned(), 60.0)]),
        memory: BTreeMap::new(),
        post_ms: None,
        answer_ms: None,
        pace: None,
        notes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_whole_run_and_scenarios_keep_their_order() {
        let runs = [
            ("b", 10.0),
            ("a", 1.0),
            ("b", 30.0),
            ("a", 3.0),
            ("b", 20.0),
            ("a", 2.0),
        ];
        let runs = runs.map(|(name, rate)| example(name, rate));

        let results = medians(&runs);

        assert_eq!(results[0].median, runs[4]);
        assert_eq!(results[0].rates, [10.0, 30.0, 20.0]);
        assert_eq!(results[1].median, runs[5]);
    }

    #[test]
    fn of_two_runs_the_slower_one_counts() {
        let results = medians(&[example("a", 2.0), example("a", 1.0)]);

        assert_eq!(results[0].median.per_second, 1.0);
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let hundred = Percentiles::of((1..=100).rev().map(f64::from).collect()).unwrap();

        assert_eq!(
            (hundred.p50, hundred.p90, hundred.p99, hundred.most),
            (50.0, 90.0, 99.0, 100.0)
        );
        assert_eq!(Percentiles::of(vec![7.0]).unwrap().p99, 7.0);
        assert_eq!(Percentiles::of(Vec::new()), None);
    }
}
