//! A broadcast is completed when its last row has left the pipeline, once, and after everything that happened to its rows.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::World;

/// The events of completed broadcasts, and the number of events behind the first of them that tell of a message's end.
async fn completed(world: &World) -> Vec<Value> {
    world.store().raw(include_str!("completed.sql")).await.unwrap()
}

#[tokio::test]
async fn a_broadcast_is_completed_once_when_its_last_row_has_left_the_pipeline() {
    let world = World::new().await;
    let number = world.number(0, 1000).await;
    let flow = Uuid::now_v7();
    world.run(&format!("CALL make_flow('{flow}', {number}, 6)")).await;
    let (mut one, mut other) = (world.broadcasts(), world.broadcasts());
    let look = async |who: &mut scheduler::Broadcasts| who.run_once().await.unwrap().completed;

    assert_eq!(look(&mut one).await, 0, "its rows wait for their release");
    world
        .run("UPDATE flow SET released_seq = 6; UPDATE message SET state = 20, wake_at = now()")
        .await;
    // All that is not an end holds it up, wherever in the flow it stands.
    for state in [10, 20, 30, 40] {
        for seq in [1, 3, 6] {
            let ends = "UPDATE message SET state = 50, wake_at = NULL";
            world
                .run(&format!(
                    "{ends}; UPDATE message SET state = {state}, wake_at = now() WHERE seq = {seq}"
                ))
                .await;
            assert_eq!(look(&mut one).await, 0, "row {seq} is in state {state}");
        }
    }
    world
        .run(
            "UPDATE message SET state = 50, wake_at = NULL, delivery = 3 WHERE seq <= 2;
             UPDATE message SET state = 60, wake_at = NULL, reason = 'template_paused' WHERE seq = 3;
             UPDATE message SET state = (ARRAY[61, 62, 63])[seq - 3], wake_at = NULL WHERE seq > 3",
        )
        .await;

    let both = tokio::join!(look(&mut one), look(&mut other));
    assert_eq!(both.0 + both.1, 1, "by one of two");
    assert_eq!(
        (look(&mut one).await, look(&mut other).await),
        (0, 0),
        "and never again"
    );

    let told = completed(&world).await;
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0]["data"],
        json!({"broadcast_id": flow, "status": "completed", "total": 6, "from": "+15550001110",
               "counts": {"delivered": 2, "failed": 1, "expired": 1, "canceled": 1, "unknown": 1}})
    );
    assert_eq!(told[0]["ends_behind"], 0, "whatever ended a message is told before");
    world.finish().await;
}

#[tokio::test]
async fn a_canceled_broadcast_is_completed_when_what_was_under_way_has_ended() {
    let world = World::new().await;
    let number = world.number(0, 1000).await;
    let flow = Uuid::now_v7();
    world.run(&format!("CALL make_flow('{flow}', {number}, 10)")).await;
    world
        .run(
            "UPDATE flow SET released_seq = 3, status = 'canceled';
             UPDATE message SET state = 62, reason = 'canceled', wake_at = NULL WHERE seq > 1;
             UPDATE message SET state = 30, wake_at = now() WHERE seq = 1",
        )
        .await;
    assert_eq!(world.broadcasts().run_once().await.unwrap().completed, 0);

    world
        .run("UPDATE message SET state = 50, wake_at = NULL WHERE seq = 1")
        .await;
    assert_eq!(world.broadcasts().run_once().await.unwrap().completed, 1);

    let told = completed(&world).await;
    assert_eq!(told[0]["data"]["status"], "canceled");
    assert_eq!(told[0]["data"]["counts"], json!({"accepted": 1, "canceled": 9}));
    world.finish().await;
}

#[tokio::test]
async fn many_broadcasts_are_looked_at_in_rounds_and_one_that_waits_holds_up_no_other() {
    let world = World::new().await;
    let number = world.number(0, 1000).await;
    for n in 0..450 {
        let flow = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + n);
        world.run(&format!("CALL make_flow('{flow}', {number}, 1)")).await;
    }
    world
        .run(
            "UPDATE flow SET released_seq = 1;
             UPDATE message SET state = 50, wake_at = NULL;
             UPDATE message SET state = 40, wake_at = now() WHERE flow_id IN (SELECT f.id FROM flow f ORDER BY f.id LIMIT 250)",
        )
        .await;
    let mut broadcasts = world.broadcasts();

    let mut passes = Vec::new();
    for _ in 0..3 {
        passes.push(broadcasts.run_once().await.unwrap().completed);
    }
    assert_eq!(passes, [0, 150, 50]);

    world
        .run("UPDATE message SET state = 63, wake_at = NULL WHERE state = 40")
        .await;
    let begins_anew = broadcasts.run_once().await.unwrap().completed;
    assert_eq!(begins_anew, 200);
    world.finish().await;
}
