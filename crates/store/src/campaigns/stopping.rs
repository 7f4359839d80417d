//! Pausing, resuming and canceling a campaign: the campaign first, so that nobody becomes a message any more, then its flows.

use std::time::Duration;

use domain::campaign::Status;
use domain::{CampaignId, OrganizationId};

use super::{Campaign, lock, parts};
use crate::statement::{Statement, statement};
use crate::stops::{Stopped, Tally};
use crate::{Error, Store};

const PAUSE: Statement = statement!("campaigns/pause", "pausing a campaign");
const RESUME: Statement = statement!("campaigns/resume", "resuming a campaign");
const CANCEL: Statement = statement!("campaigns/cancel", "canceling a campaign");
const CLOSE_PARTS: Statement = statement!("campaigns/close_parts", "closing the parts of a campaign");
const OPEN_PARTS: Statement = statement!("campaigns/open_parts", "opening the parts of a campaign");

/// A campaign that was stopped, or goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Halted {
    /// As it stands now.
    pub campaign: Campaign,
    /// When no POST begins any more.
    pub stopped: Stopped,
}

impl Store {
    /// Pauses a campaign that has begun or is about to. `code` and `facts` tell why, where nobody asked for it. `None` when there is no
    /// such campaign; a campaign of another status stays as it is.
    pub async fn pause_campaign(
        &self,
        organization: OrganizationId,
        id: CampaignId,
        why: Option<(&str, &str)>,
    ) -> Result<Option<Halted>, Error> {
        let doing = "pausing a campaign";
        let mut client = self.client().await?;
        let tx = client.transaction().await.map_err(Error::while_doing(doing))?;
        if lock(&tx, organization, id).await?.is_none() {
            return Ok(None);
        }
        let (code, facts) = why.unzip();
        if PAUSE.run(&tx, &[&id.0, &code, &facts]).await? > 0 {
            CLOSE_PARTS.run(&tx, &[&id.0]).await?;
        }
        tx.commit().await.map_err(Error::while_doing(doing))?;
        drop(client);
        self.settle_flows(organization, id).await
    }

    /// Lets a paused campaign go on. `None` when there is no such campaign; a campaign of another status stays as it is.
    pub async fn resume_campaign(&self, organization: OrganizationId, id: CampaignId) -> Result<Option<Halted>, Error> {
        let doing = "resuming a campaign";
        let mut client = self.client().await?;
        let tx = client.transaction().await.map_err(Error::while_doing(doing))?;
        if lock(&tx, organization, id).await?.is_none() {
            return Ok(None);
        }
        if RESUME.run(&tx, &[&id.0]).await? > 0 {
            OPEN_PARTS.run(&tx, &[&id.0]).await?;
        }
        tx.commit().await.map_err(Error::while_doing(doing))?;
        drop(client);
        self.settle_flows(organization, id).await
    }

    /// Cancels a campaign for good, whatever it is at. `None` when there is no such campaign; one that is done stays done.
    pub async fn cancel_campaign(&self, organization: OrganizationId, id: CampaignId) -> Result<Option<Halted>, Error> {
        let doing = "canceling a campaign";
        let mut client = self.client().await?;
        let tx = client.transaction().await.map_err(Error::while_doing(doing))?;
        if lock(&tx, organization, id).await?.is_none() {
            return Ok(None);
        }
        if CANCEL.run(&tx, &[&id.0]).await? > 0 {
            CLOSE_PARTS.run(&tx, &[&id.0]).await?;
        }
        tx.commit().await.map_err(Error::while_doing(doing))?;
        drop(client);
        self.settle_flows(organization, id).await
    }

    /// Brings the flows of a campaign to where the campaign is. Again is harmless, and finishes what broke off in between.
    pub async fn settle_flows(&self, organization: OrganizationId, id: CampaignId) -> Result<Option<Halted>, Error> {
        let Some(campaign) = self.campaign(organization, id).await? else {
            return Ok(None);
        };
        let flows = self.campaign_parts(id).await?.into_iter().filter_map(|part| part.flow);
        let mut quiet_in = Duration::ZERO;
        let flows: Vec<_> = flows.collect();
        if campaign.status == Status::Canceled {
            // All of them stop before the first row is called back, which may take a while.
            for flow in &flows {
                self.pause_flow(organization, *flow).await?;
            }
        }
        for flow in flows {
            let stopped = match campaign.status {
                Status::Paused => self.pause_flow(organization, flow).await?,
                Status::Canceled => self.cancel_flow(organization, flow).await?,
                Status::Scheduled | Status::Running => {
                    self.resume_flow(organization, flow).await?;
                    None
                }
                Status::Draft | Status::Adding | Status::Done => None,
            };
            quiet_in = quiet_in.max(stopped.map_or(Duration::ZERO, |stopped| stopped.quiet_in));
        }
        Ok(Some(Halted {
            campaign,
            stopped: Stopped { quiet_in },
        }))
    }

    /// What became of the audience of a campaign: of its messages, and of those who are none. Adds up to the audience.
    pub async fn tally_campaign(&self, campaign: &Campaign) -> Result<Tally, Error> {
        let client = self.client().await?;
        let parts = parts(&client, campaign.id).await?;
        drop(client);
        let canceled = campaign.status == Status::Canceled;
        let mut sum = Tally {
            handed_over: 0,
            canceled: 0,
            refused: 0,
            waiting: 0,
        };
        for part in parts {
            let unfilled = u64::from(part.audience - part.filled);
            if canceled {
                sum.canceled += unfilled;
            } else {
                sum.waiting += unfilled;
            }
            if let Some(flow) = part.flow {
                let tally = self.tally(flow, canceled).await?;
                sum.handed_over += tally.handed_over;
                sum.canceled += tally.canceled;
                sum.refused += tally.refused;
                sum.waiting += tally.waiting;
            }
        }
        Ok(sum)
    }
}
