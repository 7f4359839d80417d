//! Templates, limits, throughput and accounts: the gates move at once.

use chrono::TimeDelta;
use domain::{State, pace};
use serde_json::{Value, json};
use testkit::seed::Choice;

use crate::world::{Plan, World};

fn template(event: &str) -> Value {
    json!({"event": event, "message_template_id": 7, "message_template_name": "hello",
           "message_template_language": "en-US", "reason": null})
}

async fn hello(world: &World) -> Value {
    world
        .one("SELECT status, category, quality, revision FROM template WHERE name = 'hello'")
        .await
}

#[tokio::test]
async fn a_template_is_paused_and_comes_back() {
    let world = World::new().await;
    let change = |seconds, event| world.change_at("message_template_status_update", seconds, template(event));

    world.apply(&[change(-50, "PAUSED")]).await;
    let paused = hello(&world).await;
    world.apply(&[change(-40, "APPROVED")]).await;
    let back = hello(&world).await;

    assert_eq!((&paused["status"], &paused["revision"]), (&json!("PAUSED"), &json!(2)));
    assert_eq!((&back["status"], &back["revision"]), (&json!("APPROVED"), &json!(3)));
}

#[tokio::test]
async fn news_of_a_template_that_were_overtaken_change_nothing() {
    let world = World::new().await;
    let change = |seconds, event| world.change_at("message_template_status_update", seconds, template(event));

    world.apply(&[change(-40, "PAUSED")]).await;
    world.apply(&[change(-50, "APPROVED")]).await;
    assert_eq!(hello(&world).await["status"], "PAUSED");

    // The same in one batch.
    world.apply(&[change(-20, "DISABLED"), change(-30, "APPROVED")]).await;
    assert_eq!(hello(&world).await["status"], "DISABLED");
    world.apply(&[change(-10, "FLAGGED")]).await;
    assert_eq!(hello(&world).await["status"], "DISABLED", "a warning is no status");
}

#[tokio::test]
async fn category_and_quality_follow_meta() {
    let world = World::new().await;
    let about = |mut value: Value| {
        value["message_template_name"] = json!("hello");
        value["message_template_language"] = json!("en_US");
        value
    };

    world
        .apply(&[
            world.change(
                "template_category_update",
                about(json!({"previous_category": "UTILITY", "new_category": "MARKETING"})),
            ),
            world.change(
                "message_template_quality_update",
                about(json!({"previous_quality_score": "GREEN", "new_quality_score": "YELLOW"})),
            ),
        ])
        .await;

    let row = hello(&world).await;
    assert_eq!((&row["category"], &row["quality"]), (&json!(3), &json!("YELLOW")));
}

#[tokio::test]
async fn a_template_of_nobody_is_nothing_to_worry_about() {
    let world = World::new().await;
    let mut value = template("PAUSED");
    value["message_template_name"] = json!("somebody_elses");

    let pass = world
        .apply(&[world.change("message_template_status_update", value)])
        .await;

    assert_eq!((pass.updates, pass.set_aside), (1, 0));
}

#[tokio::test]
async fn a_raised_tier_wakes_as_many_waiting_messages_as_fit() {
    let world = World::with(&Choice {
        tier: "TIER_250",
        ..Choice::default()
    })
    .await;
    let scope = world.tenant.scope;
    world
        .raw(&format!("UPDATE limit_scope SET members = 1997 WHERE id = {scope}"))
        .await;
    for recipient in 0..5 {
        let state = State::Parked;
        world
            .message(Plan {
                state,
                recipient,
                ..Plan::default()
            })
            .await;
    }
    world
        .raw("UPDATE message SET reason = 'tier_limit', wake_at = now() + interval '10 h'")
        .await;
    let capability = |limit: Value| {
        world.change(
            "business_capability_update",
            json!({"max_daily_conversations_per_business": limit, "max_phone_numbers_per_business": 20}),
        )
    };
    let awake = async || world.count("message WHERE wake_at <= now()").await;

    world.apply(&[capability(json!("TIER_250"))]).await;
    assert_eq!(awake().await, 0, "nothing changed");
    world.apply(&[capability(json!("TIER_2K"))]).await;
    assert_eq!(awake().await, 3, "2,000 less 1,997");
    world.apply(&[capability(json!("TIER_UNLIMITED"))]).await;
    assert_eq!(awake().await, 5);

    let row = world
        .one(&format!("SELECT max_members FROM limit_scope WHERE id = {scope}"))
        .await;
    assert!(row["max_members"].is_null());
}

#[tokio::test]
async fn a_limit_comes_with_the_quality_of_a_number_too_and_the_newest_counts() {
    let world = World::with(&Choice {
        tier: "TIER_250",
        ..Choice::default()
    })
    .await;
    let quality = |seconds, tier: &str| {
        world.change_at(
            "phone_number_quality_update",
            seconds,
            json!({"display_phone_number": "15550001110", "event": "ONBOARDING", "current_limit": tier}),
        )
    };

    world.apply(&[quality(-10, "TIER_10K"), quality(-20, "TIER_2K")]).await;

    let row = world.one("SELECT max_members FROM limit_scope").await;
    assert_eq!(row["max_members"], 10_000);
}

#[tokio::test]
async fn a_flagged_number_is_rated_low_until_it_is_unflagged() {
    let world = World::new().await;
    for (event, quality) in [("FLAGGED", json!("RED")), ("UNFLAGGED", json!(null))] {
        let told = world.change(
            "phone_number_quality_update",
            json!({"display_phone_number": "+1 555-000-1110", "event": event}),
        );
        world.apply(&[told]).await;
        assert_eq!(world.one("SELECT quality FROM sender_number").await["quality"], quality);
    }
}

#[tokio::test]
async fn a_throughput_upgrade_raises_pace_depth_and_number_once() {
    let world = World::with(&Choice {
        throughput: 80,
        ..Choice::default()
    })
    .await;
    let upgrade = world.change(
        "phone_number_quality_update",
        json!({"display_phone_number": "+1 555-000-1110", "event": "THROUGHPUT_UPGRADE"}),
    );

    world.apply(&[upgrade.clone(), upgrade]).await;

    let row = world
        .one(
            "SELECT n.throughput, g.slots_per_second, d.depth FROM sender_number n
             JOIN number_gate g ON g.number_id = n.id JOIN number_dispatch d ON d.number_id = n.id",
        )
        .await;
    assert_eq!(row["throughput"], 1_000);
    let slots = row["slots_per_second"].as_f64().unwrap();
    assert!((slots - pace::slots_per_second(1_000)).abs() < 1e-6, "{slots}");
    assert_eq!(row["depth"], pace::depth(1_000));
}

#[tokio::test]
async fn a_restriction_closes_the_account_and_ends_by_itself() {
    let world = World::new().await;
    let restricted = async || world.one("SELECT restricted FROM waba").await["restricted"] == true;
    let until = (world.now() + TimeDelta::hours(24)).timestamp();

    world
        .apply(&[world.change(
            "account_update",
            json!({"event": "ACCOUNT_RESTRICTION", "restriction_info": [
                {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": until}]}),
        )])
        .await;
    assert!(restricted().await);
    world.clock.advance(TimeDelta::hours(23));
    assert_eq!(world.receipts.lift_restrictions().await.unwrap(), 0);
    world.clock.advance(TimeDelta::hours(2));
    assert_eq!(world.receipts.lift_restrictions().await.unwrap(), 1);
    assert!(!restricted().await);
}

#[tokio::test]
async fn a_ban_lasts_until_meta_takes_it_back() {
    let world = World::new().await;
    let ban = |state: &str| {
        world.change(
            "account_update",
            json!({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": state, "waba_ban_date": "today"}}),
        )
    };
    let restricted = async || world.one("SELECT restricted FROM waba").await["restricted"] == true;

    world.apply(&[ban("DISABLE")]).await;
    world.clock.advance(TimeDelta::days(30));
    world.receipts.lift_restrictions().await.unwrap();
    assert!(restricted().await);
    world.apply(&[ban("REINSTATE")]).await;
    assert!(!restricted().await);
}
