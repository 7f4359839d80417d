//! Lost jobs, dead senders and outcomes that nobody tells.

use std::collections::BTreeSet;

use domain::{Category, Lane, State, pace, retry};

use crate::world::World;

#[tokio::test]
async fn rows_whose_queue_was_purged_are_rung_again() {
    let world = World::new().await;
    // As many as go to the broker at once.
    let number = world.number(0, 100).await;
    world
        .run(&format!(
            "CALL make_messages({number}, 100, 0::smallint, 10::smallint, '-1 s')"
        ))
        .await;
    world.releaser().run_once().await.unwrap();
    world.admin.purge(&world.topology.queues.rt).await.unwrap();
    let mut ringer = world.ringer();
    assert!(
        ringer.run_once().await.unwrap().is_empty(),
        "nobody was silent for long enough"
    );

    world.run("UPDATE message SET wake_at = clock_timestamp()").await;
    let pass = ringer.run_once().await.unwrap();

    assert_eq!((pass.rung, pass.unconfirmed), (100, 0));
    let ids: BTreeSet<_> = world
        .take(Lane::Rt, 100)
        .await
        .into_iter()
        .flat_map(|job| job.ids)
        .collect();
    let rows = world.rows().await;
    assert_eq!(ids, rows.iter().map(|row| row.id).collect());
    let next = pace::ring_again_after(1).as_seconds_f64();
    for row in rows {
        assert_eq!((row.state, row.rings, row.attempt), (State::Queued, 1, 0));
        assert!((next - 5.0..=next).contains(&row.wakes_in.unwrap()), "{row:?}");
    }
    assert!(ringer.run_once().await.unwrap().is_empty(), "once is enough");
    world.finish().await;
}

#[tokio::test]
async fn a_long_queue_is_left_alone() {
    let mut world = World::new().await;
    world.options.ring_below = 1;
    let number = world.number(0, 80).await;
    for lane in Lane::ALL {
        world
            .run(&format!(
                "CALL make_messages({number}, 5, {}::smallint, 10::smallint, '-1 s')",
                lane.code()
            ))
            .await;
    }
    world.releaser().run_once().await.unwrap();
    world.run("UPDATE message SET wake_at = clock_timestamp()").await;
    world.admin.purge(&world.topology.queues.bulk).await.unwrap();

    let pass = world.ringer().run_once().await.unwrap();

    assert_eq!((pass.lanes, pass.rung), (vec![Lane::Bulk], 5));
    let rows = world.rows().await;
    assert!(
        rows.iter().all(|row| row.rings == i64::from(row.lane == Lane::Bulk)),
        "{rows:?}"
    );
    world.finish().await;
}

#[tokio::test]
async fn a_silent_attempt_becomes_uncertain_and_never_goes_back_to_the_queue() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    for category in Category::ALL {
        let code = category.code();
        world.run(&format!("CALL make_messages({number}, 1, 0::smallint, 30::smallint, '-1 s', p_category => {code}::smallint, p_attempt => {code} + 1)")).await;
    }
    world
        .run(&format!(
            "CALL make_messages({number}, 2, 1::smallint, 30::smallint, '1 min', p_attempt => 9)"
        ))
        .await;

    let pass = world.leases().run_once().await.unwrap();

    assert_eq!(pass.expired.len(), 4);
    for row in world.rows().await.iter().filter(|row| row.attempt < 9) {
        let category = Category::from_code(i16::try_from(row.attempt - 1).unwrap()).unwrap();
        let hold = category.hold().as_seconds_f64();
        assert_eq!((row.state, row.reason.as_deref()), (State::Uncertain, None));
        assert!(
            (hold - 20.0..=hold).contains(&row.wakes_in.unwrap()),
            "{category:?}: {row:?}"
        );
    }
    // Whatever else comes by leaves them where they are.
    assert!(world.leases().run_once().await.unwrap().is_empty());
    assert!(world.releaser().run_once().await.unwrap().is_empty());
    assert!(world.ringer().run_once().await.unwrap().is_empty());
    assert!(world.holds().run_once().await.unwrap().is_empty());
    assert_eq!(
        world.states().await,
        [(State::Sending, 2), (State::Uncertain, 4)].into()
    );
    world.finish().await;
}

#[tokio::test]
async fn an_outcome_that_nobody_tells_is_unknown_or_attempted_again_where_the_message_says_so() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    let uncertain = |rest: &str| {
        format!("CALL make_messages({number}, 1, 0::smallint, 40::smallint, '-1 s', p_attempt => 1, {rest})")
    };
    world.run(&uncertain("p_resend => false")).await;
    world.run(&uncertain("p_resend => true")).await;
    // Too late to be sent, and too often tried: these end honestly too.
    world.run(&uncertain("p_resend => true, p_expires => '-1 ms'")).await;
    world
        .run(&uncertain(&format!(
            "p_resend => true, p_failures => {}",
            retry::MAX_FAILURES - 1
        )))
        .await;
    let ids: Vec<_> = world.rows().await.into_iter().map(|row| row.id).collect();

    let mut ended = world.holds().run_once().await.unwrap().0;

    let resent = ended.resent.clone();
    assert_eq!(resent.len(), 1);
    ended.unknown.sort();
    assert_eq!(
        ended.unknown,
        ids.into_iter().filter(|id| *id != resent[0]).collect::<Vec<_>>()
    );
    for row in world.rows().await {
        if row.id == resent[0] {
            assert_eq!((row.state, row.attempt, row.failures), (State::Parked, 1, 1));
        } else {
            assert_eq!(
                (row.state, row.reason.as_deref(), row.wakes_in),
                (State::Unknown, Some("outcome_unknown"), None)
            );
        }
    }
    assert_eq!(world.releaser().run_once().await.unwrap().released, 1);
    assert_eq!(world.take(Lane::Rt, 1).await[0].ids, resent);
    assert!(world.holds().run_once().await.unwrap().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_hold_stands_still_while_no_webhook_of_its_number_comes_and_goes_on_when_they_do() {
    let world = World::new().await;
    let (heard, silent) = (world.number(0, 80).await, world.number(1, 80).await);
    for number in [heard, silent] {
        world
            .run(&format!(
                "CALL make_messages({number}, 1, 0::smallint, 40::smallint, '-1 s', p_attempt => 1, p_resend => true)"
            ))
            .await;
    }
    let age = |minutes: u32| {
        format!("UPDATE message SET changed_at = clock_timestamp() - interval '{minutes} min' WHERE state = 40")
    };
    world.run(&age(15)).await;
    let hear = |number| {
        format!("SELECT hear_webhooks(ARRAY[{number}], ARRAY[now() - interval '20 min'], ARRAY[now()], '2 min', '3 d')")
    };
    world.run(&hear(heard)).await;

    let pass = world.holds().run_once().await.unwrap().0;

    assert_eq!((pass.resent.len(), pass.going_on.len(), pass.unknown.len()), (1, 1, 0));
    let row = |rows: Vec<crate::world::Row>| rows.into_iter().find(|row| row.state == State::Uncertain).unwrap();
    let waits = row(world.rows().await);
    assert_eq!(waits.id, pass.going_on[0]);
    // Thirteen of its fifteen minutes were silent.
    assert!(
        (12.5 * 60.0..=13.0 * 60.0 + 5.0).contains(&waits.wakes_in.unwrap()),
        "{waits:?}"
    );
    assert!(world.holds().run_once().await.unwrap().is_empty(), "its alarm is ahead");

    // Webhooks come again from now on, and after those minutes it is over. What was silent is not counted a second time.
    let back = format!("SELECT hear_webhooks(ARRAY[{silent}], ARRAY[now()], ARRAY[now()], '2 min', '3 d')");
    world.run(&back).await;
    let then = "UPDATE message SET wake_at = clock_timestamp(), held_until = clock_timestamp() WHERE state = 40";
    world.run(then).await;
    assert_eq!(world.holds().run_once().await.unwrap().0.resent, [waits.id]);
    world.finish().await;
}

#[tokio::test]
async fn where_webhooks_never_come_a_hold_ends_when_meta_has_given_up_and_nothing_is_sent_again() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    world
        .run(&format!(
            "CALL make_messages({number}, 1, 0::smallint, 40::smallint, '-1 s', p_attempt => 1, p_resend => true)"
        ))
        .await;
    world
        .run("UPDATE message SET changed_at = clock_timestamp() - interval '36 h'")
        .await;

    let pass = world.holds().run_once().await.unwrap().0;

    assert_eq!((pass.unknown.len(), pass.resent.len()), (1, 0));
    world.finish().await;
}
