//! A receiver that hangs delays nobody else. A few seconds of a small load here; `cargo xtask events` runs a thousand a second.

use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime::Clock;
use testkit::{database, until};
use tokio::time::{MissedTickBehavior, interval};

use crate::receiver::Receiver;
use crate::webhooks::Couriers;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_delays_nobody_else() {
    let world = World::alone().await;
    let full = std::env::var("TURNPIKE_TEST_WEBHOOK_SECONDS")
        .ok()
        .map(|seconds| seconds.parse().unwrap());
    let (receivers, per_second, seconds): (usize, u32, u32) = full.map_or((10, 200, 4), |seconds| (50, 1_000, seconds));
    world.run(include_str!("load.sql")).await;
    let hanging = Receiver::start().await;
    hanging.hang();
    let mut working = Vec::new();
    for _ in 0..receivers {
        working.push(Receiver::start().await);
    }
    let all = working.iter().chain([&hanging]);
    let urls: Vec<String> = all.map(|receiver| format!("'{}/hook'", receiver.url)).collect();
    let couriers = Couriers::start(&world, 1);

    // Twenty times a second, as a pipeline's batches come.
    let writer = database::store(&world.database.url, 1);
    let statement = format!("CALL call_back_from({}, ARRAY[{}])", per_second / 20, urls.join(", "));
    let mut ticks = interval(Duration::from_millis(50));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for _ in 0..seconds * 20 {
        ticks.tick().await;
        writer.raw(&statement).await.unwrap();
    }
    let written = per_second / 20 * 20 * seconds;
    let expected = world
        .rows(&format!(
            "SELECT count(*) AS n FROM message_content WHERE webhook_url <> {}",
            urls[receivers]
        ))
        .await;
    let expected = usize::try_from(expected[0]["n"].as_i64().unwrap()).unwrap();
    let received = || working.iter().map(|receiver| receiver.arrivals().len()).sum::<usize>();
    until(
        Duration::from_secs(60),
        "every webhook of those that work",
        async || (received() >= expected).then_some(()),
    )
    .await;

    let mut lags: Vec<f64> = working
        .iter()
        .flat_map(Receiver::arrivals)
        .map(|(told, came)| lag(told, came))
        .collect();
    lags.sort_by(f64::total_cmp);
    let at = |share: f64| lags[((lags.len() - 1) as f64 * share) as usize];
    let (p50, p99) = (at(0.5), at(0.99));
    println!(
        "events {written} at {per_second}/s, receivers {receivers} and one that hangs: {} webhooks to those that work, \
         from event to arrival p50 {:.0} ms, p99 {:.0} ms; {} calls of the one that hangs",
        lags.len(),
        p50 * 1e3,
        p99 * 1e3,
        hanging.arrivals().len()
    );
    assert_eq!(lags.len(), expected, "each once");
    assert!(p99 < 1.0, "p99 {p99} s");
    assert!(hanging.most_under_way() <= 5);
    // Those under way to the one that hangs would outlast the drain.
    couriers.abandon();
    world.finish().await;
}

fn lag(told: DateTime<Utc>, came: DateTime<Utc>) -> f64 {
    (came - told).as_seconds_f64()
}

/// The clock of arrivals.
pub(crate) fn now() -> DateTime<Utc> {
    Clock::system().now()
}
