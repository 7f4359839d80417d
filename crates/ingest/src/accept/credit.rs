//! Sends rows straight to the broker while their number has room there, so that an idle pipeline does not wait for a release pass.
//! Pure.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{Lane, NumberId, pace};
use store::intake::{Free, NewFlow, NewMessage, Start};

use super::plan::Plan;

/// Queues what is due and has room, first come, first served.
pub(super) fn spend<'a>(
    plans: impl Iterator<Item = &'a mut Plan>,
    mut free: HashMap<NumberId, Free>,
    now: DateTime<Utc>,
) {
    for plan in plans {
        let Some(free) = free.get_mut(&plan.number()) else {
            continue;
        };
        match &mut plan.flow {
            Some(flow) => queue_flow(flow, &mut plan.rows, free, now),
            None => plan.rows.iter_mut().for_each(|row| queue_single(row, free, now)),
        }
    }
}

fn queue_single(row: &mut NewMessage, free: &mut Free, now: DateTime<Utc>) {
    let is_due = matches!(&row.start, Start::Parked { wake_at, reason: None } if *wake_at <= now);
    let room = match row.lane {
        Lane::Rt => &mut free.rt,
        Lane::Bulk => &mut free.bulk,
    };
    if is_due && *room > 0 {
        *room -= 1;
        row.start = queued(now);
    }
}

/// A flow's rows go in order, so the first one that must wait makes all after it wait for the cursor.
fn queue_flow(flow: &mut NewFlow, rows: &mut [NewMessage], free: &mut Free, now: DateTime<Utc>) {
    if flow.starts_at > now {
        return;
    }
    for row in rows {
        match &row.start {
            // What has an alarm of its own does not need the cursor either.
            Start::Refused(_) | Start::Parked { .. } => {}
            Start::Held { reason: None } if free.bulk > 0 => {
                free.bulk -= 1;
                row.start = queued(now);
            }
            Start::Held { .. } | Start::Queued { .. } => {
                // Other flows and single messages of this batch are behind the rest of this one.
                free.bulk = 0;
                return;
            }
        }
        flow.released_seq += 1;
    }
}

fn queued(now: DateTime<Utc>) -> Start {
    Start::Queued {
        wake_at: now + pace::ring_again_after(0),
    }
}

#[cfg(test)]
mod tests {
    use domain::{Category, FlowId, MessageId, OrganizationId, Reason, Recipient, ScopeId};
    use proptest::prelude::*;

    use store::intake::Footprint;

    use super::*;
    use crate::answer::Answer;

    const NUMBER: NumberId = NumberId(1);

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_750_000_000, 0).unwrap()
    }

    fn row(start: Start, lane: Lane) -> NewMessage {
        NewMessage {
            id: MessageId::new(now()),
            organization: OrganizationId(1),
            number: NUMBER,
            scope: ScopeId(1),
            recipient: Recipient::parse("+15550001111").unwrap(),
            lane,
            category: Category::Utility,
            template: None,
            flow: None,
            scheduled_at: None,
            expires_at: now() + chrono::TimeDelta::days(1),
            resend: false,
            price: None,
            start,
            content: String::new(),
            metadata: None,
            webhook_url: None,
            traceparent: None,
            key: None,
            fallback: None,
            edge_at: None,
            test: false,
            flags: Vec::new(),
            footprint: Footprint::default(),
        }
    }

    fn flow(rows: usize) -> NewFlow {
        NewFlow {
            id: FlowId::new(now()),
            organization: OrganizationId(1),
            number: NUMBER,
            starts_at: now(),
            last_seq: u32::try_from(rows).unwrap(),
            released_seq: 0,
            key: None,
        }
    }

    fn any_single() -> impl Strategy<Value = Plan> {
        let start = prop_oneof![
            Just(Start::Refused(Reason::OptedOut)),
            Just(Start::Parked {
                wake_at: now(),
                reason: None
            }),
            Just(Start::Parked {
                wake_at: now(),
                reason: Some(Reason::SenderPaused)
            }),
            Just(Start::Parked {
                wake_at: now() + chrono::TimeDelta::hours(1),
                reason: None
            }),
        ];
        (start, proptest::sample::select(Lane::ALL.to_vec())).prop_map(|(start, lane)| Plan {
            rows: vec![row(start, lane)],
            flow: None,
            answer: Answer::data(202, serde_json::Value::Null),
        })
    }

    fn any_broadcast() -> impl Strategy<Value = Plan> {
        let start = prop_oneof![
            1 => Just(Start::Refused(Reason::OptedOut)),
            4 => Just(Start::Held { reason: None }),
            1 => Just(Start::Held { reason: Some(Reason::TemplatePaused) }),
            1 => Just(Start::Parked { wake_at: now() + chrono::TimeDelta::hours(9), reason: Some(Reason::QuietHours) }),
        ];
        proptest::collection::vec(start, 1..12).prop_map(|starts| Plan {
            flow: Some(flow(starts.len())),
            rows: starts.into_iter().map(|start| row(start, Lane::Bulk)).collect(),
            answer: Answer::data(200, serde_json::Value::Null),
        })
    }

    fn is_queued(row: &NewMessage) -> bool {
        matches!(row.start, Start::Queued { .. })
    }

    proptest! {
        #[test]
        fn no_more_goes_to_the_broker_than_there_is_room_and_a_flow_goes_in_order(
            mut plans in proptest::collection::vec(prop_oneof![any_single(), any_broadcast()], 0..12),
            rt in 0..8_u32,
            bulk in 0..20_u32,
        ) {
            let before = plans.clone();
            spend(plans.iter_mut(), HashMap::from([(NUMBER, Free { rt, bulk })]), now());

            let queued = |lane| plans.iter().flat_map(|plan| &plan.rows).filter(|row| row.lane == lane && is_queued(row)).count();
            prop_assert!(queued(Lane::Rt) <= rt as usize && queued(Lane::Bulk) <= bulk as usize);
            for (plan, before) in plans.iter().zip(&before) {
                for (place, (row, before)) in plan.rows.iter().zip(&before.rows).enumerate() {
                    // What was refused, or waits for something, stays as it was.
                    prop_assert!(row.start == before.start || (is_queued(row) && before.start.reason().is_none()));
                    if let Some(flow) = &plan.flow {
                        let released = place < flow.released_seq as usize;
                        let held = matches!(row.start, Start::Held { .. });
                        prop_assert_eq!(released, !held && plan.rows[..place].iter().all(|row| !matches!(row.start, Start::Held { .. })));
                        prop_assert!(!is_queued(row) || released);
                    }
                }
            }
        }
    }

    #[test]
    fn a_flow_of_the_future_and_a_number_without_room_are_left_to_the_scheduler() {
        let plan = |starts_at| Plan {
            rows: vec![row(Start::Held { reason: None }, Lane::Bulk)],
            flow: Some(NewFlow { starts_at, ..flow(1) }),
            answer: Answer::data(200, serde_json::Value::Null),
        };
        let mut plans = [plan(now() + chrono::TimeDelta::hours(1)), plan(now())];

        spend(
            plans[..1].iter_mut(),
            HashMap::from([(NUMBER, Free { rt: 9, bulk: 9 })]),
            now(),
        );
        spend(plans[1..].iter_mut(), HashMap::new(), now());

        assert!(plans.iter().all(|plan| !is_queued(&plan.rows[0])));
    }
}
