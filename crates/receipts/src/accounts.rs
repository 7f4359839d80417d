//! What happened to WABAs: restricted, banned, freed.

use chrono::{DateTime, Utc};
use meta::webhook::AccountUpdate;
use store::Error;
use store::receipts::Application;
use tracing::warn;

use crate::apply::{Applied, Element};

/// What an update does to the gate of a WABA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// Open.
    Open,
    /// Closed; until then, or until Meta or an operator says so.
    Closed { until: Option<DateTime<Utc>> },
}

/// Applies updates of accounts, the oldest first.
pub(crate) async fn apply(
    tx: &Application<'_>,
    updates: &[(&Element, &AccountUpdate)],
    applied: &mut Applied,
) -> Result<(), Error> {
    let mut in_order: Vec<_> = updates
        .iter()
        .map(|(element, update)| (update.at.unwrap_or(element.received_at), element.received_at, update))
        .collect();
    in_order.sort_by_key(|(at, ..)| *at);
    for (_, received_at, update) in in_order {
        let waba = &update.waba_id;
        let Some(gate) = gate(update, received_at) else {
            continue;
        };
        let (closed, until) = match gate {
            Gate::Open => (false, None),
            Gate::Closed { until } => (true, until),
        };
        if tx.restrict(waba, closed, until).await? > 0 {
            let word = if closed { "may not send" } else { "may send again" };
            warn!(
                waba.id = waba,
                event = update.event,
                "account {waba} {word}: Meta says {}",
                update.event
            );
            applied
                .tally
                .count(if closed { "account_closed" } else { "account_opened" });
        }
    }
    Ok(())
}

/// What an update means for sending; `None` where nothing.
fn gate(update: &AccountUpdate, now: DateTime<Utc>) -> Option<Gate> {
    match update.event.as_str() {
        "ACCOUNT_RESTRICTION" => restriction(update, now),
        "DISABLED_UPDATE" => match update.ban.as_ref()?.state.as_str() {
            "DISABLE" => Some(Gate::Closed { until: None }),
            "REINSTATE" => Some(Gate::Open),
            // It is only announced: until then the account may send.
            _ => None,
        },
        "ACCOUNT_DELETED" | "ACCOUNT_OFFBOARDED" => Some(Gate::Closed { until: None }),
        "ACCOUNT_RECONNECTED" => Some(Gate::Open),
        _ => None,
    }
}

/// Of several restrictions on sending the longest counts. One that is over when we hear of it closes nothing.
fn restriction(update: &AccountUpdate, now: DateTime<Utc>) -> Option<Gate> {
    let of_sending = update.restrictions.iter().filter(|restriction| {
        matches!(
            restriction.kind.as_str(),
            "RESTRICTED_BIZ_INITIATED_MESSAGING" | "RESTRICTED_CUSTOMER_INITIATED_MESSAGING"
        )
    });
    let ends: Vec<Option<DateTime<Utc>>> = of_sending.map(|restriction| restriction.until).collect();
    if ends.iter().any(Option::is_none) {
        return Some(Gate::Closed { until: None });
    }
    let last = ends.into_iter().flatten().max()?;
    (last > now).then_some(Gate::Closed { until: Some(last) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use meta::webhook::{Ban, Restriction};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_750_000_000, 0).unwrap()
    }

    fn update(event: &str) -> AccountUpdate {
        AccountUpdate {
            waba_id: "1".to_owned(),
            at: None,
            event: event.to_owned(),
            restrictions: Vec::new(),
            ban: None,
            violation: None,
            raw: String::new(),
        }
    }

    fn restricted(kinds: &[(&str, Option<i64>)]) -> Option<Gate> {
        let mut update = update("ACCOUNT_RESTRICTION");
        let restriction = |(kind, until): &(&str, Option<i64>)| Restriction {
            kind: (*kind).to_owned(),
            until: until.map(|hours| now() + chrono::TimeDelta::hours(hours)),
        };
        update.restrictions = kinds.iter().map(restriction).collect();
        gate(&update, now())
    }

    fn banned(state: &str) -> Option<Gate> {
        let mut update = update("DISABLED_UPDATE");
        update.ban = Some(Ban {
            state: state.to_owned(),
        });
        gate(&update, now())
    }

    #[test]
    fn a_restriction_of_sending_closes_until_the_last_one_ends() {
        let until = |hours| {
            Some(Gate::Closed {
                until: Some(now() + chrono::TimeDelta::hours(hours)),
            })
        };

        assert_eq!(
            restricted(&[("RESTRICTED_BIZ_INITIATED_MESSAGING", Some(24))]),
            until(24)
        );
        assert_eq!(
            restricted(&[
                ("RESTRICTED_BIZ_INITIATED_MESSAGING", Some(24)),
                ("RESTRICTED_CUSTOMER_INITIATED_MESSAGING", Some(72))
            ]),
            until(72)
        );
        assert_eq!(
            restricted(&[("RESTRICTED_BIZ_INITIATED_MESSAGING", None)]),
            Some(Gate::Closed { until: None })
        );
        assert_eq!(restricted(&[("RESTRICTED_BIZ_INITIATED_MESSAGING", Some(-1))]), None);
        assert_eq!(restricted(&[("RESTRICTED_ADD_PHONE_NUMBER_ACTION", None)]), None);
        assert_eq!(restricted(&[]), None);
    }

    #[test]
    fn a_ban_closes_and_its_end_opens() {
        assert_eq!(banned("DISABLE"), Some(Gate::Closed { until: None }));
        assert_eq!(banned("REINSTATE"), Some(Gate::Open));
        assert_eq!(banned("SCHEDULE_FOR_DISABLE"), None);
        assert_eq!(gate(&update("DISABLED_UPDATE"), now()), None);
        assert_eq!(gate(&update("ACCOUNT_VIOLATION"), now()), None);
    }
}
