//! What webhooks told is what the ledger says, and none of them is lost.

use std::collections::HashMap;

use domain::Delivery;

use super::broken::{Broken, Invariant, note, note_of};
use super::expectations::Expectations;
use super::view::View;

pub(super) fn check(view: &View<'_>, expectations: &Expectations, broken: &mut Vec<Broken>) {
    let mut highest = HashMap::new();
    for event in &view.history.events {
        let rank = highest.entry(event.id).or_insert(Delivery::None);
        *rank = rank_of(&event.status).max(*rank);
        if view.row(event.id).is_none_or(|row| event.attempt > row.attempt) {
            let detail = format_args!("has an event of attempt {}, which was never committed", event.attempt);
            note_of(broken, Invariant::Delivery, event.id, detail);
        }
    }
    for row in &view.history.messages {
        let told = highest.get(&row.id).copied().unwrap_or(Delivery::None);
        if row.delivery != told {
            let detail = format_args!("is {:?}, its events say {told:?}", row.delivery);
            note_of(broken, Invariant::Delivery, row.id, detail);
        }
        if let Some(expected) = expectations.delivered
            && told < expected
            && view.accepted(row.id).next().is_some()
        {
            let detail = format_args!("came as far as {told:?}, and Meta told {expected:?}");
            note_of(broken, Invariant::Delivery, row.id, detail);
        }
    }
    whole_inbox(view, broken);
}

fn whole_inbox(view: &View<'_>, broken: &mut Vec<Broken>) {
    let inbox = &view.history.inbox;
    let left = [
        (inbox.waiting, "webhooks were answered and are not applied"),
        (inbox.set_aside, "elements of webhooks could not be applied"),
        (inbox.orphans, "statuses were taken for somebody else's"),
    ];
    for (count, what) in left.into_iter().filter(|(count, _)| *count > 0) {
        note(broken, Invariant::Delivery, format!("{count} {what}"));
    }
    let undelivered = view.history.webhooks_left;
    if undelivered > 0 {
        note(
            broken,
            Invariant::Delivery,
            format!("{undelivered} webhooks could not be delivered"),
        );
    }
}

fn rank_of(word: &str) -> Delivery {
    match word {
        "sent" => Delivery::Sent,
        "failed" => Delivery::Failed,
        "delivered" => Delivery::Delivered,
        "read" => Delivery::Read,
        "played" => Delivery::Played,
        _ => Delivery::None,
    }
}
