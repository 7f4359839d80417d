//! By what people go: a number and a user id, a number that WhatsApp writes otherwise, a new one in the place of an old one. What they say
//! under one name counts for the others; under a name that they gave up, what they said until then.

use chrono::{DateTime, Utc};
use domain::Recipient;
use meta::webhook::{InboundMessage, UserIdUpdate};
use store::Error;
use store::receipts::{Application, Inbound, Name, OtherName, SenderNumber};

use crate::apply::{Applied, Element};
use crate::inbound::Tenants;

/// Keeps user ids that took the place of others. Who goes by a number as well is known by both anew as soon as Meta names both.
pub(crate) async fn renamed(
    tx: &Application<'_>,
    tenants: &Tenants,
    updates: &[(&Element, &UserIdUpdate)],
    applied: &mut Applied,
) -> Result<(), Error> {
    let mut names = Vec::new();
    for (element, update) in updates {
        let Some(organization_id) = tenants.organization(update.phone_number_id.as_deref(), &update.waba_id) else {
            let reason = "user_id_update: told to an account that is not declared here";
            applied.refuse(element.place, reason, None);
            continue;
        };
        let before = update.recipient.iter().chain([&update.user_id.previous]);
        names.extend(before.map(|before| Name {
            organization_id,
            one: before.as_str(),
            other: update.user_id.current.as_str(),
            moved_at: Some(update.at.min(element.received_at)),
        }));
    }
    if names.is_empty() {
        return Ok(());
    }
    applied.tally.add("other_name", names.len() as u64);
    tx.keep_names(&names).await
}

/// Keeps what messages tell of their people's names, and reads by what else these people are known.
pub(crate) async fn names(
    tx: &Application<'_>,
    known: &[(&SenderNumber, Inbound<'_>, &InboundMessage)],
) -> Result<Vec<OtherName>, Error> {
    let mut names: Vec<Name<'_>> = Vec::new();
    for (number, row, message) in known {
        let organization_id = number.organization_id;
        let of = |one, other, moved_at| Name {
            organization_id,
            one,
            other,
            moved_at,
        };
        names.extend(row.user_id.map(|user_id| of(row.recipient, user_id, None)));
        let new = message.moved_to.iter().map(Recipient::as_str);
        names.extend(new.clone().map(|new| of(row.recipient, new, Some(row.at))));
        if let [one, other] = message.moved_to.as_slice() {
            names.push(of(one.as_str(), other.as_str(), None));
        }
    }
    names.retain(|name| name.one != name.other);
    if !names.is_empty() {
        tx.keep_names(&names).await?;
    }
    let people: Vec<(i64, &str)> = known
        .iter()
        .map(|(number, row, _)| (number.organization_id, row.recipient))
        .collect();
    tx.other_names(&people).await
}

/// The other names for which it counts what a person says at that time.
pub(crate) fn others<'a>(
    names: &'a [OtherName],
    organization_id: i64,
    recipient: &'a str,
    at: DateTime<Utc>,
) -> impl Iterator<Item = &'a str> {
    names
        .iter()
        .filter(move |name| name.organization_id == organization_id && name.recipient == recipient)
        .filter(move |name| name.until.is_none_or(|until| at <= until))
        .map(|name| name.other.as_str())
}
