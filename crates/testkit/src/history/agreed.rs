//! The ledger says what Meta says.

use domain::State;

use super::broken::{Broken, Invariant, note_of};
use super::expectations::Expectations;
use super::facts::Message;
use super::view::View;

pub(super) fn check(view: &View<'_>, expectations: &Expectations, broken: &mut Vec<Broken>) {
    for row in &view.history.messages {
        row_agrees(view, row, expectations, broken);
    }
    for attempt in &view.history.attempts {
        let accepted = view.accepted(attempt.id).any(|(number, _)| number == attempt.attempt);
        let contradicted = match attempt.outcome.as_str() {
            "accepted" => !accepted,
            "rejected" => accepted,
            _ => false,
        };
        if contradicted {
            let meta = if accepted { "accepted" } else { "did not accept" };
            let detail = format_args!(
                "has attempt {} recorded as {}, which Meta {meta}",
                attempt.attempt, attempt.outcome
            );
            note_of(broken, Invariant::Agreed, attempt.id, detail);
        }
    }
}

fn row_agrees(view: &View<'_>, row: &Message, expectations: &Expectations, broken: &mut Vec<Broken>) {
    let accepted: Vec<_> = view.accepted(row.id).collect();
    match (row.state, accepted.is_empty()) {
        (State::Accepted, true) => note_of(broken, Invariant::Agreed, row.id, "is accepted, which Meta never did"),
        (State::Accepted, false) => {
            let known = accepted
                .iter()
                .any(|(_, post)| post.wamid.is_some() && post.wamid == row.wamid);
            if !known {
                let detail = format_args!("has the wamid {:?}, which Meta did not give it", row.wamid);
                note_of(broken, Invariant::Agreed, row.id, detail);
            }
        }
        (State::Uncertain | State::Unknown, false) if expectations.silent => {}
        (state, false) => note_of(
            broken,
            Invariant::Agreed,
            row.id,
            format_args!("is {state:?}, and Meta accepted it"),
        ),
        (_, true) => {}
    }
}
