//! Nobody starves: flows of one number share its room, and what comes back does not push aside what is still to go.

use std::time::Duration;

use domain::{State, pace};
use store::Store;
use testkit::{database, until};
use uuid::Uuid;

use crate::world::{SOON, World};

#[tokio::test]
async fn flows_of_one_number_progress_alternately() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    world.run(&format!("CALL make_flow('{one}', {number}, 1000)")).await;
    world.run(&format!("CALL make_flow('{other}', {number}, 1000)")).await;
    let depth = usize::try_from(pace::depth(80)).unwrap();
    let mut releaser = world.releaser();

    for round in 1..=4 {
        assert_eq!(releaser.run_once().await.unwrap().released, depth);
        world.run("CALL accept_queued()").await;
        assert_eq!(world.progress(one).await, round * depth / 2);
        assert_eq!(world.progress(other).await, round * depth / 2);
    }

    // With room for a single row, they take turns.
    world.run("UPDATE number_dispatch SET depth = 1").await;
    for _ in 0..6 {
        assert_eq!(releaser.run_once().await.unwrap().released, 1);
        world.run("CALL accept_queued()").await;
    }
    assert_eq!(world.progress(one).await, 4 * depth / 2 + 3);
    assert_eq!(world.progress(other).await, 4 * depth / 2 + 3);
    world.finish().await;
}

#[tokio::test]
async fn a_broadcast_behind_a_campaign_takes_less_than_twice_its_time_alone() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    let (long, short) = (Uuid::now_v7(), Uuid::now_v7());
    world.run(&format!("CALL make_flow('{long}', {number}, 10000)")).await;
    let mut releaser = world.releaser();
    while world.progress(long).await < 300 {
        releaser.run_once().await.unwrap();
        world.run("CALL accept_queued()").await;
    }
    // As many as may be with the broker are there before it comes.
    let ahead = releaser.run_once().await.unwrap().released;
    world.run(&format!("CALL make_flow('{short}', {number}, 100)")).await;

    // A sender that takes ten rows at a time, in the order of their release, and the scheduler behind it.
    let (mut sent, mut others) = (0, 0);
    while sent < 100 {
        releaser.run_once().await.unwrap();
        let taken = world.store().raw(include_str!("take_ten.sql")).await.unwrap();
        let own = taken.iter().filter(|row| row["flow_id"] == short.to_string()).count();
        (sent, others) = (sent + own, others + taken.len() - own);
        world.run(include_str!("accept_ten.sql")).await;
    }

    assert!(
        others < 100 + 10,
        "{others} others went before its 100, of which {ahead} were there already"
    );
    assert!(
        world.progress(long).await > 300 + ahead + 5,
        "and the campaign was not forgotten"
    );
    world.finish().await;
}

#[tokio::test]
async fn small_organizations_do_not_wait_for_a_large_one() {
    let mut world = World::new().await;
    world.options.release_limit = 400;
    // One with ten thousand rows on a number that could take them all at once, and eight with forty.
    let large = world.number(0, 5000).await;
    world
        .run(&format!("CALL make_flow('{}', {large}, 10000)", Uuid::now_v7()))
        .await;
    let mut small = Vec::new();
    for place in 1..9 {
        let flow = Uuid::now_v7();
        let number = world.number(place, 1000).await;
        world.run(&format!("CALL make_flow('{flow}', {number}, 40)")).await;
        small.push(flow);
    }

    let pass = world.releaser().run_once().await.unwrap();

    assert_eq!(pass.released, 400);
    for flow in small {
        assert_eq!(world.progress(flow).await, 40);
    }
    world.finish().await;
}

#[tokio::test]
async fn an_organization_of_more_weight_gets_more_of_a_short_pass() {
    let mut world = World::new().await;
    world.options.release_limit = 400;
    let mut flows = Vec::new();
    for place in 0..2 {
        let flow = Uuid::now_v7();
        let number = world.number(place, 5000).await;
        world.run(&format!("CALL make_flow('{flow}', {number}, 5000)")).await;
        flows.push(flow);
    }
    world
        .run("UPDATE organization SET dispatch_weight = 3 WHERE slug = 'acme1'")
        .await;
    for _ in 0..3 {
        world.releaser().run_once().await.unwrap();
    }

    let (one, three) = (world.progress(flows[0]).await, world.progress(flows[1]).await);
    assert_eq!(one + three, 1_200);
    assert!(three.abs_diff(900) <= 80, "{one} and {three}");
    world.finish().await;
}

#[tokio::test]
async fn rows_that_come_back_and_flows_share_the_room() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    let flow = Uuid::now_v7();
    world
        .run(&format!(
            "CALL make_messages({number}, 1000, 1::smallint, 10::smallint, '-1 s')"
        ))
        .await;
    world.run(&format!("CALL make_flow('{flow}', {number}, 1000)")).await;
    let depth = usize::try_from(pace::depth(80)).unwrap();

    let pass = world.releaser().run_once().await.unwrap();

    assert_eq!(pass.released, depth);
    assert!(world.progress(flow).await.abs_diff(depth / 2) <= 1);
    world.finish().await;
}

#[tokio::test]
async fn many_numbers_share_a_pass_that_is_too_short_for_all() {
    let mut world = World::new().await;
    world.options.release_limit = 100;
    let mut numbers = Vec::new();
    for place in 0..4 {
        let number = world.number(place, 1000).await;
        world
            .run(&format!(
                "CALL make_messages({number}, 100, 0::smallint, 10::smallint, '-1 s')"
            ))
            .await;
        numbers.push(number);
    }
    let mut releaser = world.releaser();

    for _ in 0..4 {
        assert_eq!(releaser.run_once().await.unwrap().released, 100);
    }

    assert_eq!(world.states().await, [(State::Queued, 400)].into());
    world.finish().await;
}

/// A connection that holds its transaction open between calls.
fn one_connection(world: &World) -> Store {
    database::store(&world.database.url, 1)
}

#[tokio::test]
async fn an_admission_never_waits_for_a_release_and_a_pause_waits_for_the_admission() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    let flow = Uuid::now_v7();
    world.run(&format!("CALL make_flow('{flow}', {number}, 1000)")).await;
    let (admission, pausing) = (one_connection(&world), one_connection(&world));
    admission
        .raw(&format!("BEGIN; {}", include_str!("lock_flow_as_admission.sql")))
        .await
        .unwrap();

    // The cursor moves under the admission's lock.
    assert!(!world.releaser().run_once().await.unwrap().is_empty());

    // A pause does not return before the admission is over; then no other admission can follow.
    let pause = tokio::spawn(async move { pausing.raw("UPDATE flow SET status = 'paused'").await.map(drop) });
    until(SOON, "a pause that waits for a lock", async || {
        let waiting = world.store().raw(include_str!("waiting.sql")).await.unwrap();
        (!waiting.is_empty()).then_some(())
    })
    .await;
    assert!(!pause.is_finished());
    admission.raw("COMMIT").await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), pause)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    world.finish().await;
}
