//! A whole history, and every way to break it: each invariant is broken by one made-up fact, and found.

use domain::{Delivery, MessageId, State};
use simulator::{Violation, ViolationKind};
use uuid::Uuid;

use super::*;

const NUMBER: &str = "2000001";
const NOW_MS: i64 = 1_800_000_000_000;

fn id(n: u128) -> MessageId {
    MessageId(Uuid::from_u128(n))
}

fn message(n: u128) -> Message {
    Message {
        id: id(n),
        number: Some(NUMBER.to_owned()),
        scope: 1,
        recipient: format!("+1666000000{n}"),
        category: 1,
        state: State::Accepted,
        attempt: 1,
        resend: false,
        delivery: Delivery::Read,
        wamid: Some(format!("wamid.{n}")),
        is_awaited: false,
        scheduled_at_ms: None,
        expires_at_ms: NOW_MS + 3_600_000,
    }
}

/// The accepted POST of a message's first attempt, `n` seconds into the run.
fn post(n: u128) -> Post {
    let seq = u64::try_from(n).unwrap();
    Post {
        seq,
        of: Some((id(n), 1)),
        arrival_ns: seq * 1_000_000_000,
        wall_ms: NOW_MS + i64::try_from(n).unwrap() * 1000,
        number: NUMBER.to_owned(),
        recipient: Some(format!("1666000000{n}")),
        is_template: true,
        accepted: true,
        wamid: Some(format!("wamid.{n}")),
    }
}

fn events(n: u128) -> impl Iterator<Item = Event> {
    ["sent", "delivered", "read"].into_iter().map(move |status| Event {
        id: id(n),
        attempt: 1,
        status: status.to_owned(),
    })
}

/// Three messages, all sent and read, on a number of two a second and a tier of three.
fn whole() -> History {
    let outcome = |n| Attempt {
        id: id(n),
        attempt: 1,
        outcome: "accepted".to_owned(),
    };
    History {
        client: Client {
            told: (1..=3).map(id).collect(),
            ..Client::default()
        },
        posts: (1..=3).map(post).collect(),
        numbers: BTreeMap::from([(
            NUMBER.to_owned(),
            Number {
                per_second: Some(2),
                portfolio: "9001".to_owned(),
            },
        )]),
        tiers: BTreeMap::from([("9001".to_owned(), 3)]),
        day_ms: 86_400_000,
        messages: (1..=3).map(message).collect(),
        attempts: (1..=3).map(outcome).collect(),
        events: (1..=3).flat_map(events).collect(),
        scopes: vec![Scope {
            id: 1,
            key: "portfolio:9001".to_owned(),
            max_members: Some(3),
            members: 3,
            recipients: (1..=3).map(|n| format!("+1666000000{n}")).collect(),
        }],
        secrets: vec!["s3cret".to_owned()],
        logs: vec!["accepted message 1666 in 12345678901 ns".to_owned()],
        ..History::default()
    }
}

/// Breaks a whole history; exactly these invariants must be found broken.
#[track_caller]
fn breaks(change: impl FnOnce(&mut History), expect: &[Invariant]) {
    breaks_under(&Expectations::default(), change, expect);
}

#[track_caller]
fn breaks_under(expectations: &Expectations, change: impl FnOnce(&mut History), expect: &[Invariant]) {
    let mut history = whole();
    change(&mut history);
    let found = check(&history, expectations);
    let mut invariants: Vec<_> = found.iter().map(|case| case.invariant).collect();
    invariants.sort_unstable();
    invariants.dedup();
    assert_eq!(invariants, expect, "{}", summary(&found));
}

fn violation(kind: ViolationKind) -> Violation {
    Violation {
        kind,
        seq: 1,
        at_ns: 1,
        phone_number_id: NUMBER.to_owned(),
        detail: "made up".to_owned(),
    }
}

#[test]
fn a_whole_history_breaks_nothing() {
    breaks(|_| (), &[]);
}

#[test]
fn an_answered_message_that_is_no_row_is_lost() {
    breaks(
        |history| {
            history.client.told.insert(id(4));
        },
        &[Invariant::Kept],
    );
}

#[test]
fn a_row_that_nobody_asked_for_is_invented_unless_a_request_is_in_doubt() {
    breaks(
        |history| {
            history.client.told.remove(&id(2));
        },
        &[Invariant::Kept],
    );
    breaks(
        |history| {
            history.client.told.remove(&id(2));
            history.client.in_doubt = 1;
        },
        &[],
    );
}

#[test]
fn a_row_that_did_not_end_is_found() {
    let stranded = |history: &mut History| {
        history.messages[0].state = State::Sending;
        history.messages[0].is_awaited = true;
    };
    breaks(stranded, &[Invariant::Ended, Invariant::Agreed]);
    let failed = |history: &mut History| {
        history.messages[0].state = State::Failed;
        history.posts[0].accepted = false;
        history.attempts[0].outcome = "rejected".to_owned();
    };
    breaks(failed, &[Invariant::Ended]);
    breaks_under(&Expectations::default().or(State::Failed), failed, &[]);
}

#[test]
fn a_row_without_a_future_is_found_even_where_its_state_is_allowed() {
    let expectations = Expectations {
        silent: true,
        ..Expectations::default().or(State::Uncertain)
    };

    breaks_under(
        &expectations,
        |history| history.messages[0].state = State::Uncertain,
        &[Invariant::Ended],
    );
}

#[test]
fn a_row_that_is_there_twice_is_found() {
    breaks(|history| history.messages.push(message(1)), &[Invariant::Ended]);
}

#[test]
fn a_message_accepted_twice_is_found_whatever_its_attempts() {
    let again = |attempt| {
        move |history: &mut History| {
            let repeated = Post {
                of: Some((id(1), attempt)),
                seq: 9,
                arrival_ns: 9_000_000_000,
                ..post(1)
            };
            history.posts.push(repeated);
            history.messages[0].attempt = 2;
        }
    };
    breaks(again(2), &[Invariant::AcceptedOnce]);
    breaks(again(1), &[Invariant::AcceptedOnce, Invariant::PostedOnce]);
}

#[test]
fn a_resend_may_be_accepted_again_but_not_in_one_attempt() {
    let resent = |attempt| {
        move |history: &mut History| {
            let repeated = Post {
                of: Some((id(1), attempt)),
                seq: 9,
                arrival_ns: 9_000_000_000,
                ..post(1)
            };
            history.posts.push(repeated);
            history.messages[0].attempt = 2;
            history.messages[0].resend = true;
        }
    };
    breaks(resent(2), &[]);
    breaks(resent(1), &[Invariant::AcceptedOnce, Invariant::PostedOnce]);
}

#[test]
fn two_posts_of_one_attempt_are_found_even_when_the_first_was_refused() {
    let twice = |history: &mut History| {
        history.posts.push(Post {
            accepted: false,
            wamid: None,
            seq: 9,
            arrival_ns: 9_000_000_000,
            ..post(1)
        });
    };
    breaks(twice, &[Invariant::PostedOnce]);
}

#[test]
fn a_post_of_an_attempt_that_was_not_committed_is_found() {
    breaks(
        |history| history.messages[0].attempt = 0,
        &[Invariant::PostedOnce, Invariant::Fenced, Invariant::Delivery],
    );
    breaks(
        |history| {
            history.posts[0].of = Some((id(1), 2));
            history.attempts.remove(0);
        },
        &[Invariant::PostedOnce],
    );
}

#[test]
fn a_post_of_nobody_is_found() {
    let foreign = |history: &mut History| {
        history.posts.push(Post {
            of: None,
            accepted: false,
            seq: 9,
            ..post(9)
        })
    };
    breaks(foreign, &[Invariant::PostedOnce]);
    let unknown = |history: &mut History| {
        history.posts.push(Post {
            accepted: false,
            ..post(9)
        })
    };
    breaks(unknown, &[Invariant::PostedOnce]);
}

#[test]
fn a_post_to_somebody_else_or_from_another_number_is_found() {
    breaks(
        |history| history.posts[0].recipient = Some("16660000002".to_owned()),
        &[Invariant::PostedOnce],
    );
    let elsewhere = |history: &mut History| {
        history.numbers.insert(
            "2000002".to_owned(),
            Number {
                per_second: Some(80),
                portfolio: "9001".to_owned(),
            },
        );
        history.posts[0].number = "2000002".to_owned();
    };
    breaks(elsewhere, &[Invariant::PostedOnce]);
}

#[test]
fn an_accepted_row_that_meta_never_saw_is_found() {
    breaks(
        |history| {
            history.posts.remove(0);
        },
        &[Invariant::Agreed],
    );
}

#[test]
fn a_row_that_does_not_know_what_meta_accepted_is_found() {
    for state in [State::Failed, State::Unknown, State::Canceled, State::Expired] {
        let expectations = Expectations::default().or(state);
        breaks_under(
            &expectations,
            |history| history.messages[0].state = state,
            &[Invariant::Agreed],
        );
    }
}

#[test]
fn only_a_silent_meta_leaves_its_acceptance_unknown() {
    let expectations = Expectations {
        silent: true,
        ..Expectations::default().or(State::Unknown).or(State::Failed)
    };
    breaks_under(&expectations, |history| history.messages[0].state = State::Unknown, &[]);
    breaks_under(
        &expectations,
        |history| history.messages[0].state = State::Failed,
        &[Invariant::Agreed],
    );
}

#[test]
fn a_wamid_that_meta_did_not_give_is_found() {
    breaks(
        |history| history.messages[0].wamid = Some("wamid.2".to_owned()),
        &[Invariant::Agreed],
    );
    breaks(|history| history.messages[0].wamid = None, &[Invariant::Agreed]);
}

#[test]
fn a_misread_answer_is_found() {
    breaks(
        |history| history.attempts[0].outcome = "rejected".to_owned(),
        &[Invariant::Agreed],
    );
    breaks(|history| history.attempts[0].outcome = "unknown".to_owned(), &[]);
    let refused_then_accepted = |history: &mut History| {
        history.messages[0].attempt = 2;
        history.posts[0].of = Some((id(1), 2));
    };
    breaks(refused_then_accepted, &[Invariant::Agreed]);
}

#[test]
fn a_second_with_too_many_posts_is_found_and_a_whole_second_apart_is_not_one() {
    let third_at = |ns| {
        move |history: &mut History| {
            history.posts[0].arrival_ns = 1_000_000_000;
            history.posts[1].arrival_ns = 1_500_000_000;
            history.posts[2].arrival_ns = ns;
        }
    };
    breaks(third_at(1_999_999_999), &[Invariant::Throughput]);
    breaks(third_at(2_000_000_000), &[]);
    let unordered = |history: &mut History| {
        third_at(1_000_000_001)(history);
        history.posts.reverse();
    };
    breaks(unordered, &[Invariant::Throughput]);
    let unjudged = |history: &mut History| {
        third_at(1_999_999_999)(history);
        history.numbers.get_mut(NUMBER).unwrap().per_second = None;
    };
    breaks(unjudged, &[]);
}

#[test]
fn a_post_from_a_number_that_does_not_exist_is_found() {
    breaks(|history| history.numbers.clear(), &[Invariant::Throughput]);
}

#[test]
fn one_person_too_many_in_a_day_is_found_and_a_day_apart_is_not_one() {
    let tier_of_two = |history: &mut History| {
        history.tiers.insert("9001".to_owned(), 2);
    };
    breaks(tier_of_two, &[Invariant::MessagingLimit]);
    let next_day = |history: &mut History| {
        tier_of_two(history);
        history.posts[2].wall_ms = history.posts[0].wall_ms + history.day_ms;
        history.messages[2].expires_at_ms = history.posts[2].wall_ms;
    };
    breaks(next_day, &[]);
    let replied_to = |history: &mut History| {
        tier_of_two(history);
        history.inbound.push(Inbound {
            number: NUMBER.to_owned(),
            recipient: "+16660000003".to_owned(),
            at_ms: NOW_MS,
        });
    };
    breaks(replied_to, &[]);
}

#[test]
fn a_count_that_is_not_that_of_its_set_is_found() {
    breaks(|history| history.scopes[0].members = 2, &[Invariant::Counted]);
    breaks(|history| history.scopes[0].members = -1, &[Invariant::Counted]);
}

#[test]
fn somebody_who_was_reached_and_is_not_counted_is_found() {
    let forgotten = |history: &mut History| {
        history.scopes[0].members = 2;
        history.scopes[0].recipients.remove(0);
    };
    breaks(forgotten, &[Invariant::Counted]);
    let unlimited = |history: &mut History| {
        forgotten(history);
        history.scopes[0].max_members = None;
    };
    breaks(unlimited, &[]);
}

#[test]
fn what_the_stand_in_saw_counts() {
    for (kind, invariant) in [
        (ViolationKind::ThroughputExceeded, Invariant::Throughput),
        (ViolationKind::PairRateExceeded, Invariant::PairRate),
        (ViolationKind::MessagingLimitExceeded, Invariant::MessagingLimit),
        (ViolationKind::FreeFormOutsideWindow, Invariant::ServiceWindow),
        (ViolationKind::DuplicateOpaque, Invariant::AcceptedOnce),
        (ViolationKind::DuplicateMessage, Invariant::AcceptedOnce),
        (ViolationKind::ToWithoutPlus, Invariant::Addressed),
    ] {
        breaks(|history| history.violations.push(violation(kind)), &[invariant]);
    }
}

#[test]
fn an_outcome_of_an_attempt_to_come_is_found() {
    let ahead = |history: &mut History| {
        history.attempts.push(Attempt {
            id: id(1),
            attempt: 2,
            outcome: "unknown".to_owned(),
        });
    };
    breaks(ahead, &[Invariant::Fenced]);
    let of_nobody = |history: &mut History| {
        history.attempts.push(Attempt {
            id: id(9),
            attempt: 1,
            outcome: "unknown".to_owned(),
        });
    };
    breaks(of_nobody, &[Invariant::Fenced]);
}

#[test]
fn what_is_posted_early_late_or_after_it_was_called_back_is_found() {
    breaks(
        |history| history.messages[0].scheduled_at_ms = Some(history.posts[0].wall_ms + 100),
        &[Invariant::InTime],
    );
    breaks(
        |history| history.messages[0].scheduled_at_ms = Some(history.posts[0].wall_ms),
        &[],
    );
    breaks(
        |history| history.messages[0].expires_at_ms = history.posts[0].wall_ms - 10_000,
        &[Invariant::InTime],
    );
    let called_back = |history: &mut History| {
        history.client.canceled.insert(id(1), history.posts[0].wall_ms - 100);
        history.messages[0].state = State::Canceled;
    };
    let expectations = Expectations::default().or(State::Canceled);
    breaks_under(&expectations, called_back, &[Invariant::Agreed, Invariant::InTime]);
}

#[test]
fn a_definite_cancel_that_is_forgotten_is_found() {
    let forgotten = |history: &mut History| {
        history.client.canceled.insert(id(1), history.posts[0].wall_ms + 1000);
    };
    breaks(forgotten, &[Invariant::InTime]);
}

#[test]
fn a_delivery_that_is_not_the_highest_event_is_found() {
    breaks(
        |history| history.messages[0].delivery = Delivery::Delivered,
        &[Invariant::Delivery],
    );
    let ahead = |history: &mut History| history.messages[0].delivery = Delivery::Played;
    breaks(ahead, &[Invariant::Delivery]);
}

#[test]
fn a_lost_webhook_is_found() {
    let lost = |history: &mut History| {
        history
            .events
            .retain(|event| event.id != id(1) || event.status != "read");
        history.messages[0].delivery = Delivery::Delivered;
    };
    breaks(lost, &[Invariant::Delivery]);
    breaks_under(
        &Expectations {
            delivered: None,
            ..Expectations::default()
        },
        lost,
        &[],
    );
    breaks(|history| history.inbox.waiting = 1, &[Invariant::Delivery]);
    breaks(|history| history.inbox.set_aside = 1, &[Invariant::Delivery]);
    breaks(|history| history.inbox.orphans = 1, &[Invariant::Delivery]);
    breaks(|history| history.webhooks_left = 1, &[Invariant::Delivery]);
}

#[test]
fn an_event_of_an_attempt_that_never_was_is_found() {
    breaks(|history| history.events[0].attempt = 2, &[Invariant::Delivery]);
}

#[test]
fn a_log_line_with_a_persons_number_or_a_secret_is_found() {
    breaks(
        |history| history.logs.push("posting to +16660000001 failed".to_owned()),
        &[Invariant::Private],
    );
    breaks(
        |history| history.logs.push("key s3cret refused".to_owned()),
        &[Invariant::Private],
    );
}

#[test]
fn a_summary_counts_all_and_shows_the_first() {
    let mut history = whole();
    history.client.told.extend((10..40).map(id));

    let text = summary(&check(&history, &Expectations::default()));

    assert!(
        text.starts_with("I1 nothing lost, nothing invented is broken in 30 cases:\n"),
        "{text}"
    );
    assert!(text.ends_with("and 22 more"), "{text}");
}
