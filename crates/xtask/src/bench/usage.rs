//! What processes used: CPU time of whole trees, and memory over time, read from `/proc`.
//!
//! **Invariant:** nothing is lost between two snapshots. A child that ended in between is in its parent's sums, because PostgreSQL,
//! Celery and their like fetch the children they started.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

/// Linux counts CPU time of processes in hundredths of a second towards programs, whatever its own timer does.
const TICK: Duration = Duration::from_millis(10);
/// Between two looks at memory.
const LOOK: Duration = Duration::from_millis(200);

/// The processes that one column of the table stands for.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// The processes themselves; their children count too.
    pub(crate) roots: Vec<u32>,
}

impl Group {
    pub(crate) fn new(name: &str, roots: impl IntoIterator<Item = u32>) -> Self {
        let roots = roots.into_iter().collect();
        Self {
            name: name.to_owned(),
            roots,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Process {
    parent: u32,
    /// Ended, and not yet fetched by its parent.
    is_zombie: bool,
    own: u64,
    of_fetched_children: u64,
}

/// CPU time of every process of the machine at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot(HashMap<u32, Process>);

impl Snapshot {
    pub(crate) fn take() -> Result<Self> {
        let entries = fs::read_dir("/proc").context("reading /proc; the benchmark needs Linux")?;
        let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        // A process may end while we look.
        Ok(Self(ids.filter_map(|id| Some((id, look_at(id)?))).collect()))
    }

    /// CPU time of these processes and of everything they started.
    pub(crate) fn of_trees(&self, roots: &[u32]) -> Duration {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for (id, process) in &self.0 {
            children.entry(process.parent).or_default().push(*id);
        }
        let mut waiting = roots.to_vec();
        let mut ticks = 0;
        while let Some(id) = waiting.pop() {
            if let Some(process) = self.0.get(&id) {
                ticks += process.own + process.of_fetched_children;
                waiting.extend(children.get(&id).into_iter().flatten());
            }
        }
        TICK * u32::try_from(ticks).expect("less than a year of CPU time")
    }

    /// CPU time of this process alone.
    pub(crate) fn of_ourselves(&self) -> Duration {
        let ticks = self.0.get(&std::process::id()).map_or(0, |process| process.own);
        TICK * u32::try_from(ticks).expect("less than a year of CPU time")
    }
}

/// Whether a process runs: neither gone nor ended.
pub(crate) fn is_running(id: u32) -> bool {
    look_at(id).is_some_and(|process| !process.is_zombie)
}

fn look_at(id: u32) -> Option<Process> {
    parse(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

/// The name of the program stands in parentheses and may hold anything, parentheses and spaces included.
fn parse(stat: &str) -> Option<Process> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Process {
        parent: fields.get(1)?.parse().ok()?,
        is_zombie: *fields.first()? == "Z",
        own: number(11)? + number(12)?,
        of_fetched_children: number(13)? + number(14)?,
    })
}

/// Resident memory of a process over a run, in megabytes (2^20 bytes).
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Memory {
    /// The most it ever had.
    pub(crate) peak: f64,
    /// On average in the first quarter of the run.
    pub(crate) first_quarter: f64,
    /// On average in the last.
    pub(crate) last_quarter: f64,
}

/// Looks at the memory of processes until asked for the result.
#[derive(Debug)]
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    samples: JoinHandle<Vec<Vec<f64>>>,
    groups: Vec<Group>,
}

impl Watch {
    pub(crate) fn start(groups: Vec<Group>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let ids: Vec<u32> = groups.iter().flat_map(|group| group.roots.clone()).collect();
        let stopping = Arc::clone(&stop);
        let samples = thread::spawn(move || {
            let mut samples = Vec::new();
            while !stopping.load(Ordering::Relaxed) {
                samples.push(ids.iter().map(|id| megabytes(*id, "VmRSS:")).collect());
                thread::sleep(LOOK);
            }
            samples
        });
        Self { stop, samples, groups }
    }

    /// Per group, its largest process.
    pub(crate) fn finish(self) -> BTreeMap<String, Memory> {
        self.stop.store(true, Ordering::Relaxed);
        let samples = self.samples.join().expect("looking at memory does not panic");
        let quarter = samples.len().div_ceil(4);
        let average = |samples: &[Vec<f64>], process: usize| {
            samples.iter().map(|sample| sample[process]).sum::<f64>() / samples.len().max(1) as f64
        };
        let mut memory: BTreeMap<String, Memory> = BTreeMap::new();
        let processes = self
            .groups
            .iter()
            .flat_map(|group| group.roots.iter().map(|id| (&group.name, *id)));
        for (process, (name, id)) in processes.enumerate() {
            let seen = Memory {
                peak: megabytes(id, "VmHWM:"),
                first_quarter: average(&samples[..quarter], process),
                last_quarter: average(&samples[samples.len() - quarter..], process),
            };
            let largest = memory.entry(name.clone()).or_default();
            if seen.peak > largest.peak {
                *largest = seen;
            }
        }
        memory
    }
}

/// A line of `/proc/<id>/status`, as in `VmRSS:     1234 kB`; 0 for a process that is gone.
fn megabytes(id: u32, line: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let found = status.lines().find_map(|candidate| candidate.strip_prefix(line));
    let kilobytes = found.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1024.0
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_program_with_a_strange_name_is_read() {
        let stat = "7 (a (b) c) S 3 7 7 0 -1 4194304 100 0 0 0 11 5 2 1 20 0 1 0 100 0 0";

        let process = parse(stat).unwrap();

        assert_eq!((process.parent, process.own, process.of_fetched_children), (3, 16, 3));
        assert!(!process.is_zombie);
    }

    #[test]
    fn the_work_of_a_child_that_ended_is_not_lost() {
        let mut shell = Command::new("sh")
            .args([
                "-c",
                "i=0; sh -c 'n=0; while [ $n -lt 200000 ]; do n=$((n+1)); done'; read line",
            ])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();

        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        let mut used = Duration::ZERO;
        while used < TICK && std::time::Instant::now() < deadline {
            used = Snapshot::take().unwrap().of_trees(&[shell.id()]);
            thread::yield_now();
        }
        drop(shell.stdin.take());
        shell.wait().unwrap();

        assert!(used >= TICK, "no CPU time seen");
        assert!(!is_running(shell.id()));
    }

    #[test]
    fn the_memory_of_a_running_program_is_seen() {
        let watch = Watch::start(vec![Group::new("this test", [std::process::id()])]);
        thread::yield_now();

        let memory = watch.finish();

        assert!(memory["this test"].peak > 1.0, "{memory:?}");
    }
}
