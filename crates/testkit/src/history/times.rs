//! Nothing before its time, nothing after its time, nothing after it was called back.

use domain::State;

use super::broken::{Broken, Invariant, note_of};
use super::view::View;

/// The stand-in, the database and the customer read one machine's clock, each rounded and steered in its own way.
const CLOCKS_MS: i64 = 50;
/// A message is claimed before it expires and posted at its slot: within the horizon of a second, and not more than five late.
const HANDED_OVER_MS: i64 = 6_000;

pub(super) fn check(view: &View<'_>, broken: &mut Vec<Broken>) {
    for row in &view.history.messages {
        for (attempt, post) in view.posts(row.id) {
            if let Some(due) = row.scheduled_at_ms
                && post.wall_ms + CLOCKS_MS < due
            {
                let detail = format_args!(
                    "was posted {} ms before its time, in attempt {attempt}",
                    due - post.wall_ms
                );
                note_of(broken, Invariant::InTime, row.id, detail);
            }
            if post.wall_ms > row.expires_at_ms + HANDED_OVER_MS + CLOCKS_MS {
                let late = post.wall_ms - row.expires_at_ms;
                note_of(
                    broken,
                    Invariant::InTime,
                    row.id,
                    format_args!("was posted {late} ms after it expired"),
                );
            }
        }
    }
    for (id, canceled_at_ms) in &view.history.client.canceled {
        for (attempt, post) in view.posts(*id) {
            if post.wall_ms > canceled_at_ms + CLOCKS_MS {
                let detail = format_args!("was posted in attempt {attempt}, after it was called back for certain");
                note_of(broken, Invariant::InTime, *id, detail);
            }
        }
        if view.row(*id).is_some_and(|row| row.state != State::Canceled) {
            note_of(
                broken,
                Invariant::InTime,
                *id,
                "was called back for certain and is not canceled",
            );
        }
    }
}
