//! Partitions ahead, and an end for what is old.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use domain::State;
use runtime::Clock;
use uuid::Uuid;

use crate::world::World;

async fn partitions(world: &World) -> Vec<String> {
    let rows = world.store().raw(include_str!("partitions.sql")).await.unwrap();
    rows.iter()
        .map(|row| row["name"].as_str().unwrap().to_owned())
        .collect()
}

fn of(day: NaiveDate) -> [String; 4] {
    ["attempt", "message", "message_content", "status_event"].map(|table| format!("{table}_{}", day.format("%Y%m%d")))
}

fn now() -> DateTime<Utc> {
    Clock::system().now()
}

/// Partitioned tables.
const TABLES: i32 = 5;

#[tokio::test]
async fn partitions_are_made_ahead_once() {
    let world = World::new().await;
    let clock = Clock::manual(now() + TimeDelta::days(20));
    let mut upkeep = world.upkeep(&clock);

    let made = upkeep.run_once().await.unwrap().made;

    assert_eq!(made, 9 * TABLES, "yesterday to a week ahead");
    let partitions = partitions(&world).await;
    for days in 0..=7 {
        let day = clock.now().date_naive() + Days::new(days);
        assert!(of(day).iter().all(|name| partitions.contains(name)), "{day}");
    }
    assert!(upkeep.run_once().await.unwrap().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn rows_in_the_default_partition_do_not_keep_other_days_from_theirs() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    world
        .run(&format!(
            "CALL make_messages({number}, 1, 0::smallint, 10::smallint, '1 h', p_age => '-20 days')"
        ))
        .await;
    let clock = Clock::manual(now() + TimeDelta::days(20));

    let pass = world.upkeep(&clock).run_once().await.unwrap();

    assert_eq!(
        pass.made,
        9 * TABLES - 1,
        "all but the one whose rows are in the default partition"
    );
    assert_eq!(world.states().await, [(State::Parked, 1)].into());
    world.finish().await;
}

#[tokio::test]
async fn old_days_are_dropped_unless_a_message_of_theirs_is_under_way() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    let (over, scheduled, held, young) = (100, 99, 98, 80);
    let day = |age: u64| now().date_naive() - Days::new(age);
    world
        .store()
        .ensure_partitions(now() - TimeDelta::days(97))
        .await
        .unwrap();
    world
        .store()
        .ensure_partitions(now() - TimeDelta::days(100))
        .await
        .unwrap();
    world
        .store()
        .ensure_partitions(now() - TimeDelta::days(80))
        .await
        .unwrap();
    for age in [over, scheduled, young] {
        world
            .run(&format!(
                "CALL make_messages({number}, 2, 0::smallint, 50::smallint, NULL, p_age => '{age} days')"
            ))
            .await;
    }
    world
        .run(&format!(
            "CALL make_messages({number}, 1, 0::smallint, 10::smallint, '1 h', p_age => '{scheduled} days')"
        ))
        .await;
    let flow = Uuid::now_v7();
    world
        .run(&format!("CALL make_flow('{flow}', {number}, 3, '{held} days')"))
        .await;
    world.run("UPDATE flow SET status = 'paused'").await;
    let mut upkeep = world.upkeep(&Clock::system());

    let dropped = upkeep.run_once().await.unwrap().dropped;

    let partitions = partitions(&world).await;
    assert!(dropped.contains(&day(over)));
    assert!(of(day(over)).iter().all(|name| !partitions.contains(name)));
    for age in [scheduled, held, young] {
        assert!(!dropped.contains(&day(age)), "{age} days");
        assert!(of(day(age)).iter().all(|name| partitions.contains(name)), "{age} days");
    }
    assert_eq!(world.rows().await.len(), 2 + 1 + 3 + 2);

    // What is kept is still found when its time comes, however old its partition is.
    world
        .run("UPDATE message SET wake_at = clock_timestamp() WHERE wake_at IS NOT NULL")
        .await;
    world.run("UPDATE flow SET status = 'running'").await;
    assert_eq!(world.releaser().run_once().await.unwrap().released, 4);
    world.run("CALL accept_queued()").await;
    let dropped = upkeep.run_once().await.unwrap().dropped;
    assert_eq!(dropped, [day(scheduled), day(held)]);
    world.finish().await;
}

#[tokio::test]
async fn old_partitions_without_alarms_are_not_looked_through() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    world
        .store()
        .ensure_partitions(now() - TimeDelta::days(30))
        .await
        .unwrap();
    let mut upkeep = world.upkeep(&Clock::system());
    let floor = async || {
        world.store().raw(include_str!("floor_age.sql")).await.unwrap()[0]["days"]
            .as_f64()
            .unwrap()
    };

    upkeep.run_once().await.unwrap();
    assert!(
        (2.0..=3.1).contains(&floor().await),
        "nothing is under way: {}",
        floor().await
    );

    world
        .run(&format!(
            "CALL make_messages({number}, 1, 0::smallint, 10::smallint, '1 h', p_age => '29 days')"
        ))
        .await;
    upkeep.run_once().await.unwrap();
    assert!(
        (29.0..=30.1).contains(&floor().await),
        "a message of long ago waits: {}",
        floor().await
    );
    world.finish().await;
}

#[tokio::test]
async fn side_tables_lose_what_is_old_and_over_and_nothing_else() {
    let world = World::new().await;
    world.number(0, 80).await;
    world.run(include_str!("old_and_young.sql")).await;
    let mut upkeep = world.upkeep(&Clock::system());

    let pass = upkeep.run_once().await.unwrap();

    assert_eq!(pass.deleted, 5);
    let left = world.store().raw(include_str!("left.sql")).await.unwrap();
    assert_eq!(
        left[0],
        serde_json::json!({"webhooks": 2, "answers": 1, "orphans": 1, "events": 3})
    );
    assert_eq!(upkeep.run_once().await.unwrap().deleted, 0);
    world.finish().await;
}
