//! Nothing is forgotten: whatever happens to a row, somebody will look at it again, and not after its end.

use uuid::Uuid;

use crate::world::World;

#[tokio::test]
async fn no_row_is_forgotten_and_none_sleeps_past_its_end_whatever_happens() {
    let world = World::new().await;
    for (place, seed) in [(0, -0.7), (1, 0.1), (2, 0.9)] {
        let number = world.number(place, 20).await;
        for lane in 0..2 {
            world
                .run(&format!(
                    "CALL make_messages({number}, 20, {lane}::smallint, 10::smallint, '-1 s', p_resend => {})",
                    lane == 0
                ))
                .await;
        }
        world
            .run(&format!("CALL make_flow('{}', {number}, 30)", Uuid::now_v7()))
            .await;

        // Fails at the first step after which a row is forgotten.
        world.run(&format!("CALL live({seed}, 400)")).await;

        let states = world.states().await;
        assert!(states.len() >= 5, "seed {seed} went through too little: {states:?}");
    }
    world.finish().await;
}
