//! Looking after campaigns: they begin when their time comes, stop when something is wrong, and are done when nothing of them waits.

use std::time::Duration;

use store::{Error, Store};
use tracing::{info, warn};

use crate::Options;
use crate::duty::Duty;

/// Looks after campaigns.
#[derive(Debug)]
pub struct Campaigns {
    store: Store,
    options: Options,
}

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CampaignsPass {
    /// Campaigns that began.
    pub begun: usize,
    /// Campaigns that were paused, because something is wrong.
    pub paused: usize,
    /// Campaigns whose flows were brought to where they are.
    pub settled: usize,
    /// Campaigns that are done.
    pub done: usize,
}

impl Campaigns {
    /// With these times.
    pub fn new(store: Store, options: Options) -> Self {
        Self { store, options }
    }

    /// One pass. What is to stop is stopped before anything begins.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn run_once(&mut self) -> Result<CampaignsPass, Error> {
        let mut pass = CampaignsPass::default();
        for (organization, id) in self.store.late_campaigns().await? {
            let why = ("start_missed", "its start was missed by more than a day");
            self.store.pause_campaign(organization, id, Some(why)).await?;
            warn!(campaign.id = %id, "campaign {id} missed its start by more than a day and is paused; resume it if it still makes sense");
            pass.paused += 1;
        }
        for watched in self.store.watched_campaigns().await? {
            let sight = self.store.sight_of(&watched).await?;
            let Some(alarm) = watched.options.safety.alarm(&sight) else {
                continue;
            };
            let why = (alarm.code, alarm.facts.as_str());
            self.store
                .pause_campaign(watched.organization, watched.id, Some(why))
                .await?;
            metrics::counter!("turnpike_campaign_alarms_total", "code" => alarm.code).increment(1);
            warn!(campaign.id = %watched.id, code = alarm.code, "campaign {} paused itself: {}", watched.id, alarm.code);
            pass.paused += 1;
        }
        for (organization, id) in self.store.unsettled_campaigns().await? {
            self.store.settle_flows(organization, id).await?;
            pass.settled += 1;
        }
        pass.begun = self.store.begin_campaigns().await?;
        pass.done = self.store.end_campaigns().await?;
        Ok(pass)
    }
}

impl Duty for Campaigns {
    const NAME: &'static str = "campaigns";
    type Pass = CampaignsPass;

    async fn run_once(&mut self) -> Result<CampaignsPass, Error> {
        Self::run_once(self).await
    }

    fn report(&self, pass: &CampaignsPass, took: Duration) -> Duration {
        if *pass != CampaignsPass::default() {
            info!(
                begun = pass.begun,
                paused = pass.paused,
                settled = pass.settled,
                done = pass.done,
                "looked after campaigns"
            );
        }
        self.options.campaigns.max(took)
    }
}
