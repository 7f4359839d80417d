//! Limits hold: computed here from the arrivals, and as Meta's stand-in judged them while they came.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use simulator::ViolationKind;

use super::broken::{Broken, Invariant, note, note_of};
use super::facts::{Post, Scope};
use super::view::View;

const SECOND_NS: u64 = 1_000_000_000;

pub(super) fn check(view: &View<'_>, broken: &mut Vec<Broken>) {
    throughput(view, broken);
    messaging_limit(view, broken);
    for scope in &view.history.scopes {
        counted(view, scope, broken);
    }
    for violation in &view.history.violations {
        let invariant = match violation.kind {
            ViolationKind::ThroughputExceeded => Invariant::Throughput,
            ViolationKind::PairRateExceeded => Invariant::PairRate,
            ViolationKind::MessagingLimitExceeded => Invariant::MessagingLimit,
            ViolationKind::FreeFormOutsideWindow => Invariant::ServiceWindow,
            ViolationKind::DuplicateOpaque | ViolationKind::DuplicateMessage => Invariant::AcceptedOnce,
            ViolationKind::ToWithoutPlus => Invariant::Addressed,
        };
        note(
            broken,
            invariant,
            format!("POST {}: {}", violation.seq, violation.detail),
        );
    }
}

/// Windows are half open: two arrivals exactly a second apart are never in one.
fn throughput(view: &View<'_>, broken: &mut Vec<Broken>) {
    let mut arrivals = BTreeMap::<_, Vec<u64>>::new();
    for post in &view.history.posts {
        arrivals.entry(&post.number).or_default().push(post.arrival_ns);
    }
    for (number, mut arrivals) in arrivals {
        arrivals.sort_unstable();
        let Some(number_limits) = view.history.numbers.get(number) else {
            note(
                broken,
                Invariant::Throughput,
                format!("POSTs from number {number}, which does not exist"),
            );
            continue;
        };
        let Some(limit) = number_limits.per_second.map(|limit| limit as usize) else {
            continue;
        };
        let fullest = (0..arrivals.len())
            .map(|first| arrivals[first..].partition_point(|at| at - arrivals[first] < SECOND_NS))
            .max()
            .unwrap_or(0);
        if fullest > limit {
            let detail = format!("number {number} had {fullest} POSTs in one second, {limit} allowed");
            note(broken, Invariant::Throughput, detail);
        }
    }
}

/// Whether the messaging limit counts this: a template to somebody who never wrote. (Who wrote once may be outside the window
/// again; such cases are the stand-in's to judge.)
fn counts(view: &View<'_>, post: &Post) -> bool {
    post.accepted
        && post.is_template
        && post
            .recipient
            .as_ref()
            .is_some_and(|person| !view.ever_wrote(&post.number, person))
}

fn messaging_limit(view: &View<'_>, broken: &mut Vec<Broken>) {
    let mut reached = HashMap::<_, Vec<_>>::new();
    for post in view.history.posts.iter().filter(|post| counts(view, post)) {
        if let Some(number) = view.history.numbers.get(&post.number) {
            reached
                .entry(&number.portfolio)
                .or_default()
                .push((post.wall_ms, post.recipient.as_deref()));
        }
    }
    for (portfolio, tier) in &view.history.tiers {
        let most = most_in_a_day(reached.remove(portfolio).unwrap_or_default(), view.history.day_ms);
        if most > *tier as usize {
            let detail = format!("portfolio {portfolio} reached {most} people in one day, {tier} allowed");
            note(broken, Invariant::MessagingLimit, detail);
        }
    }
}

/// The most people in any half-open window of one day.
fn most_in_a_day(mut reached: Vec<(i64, Option<&str>)>, day_ms: i64) -> usize {
    reached.sort_unstable();
    let mut window = VecDeque::new();
    let mut people = HashMap::<_, usize>::new();
    let mut most = 0;
    for (at, person) in reached {
        window.push_back((at, person));
        *people.entry(person).or_default() += 1;
        while let Some((earlier, gone)) = window.front().copied()
            && at - earlier >= day_ms
        {
            window.pop_front();
            let times = people.entry(gone).or_default();
            *times -= 1;
            if *times == 0 {
                people.remove(&gone);
            }
        }
        most = most.max(people.len());
    }
    most
}

/// The count that admission trusts is the count of its set, and the set holds everybody who was reached.
fn counted(view: &View<'_>, scope: &Scope, broken: &mut Vec<Broken>) {
    let set: HashSet<_> = scope
        .recipients
        .iter()
        .map(|person| person.trim_start_matches('+'))
        .collect();
    if usize::try_from(scope.members) != Ok(scope.recipients.len()) {
        let detail = format!(
            "scope {} counts {} members, its set holds {}",
            scope.key,
            scope.members,
            scope.recipients.len()
        );
        note(broken, Invariant::Counted, detail);
    }
    if scope.max_members.is_none() {
        return;
    }
    for row in view
        .history
        .messages
        .iter()
        .filter(|row| row.scope == scope.id && row.category != 0)
    {
        let reached = view.accepted(row.id).any(|(_, post)| counts(view, post));
        if reached && !set.contains(row.recipient.trim_start_matches('+')) {
            let detail = format_args!("was accepted, and its recipient is not counted in scope {}", scope.key);
            note_of(broken, Invariant::Counted, row.id, detail);
        }
    }
}
