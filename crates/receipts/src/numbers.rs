//! What happened to sender numbers and to the limits of the business.

use domain::pace;
use domain::tier::Tier;
use meta::webhook::{Capability, NumberQuality};
use store::Error;
use store::receipts::{Application, TierChange};
use tracing::info;

use crate::apply::{Applied, Element};

/// Messages per second after Meta's upgrade: there is one step only.
const UPGRADED: u32 = 1_000;

/// Applies what is told about numbers and limits. Comes first: the pace of a number is the first lock of all.
pub(crate) async fn apply(
    tx: &Application<'_>,
    qualities: &[(&Element, &NumberQuality)],
    capabilities: &[(&Element, &Capability)],
    applied: &mut Applied,
) -> Result<(), Error> {
    let mut upgraded: Vec<String> = qualities
        .iter()
        .filter(|(_, update)| update.event == "THROUGHPUT_UPGRADE")
        .map(|(_, update)| format!("+{}", update.display_phone_number))
        .collect();
    upgraded.sort_unstable();
    upgraded.dedup();
    upgrade(tx, &upgraded, applied).await?;
    rate(tx, qualities, applied).await?;

    let of_qualities = qualities
        .iter()
        .map(|(element, update)| (update.at.unwrap_or(element.received_at), &update.waba_id, update.tier()));
    let of_capabilities = capabilities
        .iter()
        .map(|(element, update)| (update.at.unwrap_or(element.received_at), &update.waba_id, update.tier()));
    let mut tiers: Vec<_> = of_qualities
        .chain(of_capabilities)
        .filter_map(|(at, waba, tier)| Some((at, waba, tier?)))
        .collect();
    tiers.sort_by_key(|(at, ..)| *at);
    // One per WABA, the newest; locked in the order of their names.
    let newest: std::collections::BTreeMap<&str, Tier> =
        tiers.into_iter().map(|(_, waba, tier)| (waba.as_str(), tier)).collect();
    for (waba, tier) in newest {
        let limit = tier.limit().map(|limit| i32::try_from(limit).unwrap_or(i32::MAX));
        let Some(change) = tx.set_tier(waba, limit).await? else {
            continue;
        };
        info!(
            waba.id = waba,
            scope.id = change.scope_id,
            "the messaging limit of account {waba} is {tier} now"
        );
        applied.tally.count("tier");
        if is_raise(&change) {
            applied.raised.push(change);
        }
    }
    Ok(())
}

async fn upgrade(tx: &Application<'_>, phones: &[String], applied: &mut Applied) -> Result<(), Error> {
    if phones.is_empty() {
        return Ok(());
    }
    let all: Vec<&str> = phones.iter().map(String::as_str).collect();
    tx.lock_gates(&all).await?;
    let (throughput, depth) = (UPGRADED.cast_signed(), pace::depth(UPGRADED).cast_signed());
    for phone in all {
        let slots = pace::slots_per_second(UPGRADED);
        let raised = tx.raise_throughput(phone, throughput, slots, depth).await?;
        applied.tally.add("throughput", raised);
    }
    Ok(())
}

/// What Meta says of the numbers' quality: campaigns stop where one is flagged. Of several changes, the last one told counts.
async fn rate(
    tx: &Application<'_>,
    qualities: &[(&Element, &NumberQuality)],
    applied: &mut Applied,
) -> Result<(), Error> {
    let mut told: Vec<_> = qualities
        .iter()
        .filter_map(|(element, update)| {
            let quality = match update.event.as_str() {
                "FLAGGED" => Some("RED"),
                "UNFLAGGED" => None,
                _ => return None,
            };
            let phone = format!("+{}", update.display_phone_number);
            Some((update.at.unwrap_or(element.received_at), phone, quality))
        })
        .collect();
    told.sort_by_key(|(at, ..)| *at);
    let last: std::collections::BTreeMap<String, Option<&str>> =
        told.into_iter().map(|(_, phone, quality)| (phone, quality)).collect();
    for (phone, quality) in last {
        let changed = tx.rate_number(&phone, quality).await?;
        applied.tally.add("number_quality", changed);
    }
    Ok(())
}

/// Whether there is more room than before. No limit is more than any.
fn is_raise(change: &TierChange) -> bool {
    match (change.before, change.now) {
        (Some(before), Some(now)) => now > before,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_more_room_is_a_raise() {
        let raise = |before, now| {
            is_raise(&TierChange {
                scope_id: 1,
                members: 0,
                before,
                now,
            })
        };
        assert!(raise(Some(250), Some(2_000)));
        assert!(raise(Some(250), None));
        assert!(!raise(Some(2_000), Some(250)));
        assert!(!raise(None, Some(100_000)));
    }
}
