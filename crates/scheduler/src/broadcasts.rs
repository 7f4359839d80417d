//! Broadcasts: one of which nothing waits any more, nor is under way, is completed.

use std::time::Duration;

use domain::FlowId;
use store::completion::Completed;
use store::{Error, Store};
use tracing::debug;

use crate::Options;
use crate::duty::Duty;

/// Broadcasts that one pass looks at: some ten milliseconds of work when each has 256 rows.
const LOOKED_AT: i64 = 200;

/// A pass rests so many times as long as it took: under a backlog of 100,000 in broadcasts of 256, looking at those that are nearly done
/// took 8 % of what PostgreSQL did when it was done each second.
const RESTS: u32 = 20;
/// And no longer than that, or one slow pass would keep everybody waiting for the end of their broadcasts.
const LONGEST: Duration = Duration::from_secs(10);

/// Completes broadcasts, round by round through those that may be.
#[derive(Debug)]
pub struct Broadcasts {
    store: Store,
    options: Options,
    after: Option<FlowId>,
}

impl Broadcasts {
    /// With these times.
    pub fn new(store: Store, options: Options) -> Self {
        Self {
            store,
            options,
            after: None,
        }
    }

    /// One pass, from where the one before ended.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn run_once(&mut self) -> Result<Completed, Error> {
        let pass = self.store.complete_broadcasts(self.after, LOOKED_AT).await?;
        self.after = pass.last;
        Ok(pass)
    }
}

impl Duty for Broadcasts {
    const NAME: &'static str = "broadcasts";
    type Pass = Completed;

    async fn run_once(&mut self) -> Result<Completed, Error> {
        Self::run_once(self).await
    }

    fn report(&self, pass: &Completed, took: Duration) -> Duration {
        if pass.completed > 0 {
            debug!(completed = pass.completed, "broadcasts are completed");
        }
        rest(self.options.broadcasts, took)
    }
}

/// How long to rest after a pass that took so long, and `every` at least.
fn rest(every: Duration, took: Duration) -> Duration {
    every.max((took * RESTS).min(LONGEST)).max(took)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_takes_a_small_part_of_the_time_and_nobody_waits_long_for_the_next() {
        let (every, ms) = (Duration::from_secs(1), Duration::from_millis);

        assert_eq!(rest(every, ms(3)), every);
        assert_eq!(rest(every, ms(160)), ms(3_200));
        assert_eq!(rest(every, ms(2_000)), LONGEST);
        assert_eq!(rest(every, ms(30_000)), ms(30_000));
    }
}
