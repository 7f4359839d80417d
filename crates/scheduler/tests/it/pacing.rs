//! Campaigns that take their time: over the days of a small messaging limit, along a ramp, and stopped when something is wrong.

use chrono::TimeDelta;
use domain::campaign::{Status, plan};
use domain::{NumberId, State};
use serde_json::json;

use crate::campaigns::{campaign, look, now, start};
use crate::world::World;

/// What a sender does with all that it was told of, under the messaging limit.
async fn admit(world: &World) {
    world.run("CALL admit_queued()").await;
}

async fn limit(world: &World, places: u32) {
    world
        .run(&format!("UPDATE limit_scope SET max_members = {places}"))
        .await;
}

/// One look of everybody, at this moment.
async fn tick(world: &World) {
    world.campaigns().run_once().await.unwrap();
    world.filler().run_once().await.unwrap();
    world.releaser().run_once().await.unwrap();
    admit(world).await;
}

#[tokio::test]
async fn a_thousand_on_a_tier_of_250_go_in_four_windows_as_planned() {
    let world = World::new().await;
    let number = world.number(0, 1000).await;
    limit(&world, 250).await;
    let made = campaign(&world, &[number], 1_000, json!({})).await;
    let begun = now(&world).await;
    world.set_clock(begun).await;
    start(&world, &made).await;
    let planned = plan::plan(&world.store().campaign_outlook(&made).await.unwrap());
    let ends_at = planned.ends_at.unwrap();

    // A day in steps of twenty minutes, and a few looks at each.
    let mut clock = begun;
    let mut ended = None;
    while ended.is_none() && clock < begun + TimeDelta::days(6) {
        for _ in 0..3 {
            tick(&world).await;
        }
        let accepted = world.states().await.get(&State::Accepted).copied().unwrap_or(0);
        if accepted == 1_000 {
            ended = Some(clock);
        }
        clock += TimeDelta::minutes(20);
        world.set_clock(clock).await;
    }

    let took = ended.expect("it ends by itself") - begun;
    let (promised, took) = ((ends_at - begun).as_seconds_f64(), took.as_seconds_f64());
    assert!(
        (took - promised).abs() <= 0.05 * promised,
        "planned {promised} s, took {took} s"
    );
    let fullest = world.store().raw(include_str!("fullest_window.sql")).await.unwrap();
    assert_eq!(fullest[0]["n"], 250);
    // Nothing was handed to the limit that it had to refuse: what may not go yet is no message yet.
    let refused = world
        .store()
        .raw("SELECT count(*) AS n FROM event WHERE reason = 'tier_limit'")
        .await
        .unwrap();
    assert_eq!(refused[0]["n"], 0);
    world.campaigns().run_once().await.unwrap();
    assert_eq!(look(&world, &made).await.status, Status::Done);
    world.finish().await;
}

#[tokio::test]
async fn the_reserve_is_left_to_others_and_a_raised_limit_is_used_at_once() {
    let world = World::new().await;
    let number = world.number(0, 1000).await;
    limit(&world, 100).await;
    let made = campaign(&world, &[number], 300, json!({"tier_reserve_percent": 40})).await;
    world.set_clock(now(&world).await).await;
    start(&world, &made).await;
    for _ in 0..3 {
        tick(&world).await;
    }
    assert_eq!(world.states().await, [(State::Accepted, 60)].into());

    limit(&world, 1_000).await;
    world.set_clock(now(&world).await + TimeDelta::minutes(2)).await;
    for _ in 0..3 {
        tick(&world).await;
    }
    assert_eq!(world.states().await, [(State::Accepted, 300)].into());
    world.finish().await;
}

#[tokio::test]
async fn a_ramp_begins_slowly_and_does_not_go_on_while_paused() {
    let world = World::new().await;
    let number = world.number(0, 1000).await;
    let made = campaign(&world, &[number], 1_000, json!({"ramp": {"first_hour": 60}})).await;
    let begun = now(&world).await;
    world.set_clock(begun).await;
    start(&world, &made).await;
    let gone = async |minutes: i64| {
        world.set_clock(begun + TimeDelta::minutes(minutes)).await;
        tick(&world).await;
        world.states().await.values().sum::<usize>()
    };

    assert_eq!(gone(0).await, 1);
    assert_eq!(gone(60).await, 61);
    world
        .store()
        .pause_campaign(made.organization, made.id, None)
        .await
        .unwrap();
    assert_eq!(gone(600).await, 61);
    world.store().resume_campaign(made.organization, made.id).await.unwrap();
    assert_eq!(gone(600).await, 61);
    assert_eq!(gone(660).await, 181);
    world.finish().await;
}

/// A campaign of which so many attempts ended, and so many of them in a refusal.
async fn attempted(
    world: &World,
    number: NumberId,
    attempts: usize,
    failed: usize,
    reason: &str,
) -> domain::CampaignId {
    let made = campaign(world, &[number], 200, json!({})).await;
    start(world, &made).await;
    world.filler().run_once().await.unwrap();
    world
        .run(&format!(
            "UPDATE message SET state = CASE WHEN seq <= {failed} THEN 60 ELSE 50 END, attempt = 1, reason = CASE WHEN seq <= {failed} THEN '{reason}' END
             WHERE seq <= {attempts}; UPDATE flow SET released_seq = {attempts}"
        ))
        .await;
    made.id
}

#[tokio::test]
async fn too_many_errors_or_one_of_the_wrong_kind_pause_a_campaign() {
    for (attempts, failed, reason, code) in [
        (60, 10, "meta_131026", None),
        (60, 20, "meta_131026", Some("error_ratio")),
        (2, 1, "meta_131048", Some("meta_code")),
    ] {
        let world = World::new().await;
        let number = world.number(0, 80).await;
        let id = attempted(&world, number, attempts, failed, reason).await;

        let pass = world.campaigns().run_once().await.unwrap();

        assert_eq!(pass.paused, usize::from(code.is_some()), "{reason}");
        let status = world
            .store()
            .raw("SELECT status, pause_code FROM campaign")
            .await
            .unwrap();
        assert_eq!(status[0]["pause_code"], json!(code), "{id}");
        if code.is_some() {
            let told = world
                .store()
                .raw("SELECT data->>'reason' AS reason FROM event WHERE kind = 'campaign.paused'")
                .await
                .unwrap();
            assert_eq!(told[0]["reason"], json!(code));
            assert!(world.releaser().run_once().await.unwrap().is_empty());
            assert_eq!(world.filler().run_once().await.unwrap().filled, 0);
        }
        world.finish().await;
    }
}

#[tokio::test]
async fn a_template_that_meta_pauses_or_rates_low_pauses_its_campaigns_and_fails_no_row() {
    for (change, code) in [
        (
            "UPDATE template SET status = 'PAUSED' WHERE name = 'hello'",
            "template_closed",
        ),
        (
            "UPDATE template SET quality = 'RED' WHERE name = 'hello'",
            "template_quality",
        ),
        ("DELETE FROM template WHERE name = 'hello'", "template_closed"),
        ("UPDATE sender_number SET quality = 'RED'", "number_quality"),
    ] {
        let world = World::new().await;
        let number = world.number(0, 80).await;
        let made = campaign(&world, &[number], 50, json!({})).await;
        start(&world, &made).await;
        world.run(change).await;

        if code == "template_closed" {
            assert_eq!(world.filler().run_once().await.unwrap().filled, 0, "{change}");
        }
        world.campaigns().run_once().await.unwrap();

        let paused = look(&world, &made).await;
        assert_eq!(
            paused.paused.and_then(|pause| pause.code).as_deref(),
            Some(code),
            "{change}"
        );
        assert!(!world.states().await.contains_key(&State::Failed));
        world.finish().await;
    }
}

#[tokio::test]
async fn templates_share_the_audience() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    let variants = json!([
        {"name": "a", "template_name": "hello", "template_language": "en_US", "weight": 1},
        {"name": "b", "template_name": "sale", "template_language": "en_US", "template_params": ["10 %"], "weight": 3},
    ]);
    let made = campaign(&world, &[number], 400, json!({"variants": variants})).await;
    start(&world, &made).await;

    world.filler().run_once().await.unwrap();

    let counts = world.store().campaign_counts(made.id).await.unwrap();
    let mut shares: Vec<u64> = counts.iter().map(|count| count.rows).collect();
    shares.sort_unstable();
    assert_eq!((shares.len(), shares.iter().sum::<u64>()), (2, 400));
    assert!(shares[0].abs_diff(100) < 40, "{shares:?}");
    world.finish().await;
}
