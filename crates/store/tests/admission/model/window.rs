//! The edge of the service window, to the microsecond: what admission says is what the promise says, and what the pure rule says.

use chrono::{DateTime, TimeDelta, Utc};
use domain::MessageId;
use domain::rules::window::{Standing, Window};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use store::admission::AdmitVerdict;
use uuid::Uuid;

use super::lanes::{Ground, NewRow, person};
use crate::bench::PACING;

/// When somebody wrote last, gathered around the edge: 24 hours ago, less the minute that a message may be under way.
fn wrote(random: &mut StdRng, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let edge = now - TimeDelta::hours(24) + TimeDelta::seconds(60);
    Some(match random.random_range(0..8) {
        0 => return None,
        1 => edge,
        2 => edge + TimeDelta::microseconds(1),
        3 => edge - TimeDelta::microseconds(1),
        4 => edge + TimeDelta::microseconds(random.random_range(-2_000_000..2_000_000)),
        5 => now - TimeDelta::hours(24),
        // A webhook whose clock is ahead of ours.
        6 => now + TimeDelta::seconds(random.random_range(0..300)),
        _ => now - TimeDelta::minutes(random.random_range(0..6_000)),
    })
}

#[tokio::test]
async fn the_edge_of_the_window_is_where_it_is_promised() {
    const PEOPLE: usize = 100;
    let seed = super::seed("window edge");
    let mut random = StdRng::seed_from_u64(seed);
    let mut ground = Ground::new().await;
    let (mut open, mut shut) = (0, 0);
    for lane in ground.lanes(super::CASES / PEOPLE).await {
        let by = TimeDelta::microseconds(random.random_range(1..1_000_000_000));
        ground.set_clock(ground.now + by).await;
        let times: Vec<_> = (0..PEOPLE).map(|_| wrote(&mut random, ground.now)).collect();
        let rows: Vec<_> = (0..PEOPLE)
            .map(|person| {
                (
                    &lane,
                    NewRow {
                        id: MessageId::new(ground.now),
                        number: 0,
                        person,
                        category: 0,
                        price: None,
                    },
                )
            })
            .collect();
        ground.queue(&rows).await;
        for (n, at) in times.iter().enumerate() {
            let Some(at) = at else { continue };
            let (number, recipient, at) = (lane.numbers[0], person(n), at.to_rfc3339());
            ground
                .run(&format!("INSERT INTO contact (number_id, recipient, last_inbound_at) VALUES ({number}, '{recipient}', '{at}')"))
                .await;
        }

        let ids: Vec<MessageId> = rows.iter().map(|(_, row)| row.id).collect();
        let admission = ground
            .store
            .admit(Uuid::new_v4(), &ids, PACING)
            .await
            .expect("admitting");

        assert_eq!(admission.rows.len(), PEOPLE);
        for (row, last_inbound_at) in admission.rows.iter().zip(&times) {
            let said = match &row.verdict {
                AdmitVerdict::Send { .. } => "within_window".to_owned(),
                AdmitVerdict::Settled { reason } => reason.code().into_owned(),
                AdmitVerdict::Throughput { .. } => panic!("these numbers are fast enough"),
            };
            let promised = match last_inbound_at {
                None => "no_inbound_history",
                Some(at) if (ground.now + TimeDelta::seconds(60)) - *at < TimeDelta::hours(24) => "within_window",
                Some(_) => "window_expired",
            };
            let at = format!("SEED={seed}: {last_inbound_at:?} at {}", ground.now);
            assert_eq!(said, promised, "{at}");
            let window = Window {
                last_inbound_at: *last_inbound_at,
            };
            let ruled = window.standing(ground.now + domain::rules::window::MARGIN);
            assert_eq!(ruled.code(), promised, "{at}: the rule and admission differ");
            match ruled {
                Standing::Within { .. } => open += 1,
                Standing::Expired { .. } | Standing::NoInboundHistory => shut += 1,
            }
        }
    }
    assert!(
        open > super::CASES / 5 && shut > super::CASES / 5,
        "{open} open, {shut} shut"
    );
}
