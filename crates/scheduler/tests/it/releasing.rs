//! What is released, in which order, how much of it, and by whom.

use std::collections::BTreeSet;

use domain::{Lane, MessageId, State, pace};

use crate::world::World;

#[tokio::test]
async fn due_rows_go_in_the_order_they_fell_due_and_others_stay() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    for ago in ["'-1 s'", "'-3 s'", "'-2 s'", "'1 h'"] {
        world
            .run(&format!(
                "CALL make_messages({number}, 2, 0::smallint, 10::smallint, {ago})"
            ))
            .await;
    }
    let due_first: Vec<MessageId> = by_alarm(&world).await;

    let pass = world.releaser().run_once().await.unwrap();

    assert_eq!((pass.released, pass.jobs, pass.unconfirmed, pass.expired), (6, 1, 0, 0));
    assert!(
        pass.late.iter().all(|late| (1.0..60.0).contains(late)),
        "{:?}",
        pass.late
    );
    let jobs = world.take(Lane::Rt, 6).await;
    assert_eq!(jobs[0].ids, due_first[..6]);
    assert_eq!(jobs[0].number, number);
    let queued: Vec<_> = world
        .rows()
        .await
        .into_iter()
        .filter(|row| row.state == State::Queued)
        .collect();
    let first_ring = pace::ring_again_after(0).as_seconds_f64();
    assert_eq!(queued.len(), 6);
    assert!(
        queued
            .iter()
            .all(|row| row.wakes_in.unwrap() <= first_ring && row.rings == 0)
    );
    assert!(world.releaser().run_once().await.unwrap().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn session_messages_that_would_miss_their_windows_edge_go_first_the_earliest_edge_before_all() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    // Due for long: a template, and texts whose windows close in so many minutes; the last one's has closed.
    for (due, category, edge) in [
        (9, 1, "NULL"),
        (8, 0, "45"),
        (7, 0, "20"),
        (6, 0, "5"),
        (5, 0, "-1"),
        (4, 0, "29"),
    ] {
        world
            .run(&format!(
                "CALL make_messages({number}, 1, 0::smallint, 10::smallint, '-{due} s', p_category => {category}::smallint, p_failures => {due});
                 UPDATE message SET edge_at = clock_timestamp() + {edge} * interval '1 min' WHERE failures = {due}"
            ))
            .await;
    }
    // Not due yet, however close its edge is.
    world
        .run(&format!(
            "CALL make_messages({number}, 1, 0::smallint, 10::smallint, '1 min', p_category => 0::smallint);
             UPDATE message SET edge_at = clock_timestamp() + interval '2 min' WHERE wake_at > clock_timestamp()"
        ))
        .await;
    let by_alarm = by_alarm(&world).await;

    world.releaser().run_once().await.unwrap();

    let jobs = world.take(Lane::Rt, 6).await;
    let released: Vec<MessageId> = jobs.iter().flat_map(|job| job.ids.clone()).collect();
    let expected = [3, 2, 5, 0, 1, 4].map(|place: usize| by_alarm[place]);
    assert_eq!(released, expected);
    world.finish().await;
}

/// Ids in the order of their alarms.
async fn by_alarm(world: &World) -> Vec<MessageId> {
    let mut rows = world.rows().await;
    rows.sort_by(|one, other| one.wakes_in.partial_cmp(&other.wakes_in).unwrap());
    rows.into_iter().map(|row| row.id).collect()
}

#[tokio::test]
async fn a_number_has_no_more_with_the_broker_than_its_depth_and_singles_come_first() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    let depth = usize::try_from(pace::depth(80)).unwrap();
    world
        .run(&format!(
            "CALL make_messages({number}, 1000, 1::smallint, 10::smallint, '-1 s')"
        ))
        .await;
    let mut releaser = world.releaser();

    assert_eq!(releaser.run_once().await.unwrap().released, depth);
    assert!(releaser.run_once().await.unwrap().is_empty(), "there is no room");

    // Bulk rows with the broker do not hold single messages back.
    world
        .run(&format!(
            "CALL make_messages({number}, 30, 0::smallint, 10::smallint, '-1 s')"
        ))
        .await;
    assert_eq!(releaser.run_once().await.unwrap().released, 30);
    assert_eq!(
        world
            .take(Lane::Rt, 30)
            .await
            .iter()
            .map(|job| job.ids.len())
            .sum::<usize>(),
        30
    );

    // And single messages with the broker leave less room for bulk rows.
    world.run("CALL accept_queued()").await;
    world
        .run(&format!(
            "CALL make_messages({number}, 50, 0::smallint, 10::smallint, '-1 s')"
        ))
        .await;
    assert_eq!(releaser.run_once().await.unwrap().released, depth);
    let queued: Vec<_> = world
        .rows()
        .await
        .into_iter()
        .filter(|row| row.state == State::Queued)
        .collect();
    assert_eq!(queued.iter().filter(|row| row.lane == Lane::Rt).count(), 50);
    assert_eq!(queued.iter().filter(|row| row.lane == Lane::Bulk).count(), depth - 50);
    world.finish().await;
}

#[tokio::test]
async fn two_schedulers_at_once_release_each_row_once() {
    let world = World::new().await;
    for place in 0..6 {
        let number = world.number(place, 1000).await;
        world
            .run(&format!(
                "CALL make_messages({number}, 300, 0::smallint, 10::smallint, '-1 s')"
            ))
            .await;
        world
            .run(&format!("CALL make_flow('{}', {number}, 300)", uuid::Uuid::now_v7()))
            .await;
    }
    let (mut one, mut other) = (world.releaser(), world.releaser());

    let both = async |releaser: &mut scheduler::Releaser| {
        let mut released = 0;
        // Numbers that the other one has in hand are skipped, so an empty pass is not yet the end.
        while world.states().await.contains_key(&State::Parked) {
            released += releaser.run_once().await.unwrap().released;
        }
        released
    };
    let (by_one, by_other) = tokio::join!(both(&mut one), both(&mut other));

    assert_eq!(by_one + by_other, 6 * 600);
    let mut ids = BTreeSet::new();
    for lane in Lane::ALL {
        for job in world.take(lane, 1_800).await {
            assert!(job.ids.iter().all(|id| ids.insert(*id)), "a row is in two jobs");
        }
        assert!(world.is_empty(lane).await);
    }
    assert_eq!(ids, world.rows().await.into_iter().map(|row| row.id).collect());
    world.finish().await;
}

#[tokio::test]
async fn what_is_too_late_expires_and_is_never_published() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    world
        .run(&format!(
            "CALL make_messages({number}, 3, 0::smallint, 10::smallint, '-1 s', p_expires => '-1 ms')"
        ))
        .await;
    let flow = uuid::Uuid::now_v7();
    world.run(&format!("CALL make_flow('{flow}', {number}, 4)")).await;
    world
        .run(&format!(
            "UPDATE message SET expires_at = clock_timestamp() WHERE flow_id = '{flow}' AND seq > 1"
        ))
        .await;

    let pass = world.releaser().run_once().await.unwrap();

    assert_eq!((pass.released, pass.expired, pass.jobs), (1, 6, 1));
    let expired: Vec<_> = world
        .rows()
        .await
        .into_iter()
        .filter(|row| row.state == State::Expired)
        .collect();
    assert_eq!(expired.len(), 6);
    assert!(
        expired
            .iter()
            .all(|row| row.reason.as_deref() == Some("expired") && row.wakes_in.is_none())
    );
    world.finish().await;
}

#[tokio::test]
async fn a_paused_number_and_a_paused_flow_rest_until_they_run_again() {
    let world = World::new().await;
    let (paused, running) = (world.number(0, 80).await, world.number(1, 80).await);
    for number in [paused, running] {
        world
            .run(&format!(
                "CALL make_messages({number}, 5, 0::smallint, 10::smallint, '-1 s')"
            ))
            .await;
        world
            .run(&format!("CALL make_flow('{}', {number}, 5)", uuid::Uuid::now_v7()))
            .await;
    }
    world
        .run(&format!(
            "UPDATE number_gate SET paused_until = clock_timestamp() + interval '1 h' WHERE number_id = {paused}"
        ))
        .await;
    world
        .run(&format!(
            "UPDATE flow SET status = 'paused' WHERE number_id = {running}"
        ))
        .await;
    let mut releaser = world.releaser();

    assert_eq!(
        releaser.run_once().await.unwrap().released,
        5,
        "the single messages of the running number"
    );
    assert!(releaser.run_once().await.unwrap().is_empty());

    world.run("UPDATE number_gate SET paused_until = '-infinity'").await;
    world.run("UPDATE flow SET status = 'running'").await;
    assert_eq!(releaser.run_once().await.unwrap().released, 15);
    world.finish().await;
}

#[tokio::test]
async fn without_a_broker_nothing_is_moved() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    world
        .run(&format!(
            "CALL make_messages({number}, 5, 0::smallint, 10::smallint, '-1 s')"
        ))
        .await;
    let (nobody, _driver) = broker::Publisher::new();

    let pass = scheduler::Releaser::new(world.store().clone(), nobody, &world.topology, world.options)
        .run_once()
        .await;

    assert!(pass.unwrap().is_empty());
    assert_eq!(world.states().await, [(State::Parked, 5)].into());
    world.finish().await;
}
