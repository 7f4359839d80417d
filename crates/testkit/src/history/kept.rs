//! Nothing is lost, nothing is invented: the customer's ledger against the database.

use std::collections::HashSet;

use domain::MessageId;

use super::broken::{Broken, Invariant, note, note_of};
use super::view::View;

pub(super) fn check(view: &View<'_>, broken: &mut Vec<Broken>) {
    let client = &view.history.client;
    for id in &client.told {
        if view.row(*id).is_none() {
            note_of(broken, Invariant::Kept, *id, "was answered and is no row");
        }
    }
    let mut published = HashSet::<MessageId>::new();
    for key in &client.published {
        match view.history.answers.get(key).copied().flatten() {
            Some(id) if view.row(id).is_some() => drop(published.insert(id)),
            Some(id) => note_of(
                broken,
                Invariant::Kept,
                id,
                "was published, kept an answer for, and is no row",
            ),
            None => {
                let detail = format!("the broker confirmed the message published as {key}, and nothing came of it");
                note(broken, Invariant::Kept, detail);
            }
        }
    }
    let untold: Vec<_> = view
        .history
        .messages
        .iter()
        .filter(|row| !client.told.contains(&row.id) && !published.contains(&row.id))
        .collect();
    if untold.len() > client.in_doubt {
        let detail = format!(
            "{} rows that nobody was told of, {} requests in doubt; the first is {}",
            untold.len(),
            client.in_doubt,
            untold[0].id
        );
        note(broken, Invariant::Kept, detail);
    }
}
