//! The processes: who lives in which place, who was killed, who died of something else.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use runtime::Clock;
use testkit::figures;
use testkit::load::Load;
use testkit::program::Program;
use testkit::recovery::Recovery;
use testkit::run::Run;
use testkit::stack::Stack;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until};

use super::plan::Kill;
use super::watch::Watched;

/// Every place.
pub(super) const ROLES: [&str; 10] = [
    "ingest",
    "ingest",
    "scheduler",
    "scheduler",
    "receipts",
    "receipts",
    "sender",
    "sender",
    "sender",
    "sender",
];
/// Between two looks at memory and files.
const LOOK: Duration = Duration::from_secs(5);
/// Looks between two lines of progress.
const LOOKS_PER_LINE: u32 = 12;

/// The processes.
#[derive(Debug)]
pub(super) struct Fleet {
    /// Process ids; none while a place is empty.
    places: [Option<u32>; ROLES.len()],
    /// When each role was killed, in Unix milliseconds.
    killed: BTreeMap<&'static str, Vec<i64>>,
    pub(super) watched: Watched,
    /// Last lines of processes that ended by themselves.
    pub(super) died: Vec<String>,
    clock: Clock,
}

/// Somebody for an empty place.
type Arrival = Result<(usize, Program)>;

impl Fleet {
    pub(super) fn of(stack: &Stack) -> Self {
        let mut places = [None; ROLES.len()];
        for (place, program) in places.iter_mut().zip(&stack.programs) {
            *place = Some(program.id());
        }
        Self {
            places,
            killed: BTreeMap::new(),
            watched: Watched::default(),
            died: Vec::new(),
            clock: Clock::system(),
        }
    }

    /// Carries out all kills, each at its time; returns when every place is taken again.
    pub(super) async fn live_through(&mut self, run: &mut Run, load: &Load, kills: &[Kill]) -> Result<()> {
        let begun = Instant::now();
        let mut arriving: JoinSet<Arrival> = JoinSet::new();
        let mut looks = interval(LOOK);
        let mut look = 0;
        let mut kills_left = kills.iter().peekable();
        loop {
            let next = kills_left.peek().map(|kill| begun + kill.at);
            tokio::select! {
                () = sleep_until(next.unwrap_or(begun)), if next.is_some() => {
                    if let Some(kill) = kills_left.next() {
                        self.kill(run, kill, &mut arriving).await?;
                    }
                }
                Some(arrived) = arriving.join_next() => {
                    let (place, program) = arrived??;
                    self.places[place] = Some(program.id());
                    run.stack.add(program)?;
                }
                _ = looks.tick() => {
                    self.look(run, &mut arriving).await;
                    if look % LOOKS_PER_LINE == 0 {
                        self.tell(run, load, begun);
                    }
                    look += 1;
                }
            }
            if kills_left.peek().is_none() && arriving.is_empty() {
                return Ok(());
            }
        }
    }

    async fn kill(&mut self, run: &mut Run, kill: &Kill, arriving: &mut JoinSet<Arrival>) -> Result<()> {
        let places = (0..ROLES.len()).map(|n| (kill.place + n) % ROLES.len());
        let alive = |place: &usize| self.places[*place].is_some();
        // All places empty: everybody is on the way already.
        let Some(place) = places.into_iter().find(alive) else {
            return Ok(());
        };
        let Some(at) = run
            .stack
            .programs
            .iter()
            .position(|program| Some(program.id()) == self.places[place])
        else {
            return Ok(());
        };
        self.killed
            .entry(ROLES[place])
            .or_default()
            .push(self.clock.now().timestamp_millis());
        self.places[place] = None;
        run.stack.kill(at).await?;
        self.replace(run, place, kill.absence, arriving);
        Ok(())
    }

    fn replace(&self, run: &Run, place: usize, absence: Duration, arriving: &mut JoinSet<Arrival>) {
        let settings = run.stack.settings.clone();
        arriving.spawn(async move {
            tokio::time::sleep(absence).await;
            let starting = move || Program::start(&[ROLES[place]], &settings, ROLES[place] == "ingest");
            Ok((place, tokio::task::spawn_blocking(starting).await??))
        });
    }

    /// Memory, files, connections; and whether somebody ended whom nobody killed.
    async fn look(&mut self, run: &mut Run, arriving: &mut JoinSet<Arrival>) {
        for (place, role) in ROLES.iter().enumerate() {
            let Some(id) = self.places[place] else { continue };
            let Some(at) = run.stack.programs.iter().position(|program| program.id() == id) else {
                continue;
            };
            if run.stack.programs[at].has_ended() {
                let lines = run.stack.take(at).lines();
                let last = lines[lines.len().saturating_sub(15)..].join("\n");
                eprintln!("{role} ended by itself:\n{last}");
                self.died.push(format!("{role}:\n{last}"));
                self.places[place] = None;
                self.replace(run, place, Duration::ZERO, arriving);
            } else {
                self.watched.process(role, id);
            }
        }
        if let Ok(count) = figures::connections(&run.stack.database.store).await {
            self.watched.connections(count);
        }
    }

    fn tell(&self, run: &Run, load: &Load, begun: Instant) {
        let kills: usize = self.killed.values().map(Vec::len).sum();
        let report = run.stack.meta.report();
        eprintln!(
            "{:>5} s: {kills} kills, {} messages taken in, {} posts, {} webhooks under way, {} violations",
            begun.elapsed().as_secs(),
            load.taken(),
            report.posts,
            report.webhooks.pending,
            report.violations.list.len(),
        );
    }

    /// Per role, how long the pipeline needed after each kill.
    pub(super) fn recoveries(&self, recovery: &Recovery) -> BTreeMap<&'static str, Vec<Duration>> {
        let after = |kills: &Vec<i64>| kills.iter().map(|at| recovery.after(*at)).collect();
        self.killed.iter().map(|(role, kills)| (*role, after(kills))).collect()
    }
}
