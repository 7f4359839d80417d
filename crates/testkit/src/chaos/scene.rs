//! What all rows have in common: a fleet, a load, a note of each fault, the way to rest, the verdict.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use domain::State;
use runtime::Clock;
use tokio::time::{Instant, sleep};

use super::{Figures, Size};
use crate::history::Expectations;
use crate::load::{Load, Ways};
use crate::recovery::Recovery;
use crate::run::{Run, pace, slow};
use crate::stack::{Plan, Stack};
use crate::verdict::Verdict;

/// The fleet that most rows are played with.
pub const ROLES: [&str; 10] = [
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

/// For anything that is waited for. A fleet that was not built for speed, on a machine that is shared, needs its time.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

pub(super) struct Scene {
    pub(super) run: Run,
    load: Load,
    faults: Vec<i64>,
    clock: Clock,
}

/// A Meta that is slow enough for faults to find calls under way, and a number whose pace leaves room to catch up.
pub(super) fn plan() -> Plan {
    slow(pace(200))
}

impl Scene {
    /// A fleet of these roles under load.
    pub(super) async fn begin(plan: Plan, roles: &[&str], ways: Ways, size: Size) -> Result<Self> {
        Self::on(Stack::start_fleet(plan, roles).await?, ways, size)
    }

    /// The same on a stack that runs.
    pub(super) fn on(stack: Stack, ways: Ways, size: Size) -> Result<Self> {
        let load = Load::start(&stack, ways, size.rate, 0)?;
        let mut run = Run::on(stack);
        run.patience = PATIENCE;
        Ok(Self {
            run,
            load,
            faults: Vec::new(),
            clock: Clock::system(),
        })
    }

    /// Takes note of a fault, now.
    pub(super) fn fault(&mut self) {
        self.faults.push(self.clock.now().timestamp_millis());
    }

    /// How many faults were noted.
    pub(super) fn faults(&self) -> usize {
        self.faults.len()
    }

    /// Messages that were taken in so far.
    pub(super) fn taken(&self) -> usize {
        self.load.taken()
    }

    /// Waits until Meta saw so many POSTs more.
    pub(super) async fn until_posted_more(&self, count: u64) -> Result<()> {
        self.run.until_posted(self.run.stack.meta.report().posts + count).await
    }

    pub(super) async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
        let begun = Instant::now();
        while !is_so().await? {
            if begun.elapsed() > PATIENCE {
                bail!("waited {PATIENCE:?} in vain for {what}\n{}", self.run.last_words());
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Ends the load, waits for rest, lets holds end, and judges.
    pub(super) async fn end(self, expectations: &Expectations) -> Result<Figures> {
        let faults = self.faults.len() as u64;
        self.end_with(faults, expectations).await
    }

    /// The same, where faults are counted elsewhere.
    pub(super) async fn end_with(mut self, faults: u64, expectations: &Expectations) -> Result<Figures> {
        ensure!(faults > 0, "not one fault struck");
        self.run.client = self.load.finish(PATIENCE).await?;
        self.run.until_quiet().await?;
        if self.run.count(State::Uncertain).await? > 0 {
            self.run.end_holds().await?;
            self.run.until_quiet().await?;
        }
        let stack = &self.run.stack;
        let recovery = Recovery::read(&stack.database.unhurried()).await?;
        let verdict = Verdict::of(stack, &self.run.client, expectations).await?;
        Ok(Figures {
            messages: verdict.messages,
            faults,
            lost: verdict.lost,
            duplicated: verdict.duplicated,
            uncertain: verdict.uncertain,
            unknown: verdict.unknown,
            recovered: self
                .faults
                .iter()
                .map(|at| recovery.after(*at))
                .max()
                .unwrap_or_default(),
            broken: verdict.broken,
        })
    }
}
