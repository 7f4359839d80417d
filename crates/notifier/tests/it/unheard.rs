//! What no queue wants is not published, and whoever binds one misses nothing from then on.

use crate::listener::{Heard, Listener};
use crate::world::World;

/// Twice three messages and all their steps up to `accepted`: 18 changes of three kinds, in rows of three.
async fn six_messages_are_accepted(world: &World) {
    for _ in 0..2 {
        let organization = world.tenant.organization;
        world
            .run(&format!("CALL make_messages({organization}, 3, 20::smallint)"))
            .await;
        for _ in 0..2 {
            world.run("CALL climb(moving_ids())").await;
        }
    }
}

#[tokio::test]
async fn what_no_queue_wants_is_told_without_being_published() {
    let world = World::new().await;
    six_messages_are_accepted(&world).await;

    let pass = world.tell_all().await;

    assert_eq!((pass.numbered, pass.told, pass.unheard), (18, 18, 18));
    world.finish().await;
}

#[tokio::test]
async fn a_queue_for_one_kind_gets_all_of_that_kind_in_order_among_what_nobody_wants() {
    let world = World::new().await;
    let mut listener = Listener::bind(&world, "acme0.message.sending").await;
    six_messages_are_accepted(&world).await;

    let pass = world.tell_all().await;

    assert_eq!((pass.told, pass.unheard), (18, 12));
    let sequences: Vec<_> = listener.hear(6).await.iter().map(Heard::sequence).collect();
    assert_eq!(sequences, [4, 5, 6, 13, 14, 15]);
    listener.close(&world).await;
    world.finish().await;
}

#[tokio::test]
async fn a_queue_that_is_bound_late_gets_every_change_after_it() {
    let world = World::new().await;
    six_messages_are_accepted(&world).await;
    assert_eq!(world.tell_all().await.unheard, 18);

    let mut listener = Listener::bind(&world, "#").await;
    six_messages_are_accepted(&world).await;
    let pass = world.tell_all().await;

    assert_eq!((pass.told, pass.unheard), (18, 0));
    let sequences: Vec<_> = listener.hear(18).await.iter().map(Heard::sequence).collect();
    assert_eq!(sequences, (19..=36).collect::<Vec<_>>());
    listener.close(&world).await;
    world.finish().await;
}
