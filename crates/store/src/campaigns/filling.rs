//! Filling: recipients become messages, as many as may go soon.
//!
//! **Invariant:** one transaction, under the lock of the part: the messages, what the organization's quota counts, how far the part is
//! filled and how far its flow's cursor may go are committed together.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use deadpool_postgres::{GenericClient, Transaction};
use domain::campaign::Options;
use domain::campaign::allowance::{Allowance, Standing, Tier, allowance};
use domain::policy::Policies;
use domain::rules::quota::Used;
use domain::template::TemplateStatus;
use domain::{CampaignId, Category, FlowId, NumberId, OrganizationId, RateCard, Recipient, ScopeId, Template, WabaId};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{count, options};
use crate::intake::{Batch, NewMessage, Taken, count_quota, insert, lock_quota, opted_out, rate_cards, templates};
use crate::policies::zones;
use crate::statement::{Statement, statement};
use crate::{Error, Store};

const NEXT_PART: Statement = statement!("campaigns/next_part", "looking for a campaign to go on with");
const TAKE_SCOPE: Statement = statement!("campaigns/take_scope", "counting what a messaging limit has left");
const RECIPIENTS: Statement = statement!("campaigns/recipients", "reading the recipients of a campaign");
const FILLED: Statement = statement!("campaigns/filled", "noting down how far a campaign is filled");
const POLICIES: Statement = statement!("policies/of", "reading policies");
const BALANCE: Statement = statement!("balance/find", "reading a balance");

/// How long after its time a message of a campaign without an end may still go.
const DEFAULT_LIFE: TimeDelta = TimeDelta::hours(24);
/// How soon to look again at a messaging limit that somebody else is counting.
const COUNTED: TimeDelta = TimeDelta::milliseconds(100);

/// How much to fill.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Rows in one transaction at most.
    pub rows: u32,
    /// How many seconds of a number's pace may wait for the cursor of one flow.
    pub ahead: f64,
    /// How long before its start a part is filled.
    pub lead: TimeDelta,
}

/// What came of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// So many recipients are messages now.
    Rows(usize),
    /// A part was looked at, and nothing of it may go yet.
    Waits,
    /// There is nothing to fill.
    Nothing,
}

/// Recipients that are about to become messages, and what the rules must know of them.
#[derive(Debug, Clone)]
pub struct Work {
    /// Whose campaign.
    pub organization: OrganizationId,
    /// Which.
    pub campaign: CampaignId,
    /// What it says and how it goes.
    pub options: Options,
    /// From which number.
    pub number: NumberId,
    /// Where that number's messaging limit is counted.
    pub scope: ScopeId,
    /// The flow that they join.
    pub flow: FlowId,
    /// When it begins.
    pub starts_at: DateTime<Utc>,
    /// When its messages expire.
    pub expires_at: DateTime<Utc>,
    /// Now.
    pub now: DateTime<Utc>,
    /// In order.
    pub recipients: Vec<Addressee>,
    /// Each variant's template in the number's account; `None` where there is none.
    pub templates: Vec<Option<Template>>,
    /// Of an organization that pays.
    pub card: Option<RateCard>,
    /// Of an organization that has some.
    pub policies: Option<Policies>,
    /// What the organization has used of its quota, where it has one.
    pub used: Used,
}

/// A recipient of a campaign.
#[derive(Debug, Clone, PartialEq)]
pub struct Addressee {
    /// To whom.
    pub to: Recipient,
    /// Place in the part, from 1.
    pub seq: u32,
    /// Their own parameters.
    pub params: Option<Value>,
    /// The caller's own.
    pub metadata: Option<Value>,
    /// They asked the organization not to write.
    pub opted_out: bool,
    /// They asked the organization for no marketing.
    pub opted_out_of_marketing: bool,
    /// Where they live, when the organization said so and it matters.
    pub zone: Option<String>,
}

/// The part that a step works on.
struct Next {
    campaign: CampaignId,
    part: i16,
    flow: FlowId,
    number: NumberId,
    waba: WabaId,
    scope: ScopeId,
    organization: OrganizationId,
    options: Options,
    ramp_from: Option<DateTime<Utc>>,
    starts_at: DateTime<Utc>,
    filled: u32,
    audience: u32,
    held: u32,
    throughput: u32,
    limit: Option<u32>,
    gone: u64,
    now: DateTime<Utc>,
}

impl Store {
    /// Fills the next recipients of the part that needs them most; `write` makes messages of them, one of each.
    pub async fn fill(
        &self,
        bounds: Bounds,
        write: impl FnOnce(&Work) -> Vec<NewMessage> + Send,
    ) -> Result<Filled, Error> {
        let doing = "filling a campaign";
        let mut client = self.client().await?;
        let tx = client.transaction().await.map_err(Error::while_doing(doing))?;
        let arguments: crate::statement::Arguments<'_> = &[&bounds.ahead, &bounds.lead.as_seconds_f64()];
        let Some(row) = NEXT_PART.row(&tx, arguments).await? else {
            return Ok(Filled::Nothing);
        };
        let next = next(&row)?;
        let templates = variant_templates(&tx, next.waba, &next.options).await?;
        let upto = match may_go(&tx, &next, &templates, bounds).await? {
            Allowance::Rows(rows) => next.filled + rows,
            Allowance::LookAt(at) => {
                note(&tx, &next, next.filled, Some(at)).await?;
                tx.commit().await.map_err(Error::while_doing(doing))?;
                return Ok(Filled::Waits);
            }
        };
        let work = work(&tx, &next, templates, upto).await?;
        let messages = write(&work);
        let filled = messages.len();
        let batch = Batch {
            messages,
            ..Batch::default()
        };
        insert(&tx, &batch, next.now).await?;
        if has_quota(work.policies.as_ref()) {
            count_quota(&tx, &[next.organization], &batch, &Taken::new(), next.now).await?;
        }
        note(&tx, &next, upto, None).await?;
        tx.commit().await.map_err(Error::while_doing(doing))?;
        Ok(Filled::Rows(filled))
    }
}

/// When messages of a campaign expire that begins, or goes on, then.
pub(super) fn expires_at(options: &Options, starts_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    options.expires_at.unwrap_or_else(|| starts_at.max(now) + DEFAULT_LIFE)
}

/// Each variant's template in an account.
pub(super) async fn variant_templates(
    client: &impl GenericClient,
    waba: WabaId,
    options: &Options,
) -> Result<Vec<Option<Template>>, Error> {
    let asked = options.variants.iter().map(|variant| {
        let language = Some(variant.template_language.clone());
        (waba, variant.template_name.clone(), language)
    });
    let found = templates(client, &asked.collect::<Vec<_>>()).await?;
    let of = |name: &str, language: &str| {
        let same_name = found.get(&(waba, name.to_owned()))?;
        same_name.iter().find(|template| template.language == language).cloned()
    };
    let variants = options.variants.iter();
    Ok(variants
        .map(|variant| of(&variant.template_name, &variant.template_language))
        .collect())
}

/// The categories of templates, those that are there.
pub(super) fn categories(templates: &[Option<Template>]) -> Vec<Category> {
    templates.iter().flatten().map(|template| template.category).collect()
}

/// An organization's policies.
pub(super) async fn policies_of(
    client: &impl GenericClient,
    organization: OrganizationId,
) -> Result<Option<Policies>, Error> {
    let rows = POLICIES.rows(client, &[&vec![organization.0]]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let read = serde_json::from_value(row.get("rules"));
    read.map(Some).map_err(|error| Error::Unreadable {
        what: "policy.rules",
        found: error.to_string(),
    })
}

/// The rate card of an organization that pays.
pub(super) async fn card_of(
    client: &impl GenericClient,
    organization: OrganizationId,
) -> Result<Option<RateCard>, Error> {
    if BALANCE.row(client, &[&organization.0]).await?.is_none() {
        return Ok(None);
    }
    let mut cards = rate_cards(client, &[organization]).await?;
    Ok(Some(cards.remove(&organization).unwrap_or_default()))
}

fn has_quota(policies: Option<&Policies>) -> bool {
    policies.is_some_and(|policies| !policies.quota().is_none())
}

async fn may_go(
    tx: &Transaction<'_>,
    next: &Next,
    templates: &[Option<Template>],
    bounds: Bounds,
) -> Result<Allowance, Error> {
    let tier = match next.limit {
        None => None,
        Some(limit) => {
            let row = TAKE_SCOPE.row(tx, &[&next.scope.0]).await?;
            let row = row.expect("functions without a table are one row");
            if !row.get::<_, bool>("mine") {
                return Ok(Allowance::LookAt(next.now + COUNTED));
            }
            Some(Tier {
                limit: u64::from(limit),
                reserve: u64::from(next.options.reserve(limit, &categories(templates))),
                taken: row.get::<_, i64>("taken").unsigned_abs(),
                frees_at: row.get("frees_at"),
            })
        }
    };
    let ahead = (f64::from(next.throughput) * bounds.ahead).max(50.0) as u32;
    Ok(allowance(&Standing {
        now: next.now,
        templates_open: templates.iter().all(|template| {
            let status = template.as_ref().map(|template| &template.status);
            status == Some(&TemplateStatus::Approved)
        }),
        rest: next.audience - next.filled,
        room: ahead.saturating_sub(next.held).min(bounds.rows),
        ramp: next
            .options
            .ramp
            .map(|ramp| (ramp, next.now - next.ramp_from.unwrap_or(next.starts_at), next.gone)),
        tier,
    }))
}

async fn work(tx: &Transaction<'_>, next: &Next, templates: Vec<Option<Template>>, upto: u32) -> Result<Work, Error> {
    let (since, upto) = (super::signed(next.filled), super::signed(upto));
    let rows = RECIPIENTS
        .rows(tx, &[&next.campaign.0, &next.part, &since, &upto])
        .await?;
    let policies = policies_of(tx, next.organization).await?;
    let with_zones = policies.as_ref().is_some_and(|policies| policies.quiet_hours.is_some());
    let recipients = addressees(tx, next.organization, &rows, with_zones).await?;
    let mut used = HashMap::new();
    if has_quota(policies.as_ref()) {
        used = lock_quota(tx, &[next.organization], next.now).await?;
    }
    Ok(Work {
        organization: next.organization,
        campaign: next.campaign,
        number: next.number,
        scope: next.scope,
        flow: next.flow,
        starts_at: next.starts_at,
        expires_at: expires_at(&next.options, next.starts_at, next.now),
        now: next.now,
        recipients,
        templates,
        card: card_of(tx, next.organization).await?,
        policies,
        used: used.remove(&next.organization).unwrap_or_default(),
        options: next.options.clone(),
    })
}

/// Recipients, with what the ledger knows of each.
pub(super) async fn addressees(
    client: &impl GenericClient,
    organization: OrganizationId,
    rows: &[Row],
    with_zones: bool,
) -> Result<Vec<Addressee>, Error> {
    let asked: Vec<(OrganizationId, String)> = rows.iter().map(|row| (organization, row.get("recipient"))).collect();
    // And whether of marketing only.
    let out: HashMap<(OrganizationId, String), bool> = opted_out(client, &asked).await?;
    let told = if with_zones {
        let asked: Vec<_> = asked.iter().map(|(whose, person)| (*whose, person.as_str())).collect();
        zones(client, &asked).await?
    } else {
        HashMap::new()
    };
    let read = rows.iter().zip(&asked).map(|(row, asked)| {
        Ok(Addressee {
            to: Recipient::parse(&asked.1).map_err(|_| Error::Unreadable {
                what: "campaign_recipient.recipient",
                found: "no phone number".to_owned(),
            })?,
            seq: count(row, "seq"),
            params: json(row, "params")?,
            metadata: json(row, "metadata")?,
            opted_out: out.get(asked) == Some(&false),
            opted_out_of_marketing: out.get(asked) == Some(&true),
            zone: told.get(asked).cloned(),
        })
    });
    read.collect()
}

fn json(row: &Row, column: &'static str) -> Result<Option<Value>, Error> {
    let text: Option<&str> = row.get(column);
    let read = text.map(serde_json::from_str).transpose();
    read.map_err(|error| Error::Unreadable {
        what: "campaign_recipient",
        found: format!("{column}: {error}"),
    })
}

async fn note(tx: &Transaction<'_>, next: &Next, upto: u32, look_at: Option<DateTime<Utc>>) -> Result<(), Error> {
    let upto = super::signed(upto);
    FILLED.run(tx, &[&next.campaign.0, &next.part, &upto, &look_at]).await?;
    Ok(())
}

fn next(row: &Row) -> Result<Next, Error> {
    let limit: Option<i32> = row.get("max_members");
    Ok(Next {
        campaign: CampaignId(row.get("campaign_id")),
        part: row.get("part"),
        flow: FlowId(row.get::<_, Uuid>("flow_id")),
        number: NumberId(row.get("number_id")),
        waba: WabaId(row.get("waba_id")),
        scope: ScopeId(row.get("scope_id")),
        organization: OrganizationId(row.get("organization_id")),
        options: options(row.get("options"))?,
        ramp_from: row.get("ramp_from"),
        starts_at: row.get("starts_at"),
        filled: count(row, "filled"),
        audience: count(row, "audience"),
        held: count(row, "held"),
        throughput: count(row, "throughput"),
        limit: limit.and_then(|limit| u32::try_from(limit).ok()),
        gone: row.get::<_, i64>("gone").unsigned_abs(),
        now: row.get("now"),
    })
}
