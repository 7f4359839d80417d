//! Everything comes to one end.

use std::collections::HashSet;

use super::broken::{Broken, Invariant, note_of};
use super::expectations::Expectations;
use super::view::View;

pub(super) fn check(view: &View<'_>, expectations: &Expectations, broken: &mut Vec<Broken>) {
    let mut seen = HashSet::new();
    for row in &view.history.messages {
        if !seen.insert(row.id) {
            note_of(broken, Invariant::Ended, row.id, "is two rows");
        }
        if !expectations.states.contains(&row.state) {
            note_of(
                broken,
                Invariant::Ended,
                row.id,
                format_args!("ended as {:?}", row.state),
            );
        }
        if !row.state.is_final() && !row.is_awaited {
            note_of(broken, Invariant::Ended, row.id, "is not final and has no alarm");
        }
    }
}
