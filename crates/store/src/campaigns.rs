//! Campaigns: a plan, a list of recipients, and the flows that they become.
//!
//! **Invariants.** Nobody is in a campaign twice. A chunk of recipients is added whole or not at all, and once. A recipient becomes a
//! message under the lock of its part; a pause or a cancel closes the parts under the same lock, so after it nobody becomes one. What of
//! the audience is a message and what is not always adds up to the audience.

mod adding;
mod filling;
mod looking;
mod retrying;
mod stopping;
mod watching;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::campaign::{Options, Status, calendar};
use domain::{CampaignId, FlowId, NumberId, OrganizationId, ScopeId, WabaId};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::intake::{NewAnswer, earlier_answers};
use crate::statement::{Statement, statement};
use crate::{Error, Store};

pub use adding::{Adding, Chunk, Counts, Earlier, Line};
pub use filling::{Bounds, Filled, Work};
pub use looking::{Count, Roll, Rolled};
pub use stopping::Halted;
pub use watching::Watched;

const INSERT: Statement = statement!("campaigns/insert", "keeping a campaign");
const KEEP_ANSWER: Statement = statement!("balance/keep_answer", "keeping the answer to a request");
const ONE: Statement = statement!("campaigns/one", "reading a campaign");
const LOCK: Statement = statement!("campaigns/lock", "locking a campaign");
const PAGE: Statement = statement!("campaigns/page", "listing campaigns");
const PARTS: Statement = statement!("campaigns/parts", "reading the parts of a campaign");
const MAKE_FLOW: Statement = statement!("campaigns/make_flow", "making a flow of a campaign");
const OPEN_PART: Statement = statement!("campaigns/open_part", "opening a part of a campaign");
const SET_STATUS: Statement = statement!("campaigns/set_status", "starting a campaign");
const MOVE_PART: Statement = statement!("campaigns/move_part", "moving a part of a campaign to another time");
const MOVE_ROWS: Statement = statement!("campaigns/move_rows", "moving messages of a campaign to another time");
const SET_SCHEDULE: Statement = statement!("campaigns/set_schedule", "moving a campaign to another time");
pub(crate) const CLOCK: Statement = statement!("admission/clock", "asking for the ledger's clock");

/// A campaign as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Campaign {
    /// Its id.
    pub id: CampaignId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What people call it.
    pub name: String,
    /// Where it is.
    pub status: Status,
    /// What it says and how it goes.
    pub options: Options,
    /// It goes to those whom this one failed to reach.
    pub retry_of: Option<CampaignId>,
    /// How many recipients it has.
    pub audience: u32,
    /// Lines that named somebody again.
    pub duplicates: u32,
    /// Lines that were refused.
    pub invalid: u32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its first part begins; set at the start.
    pub starts_at: Option<DateTime<Utc>>,
    /// When it was done or canceled.
    pub ended_at: Option<DateTime<Utc>>,
    /// Of the pause it is in: when, the code of an alarm, and what was seen.
    pub paused: Option<Pause>,
    /// Where its ramp begins.
    pub ramp_from: Option<DateTime<Utc>>,
}

/// Why a campaign is paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub at: DateTime<Utc>,
    /// A stable code; `None` when somebody asked for it.
    pub code: Option<String>,
    /// What was seen.
    pub facts: Option<String>,
}

/// A campaign as it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCampaign {
    /// Its id.
    pub id: CampaignId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What people call it.
    pub name: String,
    /// What it says and how it goes.
    pub options: Options,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// The recipients of a campaign that one number writes to at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its place in the campaign.
    pub part: i16,
    /// From which number.
    pub number: NumberId,
    /// That number, E.164.
    pub phone: String,
    /// That number's account.
    pub waba: WabaId,
    /// Where that number's messaging limit is counted.
    pub scope: ScopeId,
    /// Messages per second.
    pub throughput: u32,
    /// Of the recipients, where their own clock decides.
    pub zone: Option<String>,
    /// How many there are.
    pub audience: u32,
    /// How many of them are messages.
    pub filled: u32,
    /// How many of those wait for the flow's cursor.
    pub held: u32,
    /// Its flow, from the start on.
    pub flow: Option<FlowId>,
    /// When it begins.
    pub starts_at: Option<DateTime<Utc>>,
}

/// What came of a start or another change.
#[derive(Debug, Clone, PartialEq)]
pub enum Changed {
    /// Done; as it stands now.
    Yes(Box<Campaign>),
    /// Its status does not allow it.
    No(Status),
    /// It has no recipient.
    Empty,
}

impl Store {
    /// Keeps a new campaign, once per idempotency key. `key` is the request's, with its hash and what a repeated request is to get.
    /// Returns what such a request got before, if anything; then nothing is kept.
    pub async fn create_campaign(
        &self,
        new: &NewCampaign,
        key: Option<(&str, [u8; 32], &str)>,
    ) -> Result<Option<NewAnswer>, Error> {
        let doing = "keeping a campaign";
        let mut client = self.client().await?;
        loop {
            let tx = client.transaction().await.map_err(Error::while_doing(doing))?;
            create(&tx, new, None).await?;
            if let Some((key, hash, answer)) = key {
                let earlier = earlier_answers(&tx, &[(new.organization, key.to_owned())]).await?.pop();
                if earlier.is_some() {
                    return Ok(earlier);
                }
                let status = 201_i16;
                let arguments: crate::statement::Arguments<'_> = &[
                    &new.organization.0,
                    &key,
                    &hash.as_slice(),
                    &status,
                    &answer,
                    &new.created_at,
                ];
                if KEEP_ANSWER.run(&tx, arguments).await? == 0 {
                    // Somebody else was faster with this key, and committed: the next round finds the answer.
                    continue;
                }
            }
            tx.commit().await.map_err(Error::while_doing(doing))?;
            return Ok(None);
        }
    }

    /// A campaign of an organization.
    pub async fn campaign(&self, organization: OrganizationId, id: CampaignId) -> Result<Option<Campaign>, Error> {
        let client = self.client().await?;
        let row = ONE.row(&client, &[&id.0, &organization.0]).await?;
        row.as_ref().map(campaign).transpose()
    }

    /// An organization's campaigns, the newest first.
    pub async fn campaigns(
        &self,
        organization: OrganizationId,
        before: Option<CampaignId>,
        status: Option<Status>,
        limit: u32,
    ) -> Result<Vec<Campaign>, Error> {
        let client = self.client().await?;
        let (before, status) = (before.map(|id| id.0), status.map(Status::as_str));
        let rows = PAGE
            .rows(&client, &[&organization.0, &before, &status, &i64::from(limit)])
            .await?;
        rows.iter().map(campaign).collect()
    }

    /// The parts of a campaign.
    pub async fn campaign_parts(&self, id: CampaignId) -> Result<Vec<Part>, Error> {
        let client = self.client().await?;
        parts(&client, id).await
    }

    /// Freezes a campaign's audience and lets it go when its time comes. `None` when there is no such campaign.
    pub async fn start_campaign(&self, organization: OrganizationId, id: CampaignId) -> Result<Option<Changed>, Error> {
        let doing = "starting a campaign";
        let mut client = self.client().await?;
        let tx = client.transaction().await.map_err(Error::while_doing(doing))?;
        let Some(before) = lock(&tx, organization, id).await? else {
            return Ok(None);
        };
        if !before.status.is_open() {
            return Ok(Some(Changed::No(before.status)));
        }
        if before.audience == 0 {
            return Ok(Some(Changed::Empty));
        }
        let now = clock(&tx).await?;
        let mut first = DateTime::<Utc>::MAX_UTC;
        for part in parts(&tx, id).await? {
            let starts_at = starts_at(&before.options, part.zone.as_deref(), now);
            first = first.min(starts_at);
            let flow = FlowId::new(now);
            MAKE_FLOW
                .run(&tx, &[&flow.0, &organization.0, &part.number.0, &starts_at, &now])
                .await?;
            OPEN_PART.run(&tx, &[&id.0, &part.part, &flow.0, &starts_at]).await?;
        }
        let status = if first > now {
            Status::Scheduled
        } else {
            Status::Running
        };
        SET_STATUS
            .run(&tx, &[&id.0, &status.as_str(), &Some(first), &Some(first)])
            .await?;
        let after = lock(&tx, organization, id).await?;
        tx.commit().await.map_err(Error::while_doing(doing))?;
        Ok(after.map(|after| Changed::Yes(Box::new(after))))
    }

    /// Moves a campaign that has not begun, or is paused, to another time: what of it is not with the broker yet. `None` when there is
    /// no such campaign.
    pub async fn reschedule_campaign(
        &self,
        organization: OrganizationId,
        id: CampaignId,
        change: impl FnOnce(&mut Options) + Send,
    ) -> Result<Option<Changed>, Error> {
        let doing = "moving a campaign to another time";
        let mut client = self.client().await?;
        let tx = client.transaction().await.map_err(Error::while_doing(doing))?;
        let Some(before) = lock(&tx, organization, id).await? else {
            return Ok(None);
        };
        if !matches!(
            before.status,
            Status::Draft | Status::Adding | Status::Scheduled | Status::Paused
        ) {
            return Ok(Some(Changed::No(before.status)));
        }
        let now = clock(&tx).await?;
        let mut options = before.options;
        change(&mut options);
        let mut first = None;
        for part in parts(&tx, id).await?.into_iter().filter(|part| part.flow.is_some()) {
            let starts_at = starts_at(&options, part.zone.as_deref(), now);
            first = Some(first.map_or(starts_at, |first: DateTime<Utc>| first.min(starts_at)));
            MOVE_PART.run(&tx, &[&id.0, &part.part, &starts_at]).await?;
            if let Some(flow) = part.flow.filter(|_| part.held > 0) {
                let expires_at = filling::expires_at(&options, starts_at, now);
                MOVE_ROWS.run(&tx, &[&flow.0, &starts_at, &expires_at]).await?;
            }
        }
        SET_SCHEDULE.run(&tx, &[&id.0, &to_json(&options), &first]).await?;
        let after = lock(&tx, organization, id).await?;
        tx.commit().await.map_err(Error::while_doing(doing))?;
        Ok(after.map(|after| Changed::Yes(Box::new(after))))
    }
}

/// When a part begins: never before now.
fn starts_at(options: &Options, zone: Option<&str>, now: DateTime<Utc>) -> DateTime<Utc> {
    let local = options.scheduled_local.map(|shown| calendar::instant_in(zone, shown));
    local.or(options.scheduled_at).map_or(now, |at| at.max(now))
}

async fn create(client: &impl GenericClient, new: &NewCampaign, retry_of: Option<CampaignId>) -> Result<(), Error> {
    let retry_of = retry_of.map(|id| id.0);
    INSERT
        .run(
            client,
            &[
                &new.id.0,
                &new.organization.0,
                &new.name,
                &to_json(&new.options),
                &retry_of,
                &new.created_at,
            ],
        )
        .await?;
    Ok(())
}

async fn lock(
    client: &impl GenericClient,
    organization: OrganizationId,
    id: CampaignId,
) -> Result<Option<Campaign>, Error> {
    let row = LOCK.row(client, &[&id.0, &organization.0]).await?;
    row.as_ref().map(campaign).transpose()
}

async fn parts(client: &impl GenericClient, id: CampaignId) -> Result<Vec<Part>, Error> {
    let rows = PARTS.rows(client, &[&id.0]).await?;
    Ok(rows.iter().map(part).collect())
}

/// The ledger's clock.
async fn clock(client: &impl GenericClient) -> Result<DateTime<Utc>, Error> {
    let row = CLOCK.row(client, &[]).await?;
    Ok(row.expect("a clock always shows something").get(0))
}

fn to_json(options: &Options) -> Value {
    serde_json::to_value(options).expect("options are plain data, which always serializes")
}

fn options(value: Value) -> Result<Options, Error> {
    serde_json::from_value(value).map_err(|error| Error::Unreadable {
        what: "campaign.options",
        found: error.to_string(),
    })
}

fn status(text: &str) -> Result<Status, Error> {
    Status::parse(text).ok_or_else(|| Error::Unreadable {
        what: "campaign.status",
        found: text.to_owned(),
    })
}

fn campaign(row: &Row) -> Result<Campaign, Error> {
    let status = status(row.get("status"))?;
    let paused_at: Option<DateTime<Utc>> = row.get("paused_at");
    let pause = |at| Pause {
        at,
        code: row.get("pause_code"),
        facts: row.get("pause_facts"),
    };
    Ok(Campaign {
        id: CampaignId(row.get("id")),
        organization: OrganizationId(row.get("organization_id")),
        name: row.get("name"),
        status,
        options: options(row.get("options"))?,
        retry_of: row.get::<_, Option<Uuid>>("retry_of").map(CampaignId),
        audience: count(row, "audience"),
        duplicates: count(row, "duplicates"),
        invalid: count(row, "invalid"),
        created_at: row.get("created_at"),
        starts_at: row.get("starts_at"),
        ended_at: row.get("ended_at"),
        paused: paused_at.filter(|_| status == Status::Paused).map(pause),
        ramp_from: row.get("ramp_from"),
    })
}

fn part(row: &Row) -> Part {
    Part {
        part: row.get("part"),
        number: NumberId(row.get("number_id")),
        phone: row.get("phone"),
        waba: WabaId(row.get("waba_id")),
        scope: ScopeId(row.get("scope_id")),
        throughput: count(row, "throughput"),
        zone: row.get("zone"),
        audience: count(row, "audience"),
        filled: count(row, "filled"),
        held: count(row, "held"),
        flow: row.get::<_, Option<Uuid>>("flow_id").map(FlowId),
        starts_at: row.get("starts_at"),
    }
}

/// A column that the table keeps from going below zero.
fn count(row: &Row, column: &str) -> u32 {
    u32::try_from(row.get::<_, i32>(column)).unwrap_or(0)
}

fn signed(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
