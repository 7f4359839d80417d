//! The pair rate: to one person from one number at most twenty at once, and one more every six seconds; and never fewer than that.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::MessageId;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use store::admission::AdmitVerdict;
use uuid::Uuid;

use super::lanes::{Ground, NewRow};
use crate::bench::PACING;

const BURST: i32 = 20;
const EVERY: TimeDelta = TimeDelta::seconds(6);
const ROWS: usize = 34;
const STEPS: usize = 14;
const PEOPLE: usize = 20;

/// What waits for a person, and when something went to them.
type Pair = (Vec<MessageId>, Vec<DateTime<Utc>>);

/// Whether one more at `now` keeps the rate: from each earlier moment on, no more than the burst and what time gave since.
fn fits(sent: &[DateTime<Utc>], now: DateTime<Utc>) -> bool {
    (0..sent.len()).all(|first| {
        let (count, passed) = (i32::try_from(sent.len() - first).unwrap() + 1, now - sent[first]);
        EVERY * (count - BURST) <= passed
    })
}

#[tokio::test]
async fn the_pair_rate_is_kept_and_used() {
    let seed = super::seed("pair rate");
    let mut random = StdRng::seed_from_u64(seed);
    let mut ground = Ground::new().await;
    let lanes = ground.lanes(super::CASES / PEOPLE).await;
    let mut pairs: BTreeMap<(usize, usize), Pair> = BTreeMap::new();
    let mut rows = Vec::new();
    for (place, lane) in lanes.iter().enumerate() {
        for person in 0..PEOPLE {
            let ids: Vec<MessageId> = (0..ROWS).map(|_| MessageId::new(ground.now)).collect();
            rows.extend(ids.iter().map(|id| {
                (
                    lane,
                    NewRow {
                        id: *id,
                        number: 0,
                        person,
                        category: 2,
                        price: None,
                    },
                )
            }));
            pairs.insert((place, person), (ids, Vec::new()));
        }
    }
    ground.queue(&rows).await;
    let (mut sent, mut refused) = (0, 0);
    for step in 0..STEPS {
        let by = match random.random_range(0..4) {
            0 => TimeDelta::zero(),
            1 => TimeDelta::milliseconds(random.random_range(0..6_000)),
            _ => TimeDelta::milliseconds(random.random_range(6_000..60_000)),
        };
        ground.set_clock(ground.now + by).await;
        ground.release_due().await;
        let mut owner = BTreeMap::new();
        let mut batch = Vec::new();
        for (pair, (ids, _)) in &pairs {
            let wanted = [0, 1, 3, random.random_range(0..30)][random.random_range(0..4)];
            for id in ids.iter().take(wanted) {
                owner.insert(*id, *pair);
                batch.push(*id);
            }
        }
        // As many at a time as each number has slots for.
        for batch in batch.chunks(2_000) {
            let admission = ground
                .store
                .admit(Uuid::new_v4(), batch, PACING)
                .await
                .expect("admitting");
            for row in &admission.rows {
                let pair = owner[&row.id];
                let (ids, times) = pairs.get_mut(&pair).unwrap();
                let at = format!("SEED={seed}, step {step}, pair {pair:?}, {times:?} at {}", ground.now);
                match &row.verdict {
                    AdmitVerdict::Send { .. } => {
                        assert!(fits(times, ground.now), "{at}: one too many");
                        times.push(ground.now);
                        ids.retain(|id| *id != row.id);
                        sent += 1;
                    }
                    AdmitVerdict::Settled { reason } if reason.code() == "pair_limit" => {
                        assert!(!fits(times, ground.now), "{at}: refused needlessly");
                        refused += 1;
                    }
                    AdmitVerdict::Throughput { .. } => {}
                    AdmitVerdict::Settled { reason } => panic!("{at}: {reason}"),
                }
            }
        }
    }
    assert!(
        sent > 10 * super::CASES && refused > super::CASES,
        "{sent} sent, {refused} refused"
    );
}
