//! What a number learns about its pace, with a clock that is moved by hand.

use chrono::{DateTime, TimeDelta, Utc};
use domain::slow_down::SlowDown;
use domain::{Category, pace};
use store::pace::Recovered;
use testkit::seed::Choice;

use crate::bench::{Bench, slot};

const STANDARD: Choice = Choice {
    place: 0,
    tier: "TIER_UNLIMITED",
    throughput: 80,
};

async fn gate(bench: &Bench) -> serde_json::Value {
    let sql = "SELECT slots_per_second, slowed_to, slowed_at, tat FROM number_gate";
    bench.store.raw(sql).await.unwrap().remove(0)
}

async fn slots_per_second(bench: &Bench) -> f64 {
    gate(bench).await["slots_per_second"].as_f64().unwrap()
}

#[tokio::test]
async fn what_a_number_receives_takes_slots_of_its_pace_but_never_all_of_them() {
    let mut bench = Bench::new(STANDARD).await;
    let number = bench.tenant.number;
    let tat = async |bench: &Bench| -> DateTime<Utc> { gate(bench).await["tat"].as_str().unwrap().parse().unwrap() };
    let slots = |n: f64| TimeDelta::microseconds((n * 1e6 / pace::slots_per_second(80)).round() as i64);
    let near = |one: DateTime<Utc>, other: DateTime<Utc>| (one - other).abs() <= TimeDelta::microseconds(50);

    bench.store.take_slots(&[(number, 8)]).await.unwrap();
    assert!(near(tat(&bench).await, bench.now + slots(8.0)));
    let id = bench.queued(1, Category::Utility).await;
    let admitted = bench.admit(&[id]).await;
    assert!(
        near(slot(&admitted[0]), bench.now + slots(8.0)),
        "a message goes after them"
    );

    bench.store.take_slots(&[(number, 1_000)]).await.unwrap();
    let held = tat(&bench).await;
    assert!(near(held, bench.now + pace::INBOUND_TAKES_AT_MOST));
    // What was handed out further ahead stays handed out.
    bench.pass(TimeDelta::milliseconds(-200)).await;
    bench.store.take_slots(&[(number, 1_000)]).await.unwrap();
    assert_eq!(tat(&bench).await, held);
}

#[tokio::test]
async fn a_throttled_number_goes_at_half_its_pace_and_gets_it_back_little_by_little() {
    let mut bench = Bench::new(STANDARD).await;
    let number = bench.tenant.number;
    let full = pace::slots_per_second(80);

    let slowed = bench.store.slow_down(number).await.unwrap();
    let halved = SlowDown { to: 0.5, at: bench.now };
    assert_eq!(slowed, Some((halved, true)));
    assert_eq!(slots_per_second(&bench).await, full / 2.0);
    assert_eq!(
        bench.store.slow_down(number).await.unwrap(),
        Some((halved, false)),
        "the same throttle, heard by another message"
    );

    bench.pass(TimeDelta::minutes(2)).await;
    let some = Recovered { faster: 1, full: 0 };
    assert_eq!(bench.store.recover_pace().await.unwrap(), some);
    assert!((slots_per_second(&bench).await - full * 0.7).abs() < 1e-6);

    bench.pass(TimeDelta::minutes(3)).await;
    let all = Recovered { faster: 0, full: 1 };
    assert_eq!(bench.store.recover_pace().await.unwrap(), all);
    let gate = gate(&bench).await;
    assert_eq!(gate["slots_per_second"].as_f64(), Some(full));
    assert!(gate["slowed_to"].is_null() && gate["slowed_at"].is_null(), "{gate}");
    assert_eq!(bench.store.recover_pace().await.unwrap(), Recovered::default());
}
