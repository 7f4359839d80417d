//! Paces: a number that Meta found too fast gets its pace back little by little.

use std::time::Duration;

use store::pace::Recovered;
use store::{Error, Store};
use tracing::info;

use crate::Options;
use crate::duty::Duty;

/// Gives numbers their pace back.
#[derive(Debug)]
pub struct Paces {
    store: Store,
    options: Options,
}

impl Paces {
    /// With these times.
    pub fn new(store: Store, options: Options) -> Self {
        Self { store, options }
    }

    /// One pass.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn run_once(&mut self) -> Result<Recovered, Error> {
        self.store.recover_pace().await
    }
}

impl Duty for Paces {
    const NAME: &'static str = "paces";
    type Pass = Recovered;

    async fn run_once(&mut self) -> Result<Recovered, Error> {
        Self::run_once(self).await
    }

    fn report(&self, pass: &Recovered, _took: Duration) -> Duration {
        if pass.full > 0 {
            info!(
                numbers = pass.full,
                "{} sender numbers have their full pace again", pass.full
            );
        }
        self.options.paces
    }
}
