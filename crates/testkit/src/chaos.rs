//! The battery: each row is one kind of fault, struck again and again under a steady load, and judged by the checker.
//!
//! `cargo xtask chaos` runs all of it and prints a table; a few rows run with every `cargo xtask test`, smaller. A row is made of a name, a plan for the pipeline, faults, and what messages may end as because of them.

mod broker;
mod crash;
mod links;
mod meta;
mod postgres;
mod processes;
mod scene;
mod webhooks;

use std::pin::Pin;
use std::time::Duration;

use anyhow::Result;
use runtime::crash::CrashPoint;

use crate::history::Broken;

pub use scene::ROLES;

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Chooses who is struck and when. What each fault finds under way is up to the machine.
    pub seed: u64,
    /// Faults of each row that strikes one by one.
    pub faults: usize,
    /// Messages per second.
    pub rate: f64,
    /// Messages of each row whose faults strike a share of them.
    pub messages: usize,
    /// How long a process stands still that is stopped. Its lease ends after 90 s.
    pub standstill: Duration,
    /// How often every process is restarted in order.
    pub rolls: usize,
}

/// What became of a row.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Messages that were taken in.
    pub messages: usize,
    /// Faults that struck.
    pub faults: u64,
    /// Messages that are not there, or have not come to an end.
    pub lost: usize,
    /// Messages that Meta accepted twice, attempts that it saw twice.
    pub duplicated: usize,
    /// Attempts whose outcome was not known when they ended; a webhook told most of them later.
    pub uncertain: usize,
    /// Messages that ended as unknown.
    pub unknown: usize,
    /// The longest from a fault until all that was under way then had come to its end.
    pub recovered: Duration,
    /// Every case in which an invariant is broken.
    pub broken: Vec<Broken>,
}

/// What happens in a row.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Crash(CrashPoint),
    Broker(broker::Fault),
    Postgres(postgres::Fault),
    Links(links::Fault),
    Meta(meta::Fault, u32),
    Webhooks(webhooks::Fault),
    Processes(processes::Fault),
}

/// A row of the battery.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it is called, on the command line too.
    pub name: String,
    /// What happens, for people.
    pub about: String,
    fault: Fault,
}

impl Row {
    /// Every row, in order.
    pub fn all() -> Vec<Self> {
        let crashes = CrashPoint::ALL.into_iter().map(|point| {
            let about = format!("{} dies: {}", point.role(), point.about());
            Self::new(&format!("crash-{point:?}").to_lowercase(), &about, Fault::Crash(point))
        });
        let broker = broker::ALL.map(|(name, about, fault)| Self::new(name, about, Fault::Broker(fault)));
        let postgres = postgres::ALL.map(|(name, about, fault)| Self::new(name, about, Fault::Postgres(fault)));
        let links = links::ALL.map(|(name, about, fault)| Self::new(name, about, Fault::Links(fault)));
        let meta = meta::ALL.into_iter().flat_map(|(name, about, fault)| {
            meta::SHARES.map(|percent| {
                let name = format!("{name}-{percent}");
                Self::new(&name, &format!("{about}, {percent} %"), Fault::Meta(fault, percent))
            })
        });
        let webhooks = webhooks::ALL.map(|(name, about, fault)| Self::new(name, about, Fault::Webhooks(fault)));
        let processes = processes::ALL.map(|(name, about, fault)| Self::new(name, about, Fault::Processes(fault)));
        crashes
            .chain(broker)
            .chain(postgres)
            .chain(links)
            .chain(meta)
            .chain(webhooks)
            .chain(processes)
            .collect()
    }

    /// The row of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|row| row.name == name)
    }

    fn new(name: &str, about: &str, fault: Fault) -> Self {
        Self {
            name: name.to_owned(),
            about: about.to_owned(),
            fault,
        }
    }

    /// Plays it.
    ///
    /// # Errors
    /// When something cannot be started, a fault does not strike, or the pipeline does not come to rest. Broken invariants are
    /// [`Figures`].
    pub async fn play(&self, size: &Size) -> Result<Figures> {
        let size = *size;
        let playing: Pin<Box<dyn Future<Output = Result<Figures>>>> = match self.fault {
            Fault::Crash(point) => Box::pin(crash::play(point, size)),
            Fault::Broker(fault) => Box::pin(broker::play(fault, size)),
            Fault::Postgres(fault) => Box::pin(postgres::play(fault, size)),
            Fault::Links(fault) => Box::pin(links::play(fault, size)),
            Fault::Meta(fault, percent) => Box::pin(meta::play(fault, percent, size)),
            Fault::Webhooks(fault) => Box::pin(webhooks::play(fault, size)),
            Fault::Processes(fault) => Box::pin(processes::play(fault, size)),
        };
        playing.await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own_and_is_found_by_it() {
        let rows = Row::all();

        let names: BTreeSet<_> = rows.iter().map(|row| row.name.clone()).collect();

        assert_eq!(names.len(), rows.len());
        assert!(rows.iter().all(|row| Row::named(&row.name).is_some()));
    }
}
