//! Memory, open files and connections over time.

use std::collections::BTreeMap;

use testkit::footprint::Footprint;

/// What was seen, in order, per name.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// Of each role, every process at every look.
    processes: BTreeMap<&'static str, Vec<Footprint>>,
    /// Of PostgreSQL.
    connections: Vec<f64>,
}

/// A quantity over a run: the medians of its first and its last quarter, and the most.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Course {
    pub(super) first: f64,
    pub(super) last: f64,
    pub(super) most: f64,
}

impl Watched {
    pub(super) fn process(&mut self, role: &'static str, id: u32) {
        self.processes.entry(role).or_default().extend(Footprint::of(id));
    }

    pub(super) fn connections(&mut self, count: u64) {
        self.connections.push(count as f64);
    }

    /// Megabytes of a role's processes.
    pub(super) fn megabytes(&self, role: &str) -> Course {
        self.of(role, |footprint| footprint.megabytes)
    }

    /// Open files of a role's processes.
    pub(super) fn files(&self, role: &str) -> Course {
        self.of(role, |footprint| footprint.files as f64)
    }

    /// Connections of the pipeline to PostgreSQL.
    pub(super) fn database(&self) -> Course {
        Course::of(&self.connections)
    }

    fn of(&self, role: &str, what: impl Fn(&Footprint) -> f64) -> Course {
        let seen: Vec<f64> = self.processes.get(role).into_iter().flatten().map(what).collect();
        Course::of(&seen)
    }
}

impl Course {
    fn of(seen: &[f64]) -> Self {
        let quarter = seen.len().div_ceil(4);
        Self {
            first: median(&seen[..quarter]),
            last: median(&seen[seen.len() - quarter..]),
            most: seen.iter().copied().fold(0.0, f64::max),
        }
    }
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_that_grows_is_seen_to_grow() {
        let seen: Vec<f64> = (0..100).map(f64::from).collect();

        let course = Course::of(&seen);

        assert_eq!((course.first, course.last, course.most), (12.0, 87.0, 99.0));
        assert_eq!(Course::of(&[]), Course::default());
    }
}
