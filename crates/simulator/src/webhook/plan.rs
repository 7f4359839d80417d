//! Which statuses follow an accepted message, when they happen, and when they are delivered. Pure but for the dice.

use std::sync::Arc;

use rand::Rng;
use rand::seq::SliceRandom;

use super::update::{Outbound, Scheduled, Status, Update};
use crate::clock::Clock;
use crate::config::Webhooks;
use crate::fault::Twist;

/// What becomes of the message, faults aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Sent, delivered and read as the ratios say.
    Travels,
    /// Only `sent`, as for reactions.
    OnlySent,
    /// `failed` with this code.
    Fails(i64),
}

/// Extra deliveries of a duplicated update come within this time.
const DUPLICATE_SPREAD_NS: u64 = 50_000_000;

#[derive(Debug, Clone, Copy)]
struct Step {
    at_ns: u64,
    status: Status,
    code: Option<i64>,
}

/// The statuses of one message, with all twists applied.
pub(crate) fn statuses(
    of: &Arc<Outbound>,
    fate: Fate,
    twists: &[Twist],
    settings: &Webhooks,
    now_ns: u64,
    clock: &Clock,
    rng: &mut impl Rng,
) -> Vec<Scheduled> {
    if twists.contains(&Twist::NoStatuses) {
        return Vec::new();
    }
    let mut steps = steps(fate, twists, settings, now_ns, rng);
    if twists.contains(&Twist::DeliveredDropped) {
        steps.retain(|step| step.status != Status::Delivered);
    }
    // Meta prices a message in `sent` and in one of delivered and read.
    let second_priced = steps
        .iter()
        .map(|step| step.status)
        .find(|status| matches!(status, Status::Delivered | Status::Read));
    let planned = steps
        .iter()
        .map(|step| Scheduled {
            due_ns: step.at_ns,
            update: Update::Status {
                of: Arc::clone(of),
                status: step.status,
                at_ms: clock.wall_ms(step.at_ns),
                code: step.code,
                priced: step.status == Status::Sent || Some(step.status) == second_priced,
            },
            bad_signature: false,
            tried: None,
        })
        .collect();
    twisted(planned, twists, rng)
}

fn steps(fate: Fate, twists: &[Twist], settings: &Webhooks, now_ns: u64, rng: &mut impl Rng) -> Vec<Step> {
    let held = twists.iter().find_map(|twist| match twist {
        Twist::HeldForQuality { hold_ms, dropped } => Some((hold_ms.saturating_mul(1_000_000), *dropped)),
        _ => None,
    });
    let mut at_ns = now_ns + held.map_or(0, |(hold_ns, _)| hold_ns) + settings.sent_after.draw_ms(rng) * 1_000_000;
    let step = |at_ns, status, code| Step { at_ns, status, code };
    let failed = twists.iter().find_map(|twist| match twist {
        Twist::Failed { code } => Some(*code),
        Twist::HeldForQuality { dropped: true, .. } => Some(132_015),
        _ => None,
    });
    let failed_late = twists.iter().find_map(|twist| match twist {
        Twist::FailedAfterDelivered { code } => Some(*code),
        _ => None,
    });
    if let (Fate::Fails(code), _) | (_, Some(code)) = (fate, failed) {
        return vec![step(at_ns, Status::Failed, Some(code))];
    }

    let mut steps = vec![step(at_ns, Status::Sent, None)];
    if fate == Fate::OnlySent || (failed_late.is_none() && !rng.random_bool(settings.delivered_ratio)) {
        return steps;
    }
    at_ns += settings.delivered_after.draw_ms(rng) * 1_000_000;
    steps.push(step(at_ns, Status::Delivered, None));
    if let Some(code) = failed_late {
        at_ns += settings.read_after.draw_ms(rng) * 1_000_000;
        steps.push(step(at_ns, Status::Failed, Some(code)));
    } else if rng.random_bool(settings.read_ratio) {
        at_ns += settings.read_after.draw_ms(rng) * 1_000_000;
        steps.push(step(at_ns, Status::Read, None));
    }
    steps
}

/// Applies to any updates what faults do to their delivery: order, lateness, repetition, signature.
pub(crate) fn twisted(mut planned: Vec<Scheduled>, twists: &[Twist], rng: &mut impl Rng) -> Vec<Scheduled> {
    for twist in twists {
        match *twist {
            Twist::StatusesShuffled => {
                let mut dues: Vec<u64> = planned.iter().map(|scheduled| scheduled.due_ns).collect();
                dues.shuffle(rng);
                for (scheduled, due_ns) in planned.iter_mut().zip(dues) {
                    scheduled.due_ns = due_ns;
                }
            }
            Twist::Late { by_ms } => {
                for scheduled in &mut planned {
                    scheduled.due_ns = scheduled.due_ns.saturating_add(by_ms.saturating_mul(1_000_000));
                }
            }
            Twist::Duplicated { times } => {
                let mut again = Vec::new();
                for scheduled in &planned {
                    for _ in 0..times {
                        again.push(Scheduled {
                            due_ns: scheduled.due_ns + rng.random_range(0..DUPLICATE_SPREAD_NS),
                            update: scheduled.update.clone(),
                            bad_signature: false,
                            tried: None,
                        });
                    }
                }
                planned.extend(again);
            }
            Twist::BadSignature => {
                for scheduled in &mut planned {
                    scheduled.bad_signature = true;
                }
            }
            Twist::Failed { .. }
            | Twist::FailedAfterDelivered { .. }
            | Twist::HeldForQuality { .. }
            | Twist::NoStatuses
            | Twist::DeliveredDropped => {}
        }
    }
    planned
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::config::Number;

    fn plan(fate: Fate, twists: &[Twist], settings: &Webhooks) -> Vec<Scheduled> {
        let of = Arc::new(Outbound {
            wamid: "wamid.x".into(),
            number: Arc::new(Number::new("1", "+15550001111", "10")),
            wa_id: Some("14155550100".into()),
            user_id: None,
            opaque: None,
            category: "utility".into(),
        });
        statuses(
            &of,
            fate,
            twists,
            settings,
            0,
            &Clock::start(),
            &mut StdRng::seed_from_u64(3),
        )
    }

    /// Name, priced and code of each update in the order of delivery.
    fn told(mut planned: Vec<Scheduled>) -> Vec<(&'static str, bool, Option<i64>)> {
        planned.sort_by_key(|scheduled| scheduled.due_ns);
        planned
            .iter()
            .map(|scheduled| match &scheduled.update {
                Update::Status {
                    status, priced, code, ..
                } => (status.name(), *priced, *code),
                Update::Inbound { .. } | Update::Account { .. } => panic!("only statuses were planned"),
            })
            .collect()
    }

    #[track_caller]
    fn check(fate: Fate, twists: &[Twist], expect: &[(&'static str, bool, Option<i64>)]) {
        assert_eq!(told(plan(fate, twists, &Webhooks::default())), expect);
    }

    #[test]
    fn a_message_goes_the_way_of_its_fate_and_faults() {
        check(
            Fate::Travels,
            &[],
            &[("sent", true, None), ("delivered", true, None), ("read", false, None)],
        );
        let held = |dropped| Twist::HeldForQuality {
            hold_ms: 60_000,
            dropped,
        };
        check(Fate::Travels, &[held(true)], &[("failed", false, Some(132_015))]);
        let let_go = plan(Fate::Travels, &[held(false)], &Webhooks::default());
        assert_eq!(let_go.len(), 3);
        assert!(let_go.iter().all(|scheduled| scheduled.due_ns >= 60_000_000_000));
        check(Fate::OnlySent, &[], &[("sent", true, None)]);
        check(Fate::Fails(131_047), &[], &[("failed", false, Some(131_047))]);
        check(Fate::Travels, &[Twist::NoStatuses], &[]);
        check(
            Fate::Travels,
            &[Twist::DeliveredDropped],
            &[("sent", true, None), ("read", true, None)],
        );
        check(
            Fate::Travels,
            &[Twist::Failed { code: 131_026 }],
            &[("failed", false, Some(131_026))],
        );
        check(
            Fate::Travels,
            &[Twist::FailedAfterDelivered { code: 131_026 }],
            &[
                ("sent", true, None),
                ("delivered", true, None),
                ("failed", false, Some(131_026)),
            ],
        );
    }

    #[test]
    fn ratios_of_zero_leave_the_later_statuses_out() {
        let settings = Webhooks {
            read_ratio: 0.0,
            ..Webhooks::default()
        };
        assert_eq!(plan(Fate::Travels, &[], &settings).len(), 2);
        let settings = Webhooks {
            delivered_ratio: 0.0,
            ..Webhooks::default()
        };
        assert_eq!(plan(Fate::Travels, &[], &settings).len(), 1);
    }

    #[test]
    fn shuffling_changes_the_order_of_delivery_but_not_when_things_happened() {
        let mut orders = BTreeSet::new();
        for seed in 0..40 {
            let planned = plan(Fate::Travels, &[], &Webhooks::default());
            let shuffled = twisted(planned, &[Twist::StatusesShuffled], &mut StdRng::seed_from_u64(seed));

            let happened: Vec<i64> = shuffled
                .iter()
                .filter_map(|scheduled| match scheduled.update {
                    Update::Status { at_ms, .. } => Some(at_ms),
                    Update::Inbound { .. } | Update::Account { .. } => None,
                })
                .collect();
            assert!(
                happened.is_sorted(),
                "sent, delivered, read happened in this order: {happened:?}"
            );
            orders.insert(told(shuffled).iter().map(|(name, ..)| *name).collect::<Vec<_>>());
        }
        assert_eq!(orders.len(), 6, "three statuses come in every order: {orders:?}");
    }

    #[test]
    fn duplicates_and_late_updates_are_delivered_later_but_say_the_same() {
        let planned = plan(
            Fate::Travels,
            &[Twist::Duplicated { times: 2 }, Twist::Late { by_ms: 5_000 }],
            &Webhooks::default(),
        );

        assert_eq!(planned.len(), 9);
        assert!(planned.iter().all(|scheduled| scheduled.due_ns >= 5_000_000_000));
    }
}
