//! What the checker found of a run, as the figures of one row of a table.

use anyhow::Result;
use domain::State;

use crate::client::Client;
use crate::history::{Broken, Expectations, History, Invariant, check};
use crate::stack::Stack;

/// The figures of a run.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Rows of the ledger.
    pub messages: usize,
    /// POSTs that Meta saw.
    pub posts: usize,
    /// Messages that were taken in and are not there, or have not come to an end.
    pub lost: usize,
    /// Messages that Meta accepted more than once, and attempts that it saw more than once or without a claim.
    pub duplicated: usize,
    /// Attempts whose outcome was not known when they ended; a webhook told most of them later.
    pub uncertain: usize,
    /// Messages that ended as unknown.
    pub unknown: usize,
    /// Every case in which an invariant is broken, the lost and duplicated ones too.
    pub broken: Vec<Broken>,
}

impl Verdict {
    /// Lays the ledgers of a run side by side and judges them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of(stack: &Stack, client: &Client, expectations: &Expectations) -> Result<Self> {
        let history = History::gather(stack, client).await?;
        Ok(Self::on(&history, expectations))
    }

    /// Judges a history.
    pub fn on(history: &History, expectations: &Expectations) -> Self {
        let broken = check(history, expectations);
        let count = |wanted: [Invariant; 2]| broken.iter().filter(|case| wanted.contains(&case.invariant)).count();
        Self {
            messages: history.messages.len(),
            posts: history.posts.len(),
            lost: count([Invariant::Kept, Invariant::Ended]),
            duplicated: count([Invariant::AcceptedOnce, Invariant::PostedOnce]),
            uncertain: history
                .attempts
                .iter()
                .filter(|attempt| attempt.outcome == "unknown")
                .count(),
            unknown: history
                .messages
                .iter()
                .filter(|row| row.state == State::Unknown)
                .count(),
            broken,
        }
    }
}
