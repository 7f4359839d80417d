//! Nothing is sent twice: what Meta's stand-in saw of each message and each attempt.

use std::collections::BTreeMap;

use domain::MessageId;

use super::broken::{Broken, Invariant, note, note_of};
use super::facts::Post;
use super::view::View;

pub(super) fn check(view: &View<'_>, broken: &mut Vec<Broken>) {
    for post in view.history.posts.iter().filter(|post| post.of.is_none()) {
        let detail = format!("the POST with number {} carries no callback string of ours", post.seq);
        note(broken, Invariant::PostedOnce, detail);
    }
    for (id, posts) in view.posted() {
        accepted_once(view, id, posts, broken);
        posted_once(view, id, posts, broken);
    }
    for attempt in &view.history.attempts {
        match view.row(attempt.id) {
            Some(row) if attempt.attempt <= row.attempt => {}
            Some(row) => {
                let detail = format_args!(
                    "has an outcome of attempt {}, and is at {}",
                    attempt.attempt, row.attempt
                );
                note_of(broken, Invariant::Fenced, attempt.id, detail);
            }
            None => note_of(broken, Invariant::Fenced, attempt.id, "has an outcome and is no row"),
        }
    }
}

fn accepted_once(view: &View<'_>, id: MessageId, posts: &[(i32, &Post)], broken: &mut Vec<Broken>) {
    let accepted: Vec<_> = posts
        .iter()
        .filter(|(_, post)| post.accepted)
        .map(|(attempt, _)| *attempt)
        .collect();
    let may_repeat = view.row(id).is_some_and(|row| row.resend);
    if may_repeat {
        for (attempt, count) in counts(accepted.into_iter()).into_iter().filter(|(_, count)| *count > 1) {
            note_of(
                broken,
                Invariant::AcceptedOnce,
                id,
                format_args!("was accepted {count} times in attempt {attempt}"),
            );
        }
    } else if accepted.len() > 1 {
        let detail = format_args!("was accepted {} times, in the attempts {accepted:?}", accepted.len());
        note_of(broken, Invariant::AcceptedOnce, id, detail);
    }
}

fn posted_once(view: &View<'_>, id: MessageId, posts: &[(i32, &Post)], broken: &mut Vec<Broken>) {
    for (attempt, count) in counts(posts.iter().map(|(attempt, _)| *attempt)) {
        if count > 1 {
            note_of(
                broken,
                Invariant::PostedOnce,
                id,
                format_args!("was posted {count} times in attempt {attempt}"),
            );
        }
    }
    let Some(row) = view.row(id) else {
        note_of(broken, Invariant::PostedOnce, id, "was posted and is no row");
        return;
    };
    for (attempt, post) in posts {
        if !(1..=row.attempt).contains(attempt) {
            let detail = format_args!(
                "was posted in attempt {attempt}, and only {} were committed",
                row.attempt
            );
            note_of(broken, Invariant::PostedOnce, id, detail);
        }
        if post.recipient.as_deref() != Some(row.recipient.trim_start_matches('+')) {
            note_of(
                broken,
                Invariant::PostedOnce,
                id,
                "was posted to somebody else than its recipient",
            );
        }
        if Some(&post.number) != row.number.as_ref() {
            note_of(
                broken,
                Invariant::PostedOnce,
                id,
                "was posted from another number than its own",
            );
        }
    }
}

fn counts(attempts: impl Iterator<Item = i32>) -> BTreeMap<i32, usize> {
    attempts.fold(BTreeMap::new(), |mut counts, attempt| {
        *counts.entry(attempt).or_default() += 1;
        counts
    })
}
