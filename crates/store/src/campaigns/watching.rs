//! What the scheduler looks after while campaigns run: they begin, stop by themselves, and end.

use domain::campaign::safety::Sight;
use domain::campaign::{LATEST_START, Options};
use domain::template::TemplateStatus;
use domain::{CampaignId, OrganizationId, Reason};
use uuid::Uuid;

use super::options;
use crate::statement::{Statement, statement};
use crate::{Error, Store};

const BEGIN: Statement = statement!("campaigns/begin", "beginning campaigns");
const LATE: Statement = statement!("campaigns/late", "looking for campaigns that missed their start");
const END: Statement = statement!("campaigns/end", "ending campaigns");
const WATCHED: Statement = statement!("campaigns/watched", "looking for campaigns under way");
const UNSETTLED: Statement = statement!("campaigns/unsettled", "looking for campaigns whose flows lag behind");
const LATELY: Statement = statement!("campaigns/lately", "looking at the last attempts of a campaign");
const GATES: Statement = statement!("campaigns/gates", "looking at the gates of a campaign");
const LOW_NUMBERS: Statement = statement!(
    "campaigns/low_numbers",
    "looking at the quality of a campaign's numbers"
);

/// Rows of each part that tell how a campaign does.
const LOOK_BACK: i32 = 500;

/// A campaign under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// Which.
    pub id: CampaignId,
    /// Whose.
    pub organization: OrganizationId,
    /// What it says and how it goes.
    pub options: Options,
}

impl Store {
    /// Campaigns whose time has come run from now on; says how many.
    pub async fn begin_campaigns(&self) -> Result<usize, Error> {
        let client = self.client().await?;
        Ok(BEGIN.rows(&client, &[]).await?.len())
    }

    /// Campaigns that missed their start for so long that somebody should say whether it still makes sense.
    pub async fn late_campaigns(&self) -> Result<Vec<(OrganizationId, CampaignId)>, Error> {
        let client = self.client().await?;
        let rows = LATE.rows(&client, &[&LATEST_START.as_seconds_f64()]).await?;
        Ok(rows.iter().map(whose).collect())
    }

    /// Campaigns of which nothing is under way any more are done from now on; says how many.
    pub async fn end_campaigns(&self) -> Result<usize, Error> {
        let client = self.client().await?;
        Ok(END.rows(&client, &[]).await?.len())
    }

    /// Campaigns that may have to be stopped.
    pub async fn watched_campaigns(&self) -> Result<Vec<Watched>, Error> {
        let client = self.client().await?;
        let rows = WATCHED.rows(&client, &[]).await?;
        let read = rows.iter().map(|row| {
            let (organization, id) = whose(row);
            Ok(Watched {
                id,
                organization,
                options: options(row.get("options"))?,
            })
        });
        read.collect()
    }

    /// Campaigns with flows that are not where the campaign is, because whoever stopped it died in between.
    pub async fn unsettled_campaigns(&self) -> Result<Vec<(OrganizationId, CampaignId)>, Error> {
        let client = self.client().await?;
        let rows = UNSETTLED.rows(&client, &[]).await?;
        Ok(rows.iter().map(whose).collect())
    }

    /// What happened to a campaign lately.
    pub async fn sight_of(&self, campaign: &Watched) -> Result<Sight, Error> {
        let client = self.client().await?;
        let id = campaign.id.0;
        let lately = LATELY.row(&client, &[&id, &LOOK_BACK]).await?;
        let lately = lately.expect("an aggregate without groups is one row");
        let reasons: Option<Vec<String>> = lately.get("reasons");
        let codes = reasons
            .iter()
            .flatten()
            .filter_map(|reason| match Reason::parse(reason) {
                Reason::Meta(code) => Some(code),
                _ => None,
            });
        let mut sight = Sight {
            attempts: lately.get::<_, i64>("attempts").unsigned_abs(),
            failed: lately.get::<_, i64>("failed").unsigned_abs(),
            codes: codes.collect(),
            ..Sight::default()
        };
        let variants = campaign.options.variants.iter();
        let (names, languages): (Vec<&str>, Vec<&str>) = variants
            .map(|variant| (variant.template_name.as_str(), variant.template_language.as_str()))
            .unzip();
        let mut missing: Vec<&str> = names.clone();
        for row in GATES.rows(&client, &[&id, &names, &languages]).await? {
            let (name, status): (String, &str) = (row.get("name"), row.get("status"));
            let quality: Option<&str> = row.get("quality");
            missing.retain(|missing| *missing != name);
            if TemplateStatus::parse(status) != TemplateStatus::Approved {
                sight.closed_templates.push((name, status.to_owned()));
            } else if quality.is_some_and(|quality| quality.eq_ignore_ascii_case("RED")) {
                sight.low_templates.push(name);
            }
        }
        let gone = missing.into_iter().map(|name| (name.to_owned(), "MISSING".to_owned()));
        sight.closed_templates.extend(gone);
        let low = LOW_NUMBERS.rows(&client, &[&id]).await?;
        sight.low_numbers = low.iter().map(|row| row.get("phone")).collect();
        Ok(sight)
    }
}

fn whose(row: &tokio_postgres::Row) -> (OrganizationId, CampaignId) {
    (
        OrganizationId(row.get("organization_id")),
        CampaignId(row.get::<_, Uuid>("id")),
    )
}
