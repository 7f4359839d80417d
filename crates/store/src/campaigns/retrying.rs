//! A campaign that goes once more to those whom another failed to reach.

use domain::CampaignId;
use domain::campaign::Status;

use super::{Changed, NewCampaign, create, lock, signed};
use crate::statement::{Statement, statement};
use crate::{Error, Store};

const COPY_FAILED: Statement = statement!("campaigns/copy_failed", "copying the recipients who were not reached");
const COPY_PARTS: Statement = statement!("campaigns/copy_parts", "copying the parts of a campaign");
const COUNT_ADDED: Statement = statement!("campaigns/count_added", "counting the recipients of a campaign");

impl Store {
    /// Keeps `new` with the recipients whom `of` failed to reach. Of a campaign that is still under way, those who failed so far. `None`
    /// when there is no such campaign.
    pub async fn retry_campaign(&self, of: CampaignId, new: &NewCampaign) -> Result<Option<Changed>, Error> {
        let doing = "making a campaign for those who were not reached";
        let mut client = self.client().await?;
        let tx = client.transaction().await.map_err(Error::while_doing(doing))?;
        let Some(before) = lock(&tx, new.organization, of).await? else {
            return Ok(None);
        };
        if matches!(before.status, Status::Draft | Status::Adding | Status::Scheduled) {
            return Ok(Some(Changed::No(before.status)));
        }
        create(&tx, new, Some(of)).await?;
        let copied = COPY_FAILED.run(&tx, &[&new.id.0, &of.0]).await?;
        if copied == 0 {
            return Ok(Some(Changed::Empty));
        }
        COPY_PARTS.rows(&tx, &[&new.id.0, &of.0]).await?;
        let audience = signed(u32::try_from(copied).unwrap_or(u32::MAX));
        COUNT_ADDED.run(&tx, &[&new.id.0, &audience, &0_i32, &0_i32]).await?;
        let after = lock(&tx, new.organization, new.id).await?;
        tx.commit().await.map_err(Error::while_doing(doing))?;
        Ok(after.map(|after| Changed::Yes(Box::new(after))))
    }
}
