//! Logs carry ids, never people's numbers and never secrets.

use std::collections::HashSet;

use super::broken::{Broken, Invariant, note};
use super::view::View;

pub(super) fn check(view: &View<'_>, broken: &mut Vec<Broken>) {
    let people: HashSet<_> = view
        .history
        .messages
        .iter()
        .map(|row| row.recipient.trim_start_matches('+'))
        .collect();
    for line in &view.history.logs {
        let digits = line.split(|character: char| !character.is_ascii_digit());
        let names_somebody = digits.filter(|run| !run.is_empty()).any(|run| people.contains(run));
        if names_somebody || view.history.secrets.iter().any(|secret| line.contains(secret.as_str())) {
            note(
                broken,
                Invariant::Private,
                format!("a log line holds what it must not: {line}"),
            );
        }
    }
}
