//! On time: what is due goes within a quarter of a second.

use std::time::Duration;

use broker::Connection;
use domain::job::Job;
use runtime::health::Health;
use runtime::{Clock, Drained, Shutdown};
use scheduler::Scheduler;

use crate::world::{SOON, World};

#[tokio::test]
async fn a_thousand_messages_due_at_once_are_with_the_broker_within_a_quarter_second() {
    let world = World::alone().await;
    for place in 0..4 {
        let number = world.number(place, 1000).await;
        world
            .run(&format!(
                "CALL make_messages({number}, 250, 0::smallint, 10::smallint, '1 h')"
            ))
            .await;
    }
    let clock = Clock::system();
    let scheduler = Scheduler::new(
        world.store(),
        world.publisher.clone(),
        world.address.clone(),
        world.topology.clone(),
        clock.clone(),
        world.options,
    );
    let (shutdown, health) = (Shutdown::new(), Health::new());
    let (word, watched) = (shutdown.clone(), health.clone());
    shutdown.spawn(
        "scheduler",
        async move { scheduler::run(scheduler, word, &watched).await },
    );
    testkit::until(SOON, "a scheduler that works", async || health.is_ready().then_some(())).await;
    let connection = Connection::open(&world.address, "test").await.unwrap();
    let mut subscription = connection.consume(&world.topology.queues.rt, 500).await.unwrap();

    let due = clock.now() + Duration::from_secs(1);
    world
        .run(&format!("UPDATE message SET wake_at = '{}'", due.to_rfc3339()))
        .await;
    let mut late: Vec<f64> = Vec::new();
    while late.len() < 1_000 {
        let next = tokio::time::timeout(SOON, subscription.next()).await;
        let delivery = next.expect("a job comes soon").unwrap().unwrap();
        let arrived = (clock.now() - due).as_seconds_f64();
        late.extend(vec![arrived; Job::decode(&delivery.body).unwrap().ids.len()]);
        delivery.ack().await.unwrap();
    }

    late.sort_by(f64::total_cmp);
    assert!(late[0] >= 0.0, "nothing goes before its time: {} s", late[0]);
    assert!(
        late[990] < 0.25,
        "p99 is {:.3} s, the last {:.3} s",
        late[990],
        late[999]
    );
    assert_eq!(shutdown.drain(SOON).await, Drained::Clean);
    connection.close().await.unwrap();
    world.finish().await;
}
