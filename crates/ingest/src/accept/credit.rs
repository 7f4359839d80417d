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
            Start::Refused(_) => {}
            Start::Held { reason: None } if free.bulk > 0 => {
                free.bulk -= 1;
                row.start = queued(now);
            }
            Start::Held { .. } | Start::Parked { .. } | Start::Queued { .. } => {
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
