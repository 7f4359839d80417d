//! Campaigns in answers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::PublicStatus;
use domain::campaign::judge::Tally;
use domain::campaign::plan::{Outlook, Plan};
use domain::campaign::{Options, Status};
use serde_json::{Map, Value, json};
use store::balance::Balance;
use store::campaigns::{Campaign, Count, NewCampaign, Part};

use crate::accept::reason_json;
use crate::answer::{optional_timestamp, timestamp};

/// A campaign that was just made.
pub(crate) fn created(new: &NewCampaign) -> Value {
    json!({
        "campaign_id": new.id,
        "name": new.name,
        "status": Status::Draft.as_str(),
        "created_at": timestamp(new.created_at),
        "variants": variants(&new.options),
    })
}

/// A campaign without its progress.
pub(crate) fn campaign(campaign: &Campaign) -> Value {
    let options = &campaign.options;
    json!({
        "campaign_id": campaign.id,
        "name": campaign.name,
        "status": campaign.status.as_str(),
        "retry_of": campaign.retry_of,
        "audience": campaign.audience,
        "duplicates": campaign.duplicates,
        "invalid": campaign.invalid,
        "created_at": timestamp(campaign.created_at),
        "scheduled_at": optional_timestamp(options.scheduled_at),
        "scheduled_local": options.scheduled_local,
        "expires_at": optional_timestamp(options.expires_at),
        "starts_at": optional_timestamp(campaign.starts_at),
        "ended_at": optional_timestamp(campaign.ended_at),
        "paused": campaign.paused.as_ref().map(|pause| json!({
            "at": timestamp(pause.at), "code": pause.code, "facts": pause.facts,
        })),
        "variants": variants(options),
        "tier_reserve_percent": options.tier_reserve_percent,
        "ramp": options.ramp,
        "safety": options.safety,
    })
}

fn variants(options: &Options) -> Value {
    let variants = options.variants.iter().map(|variant| {
        json!({
            "name": variant.name,
            "template_name": variant.template_name,
            "template_language": variant.template_language,
            "weight": variant.weight,
        })
    });
    variants.collect()
}

/// How far a campaign is. The counts add up to the audience.
pub(crate) fn progress(
    campaign: &Campaign,
    parts: &[Part],
    counts: &[Count],
    plan: &Plan,
    now: DateTime<Utc>,
) -> Value {
    let mut by_status: BTreeMap<&str, u64> = BTreeMap::new();
    let mut add = |status: PublicStatus, rows: u64| *by_status.entry(status.as_str()).or_default() += rows;
    let (mut reasons, mut lately) = (Vec::new(), 0);
    for count in counts {
        add(count.status, count.rows);
        lately += count.lately;
        if let Some(reason) = &count.reason {
            let mut told = reason_json(reason);
            told["status"] = json!(count.status);
            told["count"] = json!(count.rows);
            reasons.push(told);
        }
    }
    // Those who are no messages yet.
    for part in parts {
        let unfilled = u64::from(part.audience - part.filled);
        let waits = part.starts_at.is_none_or(|at| at > now);
        match campaign.status {
            _ if unfilled == 0 => {}
            Status::Canceled => add(PublicStatus::Canceled, unfilled),
            _ if waits => add(PublicStatus::Scheduled, unfilled),
            _ => add(PublicStatus::Pending, unfilled),
        }
    }
    let open = ["scheduled", "pending", "sending", "uncertain"];
    let open: u64 = open.iter().filter_map(|word| by_status.get(word)).sum();
    let decided = u64::from(campaign.audience).saturating_sub(open);
    let percent = (decided * 1_000 / u64::from(campaign.audience.max(1))) as f64 / 10.0;
    let goes = matches!(campaign.status, Status::Scheduled | Status::Running) && open > 0;
    let counts: Map<String, Value> = by_status
        .into_iter()
        .map(|(word, n)| (word.to_owned(), json!(n)))
        .collect();
    json!({
        "counts": counts,
        "reasons": reasons,
        "percent": percent,
        "rate_per_second": lately as f64 / 60.0,
        "eta": if goes { optional_timestamp(Some(plan.ends_at.unwrap_or(now))) } else { Value::Null },
        "waits_for_tier": plan.waits_for_tier,
        "numbers": numbers(parts),
    })
}

fn numbers(parts: &[Part]) -> Value {
    let mut by_phone: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for part in parts {
        let (audience, filled) = by_phone.entry(&part.phone).or_default();
        *audience += u64::from(part.audience);
        *filled += u64::from(part.filled);
    }
    let told = by_phone.into_iter();
    told.map(|(phone, (audience, filled))| json!({"from": phone, "audience": audience, "messages": filled}))
        .collect()
}

/// What will go when.
pub(crate) fn plan(campaign: &Campaign, outlook: &Outlook, plan: &Plan) -> Value {
    let hours = plan.hours.iter();
    json!({
        "campaign_id": campaign.id,
        "status": campaign.status.as_str(),
        "made_at": timestamp(outlook.now),
        "remaining": outlook.parts.iter().map(|part| part.rest).sum::<u64>(),
        "hours": hours.map(|(hour, messages)| json!({"hour": timestamp(*hour), "messages": messages})).collect::<Vec<_>>(),
        "ends_at": optional_timestamp(plan.ends_at),
        "left_over": plan.left_over,
        "waits_for_tier": plan.waits_for_tier,
        "tier_left": tier_left(outlook),
    })
}

/// What the messaging limits leave, all together; null without a limit.
fn tier_left(outlook: &Outlook) -> Value {
    let rooms: Option<u64> = outlook.scopes.iter().map(|scope| scope.room).sum();
    json!(rooms)
}

/// What would become of a campaign.
pub(crate) fn preflight(
    campaign: &Campaign,
    tally: &Tally,
    countries: &BTreeMap<String, u64>,
    balance: Option<&Balance>,
    (outlook, plan): (&Outlook, &Plan),
) -> Value {
    let told = |counts: &std::collections::HashMap<domain::Reason, u64>| {
        let mut told: Vec<Value> = counts
            .iter()
            .map(|(reason, count)| {
                let mut told = reason_json(reason);
                told["count"] = json!(count);
                told
            })
            .collect();
        told.sort_by_key(|told| told["code"].to_string());
        told
    };
    let cost = balance.map(|balance| {
        json!({
            "amount": tally.cost,
            "currency": balance.currency,
            "available": balance.available,
            "is_covered": tally.cost <= balance.available,
        })
    });
    json!({
        "campaign_id": campaign.id,
        "status": campaign.status.as_str(),
        "audience": campaign.audience,
        "duplicates": campaign.duplicates,
        "invalid": campaign.invalid,
        "go": tally.go,
        "wait": told(&tally.wait),
        "fail": told(&tally.fail),
        "countries": countries.iter().map(|(code, count)| json!({"calling_code": code, "count": count})).collect::<Vec<_>>(),
        "cost": cost,
        "tier_left": tier_left(outlook),
        "waits_for_tier": plan.waits_for_tier,
        "ends_at": optional_timestamp(plan.ends_at),
        "left_over": plan.left_over,
    })
}
