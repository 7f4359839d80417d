//! How far campaigns are, and what the rest of them will need.

use chrono::{DateTime, Utc};
use deadpool_postgres::Client;
use domain::campaign::plan::{self, MEMBERSHIP, Outlook};
use domain::policy::Policies;
use domain::{CampaignId, PublicStatus, RateCard, Reason, State, Template, TemplateId, pace};

use super::filling::{Addressee, addressees, card_of, categories, policies_of, variant_templates};
use super::{Campaign, Part, clock, parts, signed};
use crate::statement::{Statement, statement};
use crate::{Error, Store};

const COUNTS: Statement = statement!("campaigns/counts", "counting the messages of a campaign");
const TAKE_SCOPE: Statement = statement!("campaigns/take_scope", "counting what a messaging limit has left");
const LIMIT: Statement = statement!("intake/limits", "reading what is used of messaging limits");
const FREES: Statement = statement!("campaigns/frees", "reading when a messaging limit frees");
const RECIPIENTS: Statement = statement!("campaigns/recipients", "reading the recipients of a campaign");

/// So many messages of a campaign have this status for this reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The public word.
    pub status: PublicStatus,
    /// Why they do not go, or not yet.
    pub reason: Option<Reason>,
    /// From which template.
    pub template: Option<TemplateId>,
    /// How many.
    pub rows: u64,
    /// How many of them went in the last minute.
    pub lately: u64,
}

/// The list of a campaign's recipients, read part by part.
#[derive(Debug)]
pub struct Roll {
    client: Client,
    campaign: Campaign,
    parts: Vec<Part>,
    at: (usize, u32),
    policies: Option<Policies>,
    /// Of an organization that pays.
    pub card: Option<RateCard>,
    /// Now.
    pub now: DateTime<Utc>,
}

/// Some of them, all of one part.
#[derive(Debug)]
pub struct Rolled {
    /// Who.
    pub recipients: Vec<Addressee>,
    /// Each variant's template in the account of the part's number.
    pub templates: Vec<Option<Template>>,
    /// When the part begins, as it is planned now.
    pub starts_at: DateTime<Utc>,
}

impl Store {
    /// Where the messages of a campaign are. Those of its recipients who are no messages yet are not among them.
    pub async fn campaign_counts(&self, id: CampaignId) -> Result<Vec<Count>, Error> {
        let client = self.client().await?;
        let now = clock(&client).await?;
        let rows = COUNTS.rows(&client, &[&id.0, &now]).await?;
        let read = rows.iter().map(|row| {
            let (state, delivery) = crate::queries::codes(row)?;
            let template: Option<i64> = row.get("template_id");
            Ok(Count {
                status: PublicStatus::of(state, delivery, state == State::Parked && row.get("waits")),
                reason: row.get::<_, Option<&str>>("reason").map(Reason::parse),
                template: template.map(TemplateId),
                rows: row.get::<_, i64>("n").unsigned_abs(),
                lately: row.get::<_, i64>("lately").unsigned_abs(),
            })
        });
        read.collect()
    }

    /// What a plan for the rest of a campaign is made from.
    pub async fn campaign_outlook(&self, campaign: &Campaign) -> Result<Outlook, Error> {
        let client = self.client().await?;
        let now = clock(&client).await?;
        let parts = parts(&client, campaign.id).await?;
        let (mut numbers, mut scopes) = (Vec::new(), Vec::new());
        let mut outlook = Outlook {
            now,
            parts: Vec::new(),
            paces: Vec::new(),
            scopes: Vec::new(),
            ramp: None,
            gone: parts.iter().map(|part| u64::from(part.filled)).sum(),
            expires_at: campaign.options.expires_at,
        };
        for part in &parts {
            let number = numbers.iter().position(|number| *number == part.number);
            let number = number.unwrap_or_else(|| {
                numbers.push(part.number);
                outlook.paces.push(pace::slots_per_second(part.throughput));
                numbers.len() - 1
            });
            let scope = match scopes.iter().position(|scope| *scope == part.scope) {
                Some(scope) => scope,
                None => {
                    scopes.push(part.scope);
                    outlook.scopes.push(scope(&client, campaign, part, now).await?);
                    scopes.len() - 1
                }
            };
            let planned = super::starts_at(&campaign.options, part.zone.as_deref(), now);
            outlook.parts.push(plan::Part {
                rest: u64::from(part.audience - part.filled),
                starts_at: part.starts_at.unwrap_or(planned),
                number,
                scope,
            });
        }
        outlook.ramp = campaign.options.ramp.map(|ramp| {
            let from = campaign
                .ramp_from
                .or_else(|| outlook.parts.iter().map(|part| part.starts_at).min());
            (ramp, now - from.unwrap_or(now))
        });
        Ok(outlook)
    }

    /// The list of a campaign's recipients who are no messages yet.
    pub async fn campaign_roll(&self, campaign: &Campaign) -> Result<Roll, Error> {
        let client = self.client().await?;
        Ok(Roll {
            parts: parts(&client, campaign.id).await?,
            at: (0, 0),
            policies: policies_of(&client, campaign.organization).await?,
            card: card_of(&client, campaign.organization).await?,
            now: clock(&client).await?,
            campaign: campaign.clone(),
            client,
        })
    }
}

async fn scope(client: &Client, campaign: &Campaign, part: &Part, now: DateTime<Utc>) -> Result<plan::Scope, Error> {
    let limits = LIMIT.rows(client, &[&vec![part.scope.0], &now]).await?;
    let Some(limit) = limits.first() else {
        return Ok(plan::Scope {
            room: None,
            frees: Vec::new(),
        });
    };
    let limit = u32::try_from(limit.get::<_, i32>("max_members")).unwrap_or(0);
    let templates = variant_templates(client, part.waba, &campaign.options).await?;
    let reserve = campaign.options.reserve(limit, &categories(&templates));
    let taken = TAKE_SCOPE.row(client, &[&part.scope.0]).await?;
    let taken = taken.map_or(0, |row| row.get::<_, i64>("taken").unsigned_abs());
    let frees = FREES.rows(client, &[&part.scope.0]).await?;
    let mut frees: Vec<(DateTime<Utc>, u64)> = frees
        .iter()
        .map(|row| (row.get("at"), row.get::<_, i64>("n").unsigned_abs()))
        .collect();
    let members: u64 = frees.iter().map(|(_, places)| places).sum();
    let under_way = taken.saturating_sub(members);
    if under_way > 0 {
        frees.push((now + MEMBERSHIP, under_way));
    }
    // Over the limit less the reserve, the first that come free are nobody's.
    let allowed = u64::from(limit.saturating_sub(reserve));
    let mut excess = taken.saturating_sub(allowed);
    for (_, places) in &mut frees {
        let gone = excess.min(*places);
        *places -= gone;
        excess -= gone;
    }
    Ok(plan::Scope {
        room: Some(allowed.saturating_sub(taken)),
        frees,
    })
}

impl Roll {
    /// The organization's policies.
    pub fn policies(&self) -> Option<&Policies> {
        self.policies.as_ref()
    }

    /// The next ones, at most `most`; `None` behind the last.
    pub async fn next(&mut self, most: u32) -> Result<Option<Rolled>, Error> {
        while let Some(part) = self.parts.get(self.at.0) {
            let since = self.at.1.max(part.filled);
            let upto = since.saturating_add(most);
            let arguments: crate::statement::Arguments<'_> =
                &[&self.campaign.id.0, &part.part, &signed(since), &signed(upto)];
            let rows = RECIPIENTS.rows(&self.client, arguments).await?;
            if rows.is_empty() {
                self.at = (self.at.0 + 1, 0);
                continue;
            }
            self.at.1 = upto;
            let with_zones = self
                .policies
                .as_ref()
                .is_some_and(|policies| policies.quiet_hours.is_some());
            let planned = super::starts_at(&self.campaign.options, part.zone.as_deref(), self.now);
            return Ok(Some(Rolled {
                recipients: addressees(&self.client, self.campaign.organization, &rows, with_zones).await?,
                templates: variant_templates(&self.client, part.waba, &self.campaign.options).await?,
                starts_at: part.starts_at.unwrap_or(planned),
            }));
        }
        Ok(None)
    }
}
