//! A status proves acceptance, whatever the pipeline believed.

use chrono::{DateTime, TimeDelta, Utc};
use domain::opaque::Signer;
use domain::{Category, Delivery, MessageId, State};
use serde_json::json;
use testkit::seed;

use crate::world::{Plan, World};

#[tokio::test]
async fn a_status_resolves_every_state_but_a_refusal_an_expiry_and_a_cancellation() {
    let world = World::new().await;
    for state in State::ALL {
        let id = world
            .message(Plan {
                state,
                ..Plan::default()
            })
            .await;

        world.statuses(&[world.status(id, 1, "sent", 0)]).await;

        let row = world.row(id).await;
        if matches!(state, State::Failed | State::Expired | State::Canceled) {
            assert_eq!(row["state"], state.code(), "{state:?}");
            assert_eq!(row["delivery"], 0, "{state:?}");
            assert_eq!(row["reason"], "outcome_unknown", "{state:?}");
        } else {
            assert_eq!(row["state"], State::Accepted.code(), "{state:?}");
            assert_eq!(row["delivery"], Delivery::Sent.code(), "{state:?}");
            assert_eq!(row["wamid"], format!("wamid.{id}.1"), "{state:?}");
            assert!(row["wake_at"].is_null() && row["reason"].is_null(), "{state:?}: {row}");
        }
    }
    assert_eq!(world.count("status_event").await, 9, "every event is kept");
}

#[tokio::test]
async fn a_webhook_before_our_own_record_wins_and_the_record_changes_nothing() {
    let world = World::new().await;
    let id = world
        .message(Plan {
            state: State::Sending,
            ..Plan::default()
        })
        .await;

    world.statuses(&[world.status(id, 1, "delivered", 0)]).await;
    let moved = world
        .raw(&format!(
            "SELECT * FROM record_outcomes(ARRAY['{id}']::uuid[], ARRAY[1], ARRAY[40]::smallint[],
                 ARRAY[now()], ARRAY['outcome_unknown'], ARRAY[NULL], ARRAY[true], ARRAY[false])"
        ))
        .await;

    assert!(moved.is_empty(), "{moved:?}");
    let row = world.row(id).await;
    assert_eq!(
        (&row["state"], &row["delivery"]),
        (&json!(50), &json!(Delivery::Delivered.code()))
    );
}

#[tokio::test]
async fn the_failure_of_a_delivery_shows_its_reason_until_a_device_has_it() {
    let world = World::new().await;
    let id = world.message(Plan::default()).await;

    world.statuses(&[world.status(id, 1, "failed", 5)]).await;
    let failed = world.row(id).await;
    world.statuses(&[world.status(id, 1, "delivered", 6)]).await;
    let delivered = world.row(id).await;

    assert_eq!(
        (&failed["state"], &failed["delivery"]),
        (&json!(50), &json!(Delivery::Failed.code()))
    );
    assert_eq!(failed["reason"], "meta_131026");
    assert_eq!(delivered["delivery"], Delivery::Delivered.code());
    assert!(delivered["reason"].is_null());
    let event = world
        .one("SELECT errors FROM status_event WHERE status = 'failed'")
        .await;
    assert_eq!(event["errors"][0]["code"], 131_026);
}

#[tokio::test]
async fn an_attempt_that_was_not_made_is_set_aside() {
    let world = World::new().await;
    let id = world.message(Plan::default()).await;

    let pass = world.statuses(&[world.status(id, 2, "sent", 0)]).await;

    assert_eq!(pass.set_aside, 1);
    assert_eq!(
        world.set_aside().await,
        ["messages.statuses: names an attempt that was not made"]
    );
    assert_eq!(world.row(id).await["delivery"], 0);
    assert_eq!(world.count("status_event").await, 0);
}

#[tokio::test]
async fn an_earlier_attempt_counts_while_a_later_one_is_under_way() {
    let world = World::new().await;
    let id = world
        .message(Plan {
            state: State::Sending,
            attempt: 2,
            ..Plan::default()
        })
        .await;

    world.statuses(&[world.status(id, 1, "sent", 0)]).await;

    let row = world.row(id).await;
    assert_eq!((&row["state"], &row["attempt"]), (&json!(50), &json!(2)));
    assert_eq!(row["wamid"], format!("wamid.{id}.1"));
}

#[tokio::test]
async fn statuses_that_are_not_ours_are_orphans_and_touch_nothing() {
    let world = World::new().await;
    let id = world.message(Plan::default()).await;
    let mut foreign = world.status(id, 1, "read", 0);
    foreign["biz_opaque_callback_data"] = json!(Signer::new(&[9; 32]).sign(id, 1));
    let mut silent = world.status(id, 1, "read", 0);
    silent.as_object_mut().unwrap().remove("biz_opaque_callback_data");

    let pass = world.statuses(&[foreign, silent]).await;

    assert_eq!(pass.set_aside, 0);
    assert_eq!(world.row(id).await["delivery"], 0);
    assert_eq!(world.count("status_orphan WHERE message_id IS NULL").await, 2);
    let kept = world.raw("SELECT status::text AS text FROM status_orphan").await;
    assert!(
        !kept.iter().any(|row| row["text"].as_str().unwrap().contains("1666000")),
        "no phone numbers: {kept:?}"
    );
}

#[tokio::test]
async fn a_status_without_its_message_waits_for_it() {
    let world = World::new().await;
    let id = MessageId::new(world.now());
    world
        .statuses(&[world.status(id, 1, "failed", 1), world.status(id, 1, "delivered", 2)])
        .await;
    assert_eq!(world.count("status_orphan").await, 2);
    assert_eq!(world.receipts.retry_orphans().await.unwrap(), 0, "it is not there yet");

    let plan = Plan {
        state: State::Uncertain,
        ..Plan::default()
    };
    world.insert(id, plan).await;
    assert_eq!(world.receipts.retry_orphans().await.unwrap(), 2);

    let row = world.row(id).await;
    assert_eq!(
        (&row["state"], &row["delivery"]),
        (&json!(50), &json!(Delivery::Delivered.code()))
    );
    assert_eq!(world.count("status_orphan").await, 0);
    let failed = world
        .one("SELECT errors FROM status_event WHERE status = 'failed'")
        .await;
    assert_eq!(failed["errors"][0]["code"], 131_026);
}

#[tokio::test]
async fn a_status_without_its_message_stays_in_sight_when_its_hour_is_over() {
    let world = World::new().await;
    let id = MessageId::new(world.now());
    world.statuses(&[world.status(id, 1, "sent", 0)]).await;
    world.insert(id, Plan::default()).await;

    world.clock.advance(TimeDelta::minutes(61));

    assert_eq!(world.receipts.retry_orphans().await.unwrap(), 0);
    assert_eq!(world.count("status_orphan").await, 1);
}

#[tokio::test]
async fn a_late_delivery_keeps_its_place_in_the_messaging_limit_for_24_hours() {
    let world = World::new().await;
    let promised = world.now() + TimeDelta::hours(24) + TimeDelta::seconds(60);
    let ends = async |recipient: usize| -> DateTime<Utc> {
        let phone = seed::recipient(recipient);
        let row = world
            .one(&format!(
                "SELECT expires_at FROM limit_member WHERE recipient = '{phone}'"
            ))
            .await;
        row["expires_at"].as_str().unwrap().parse().unwrap()
    };
    let mut ids = Vec::new();
    for recipient in 0..5 {
        let category = if recipient == 4 {
            Category::Service
        } else {
            Category::Marketing
        };
        ids.push(
            world
                .message(Plan {
                    recipient,
                    category,
                    ..Plan::default()
                })
                .await,
        );
        let (scope, phone) = (world.tenant.scope, seed::recipient(recipient));
        world
            .raw(&format!(
                "INSERT INTO limit_member VALUES ({scope}, '{phone}', '{now}', '{promised}', 1)",
                now = world.now()
            ))
            .await;
    }

    world
        .raw(&format!(
            "UPDATE limit_scope SET max_members = 250, members = 5 WHERE id = {}",
            world.tenant.scope
        ))
        .await;

    world
        .statuses(&[
            world.status(ids[0], 1, "delivered", 5),
            world.status(ids[1], 1, "delivered", 3_000),
            world.status(ids[2], 1, "read", 4_000),
            world.status(ids[3], 1, "sent", 5_000),
            world.status(ids[4], 1, "delivered", 6_000),
        ])
        .await;
    world.statuses(&[world.status(ids[1], 1, "read", 7_000)]).await;

    assert_eq!(ends(0).await, promised, "in time");
    assert_eq!(
        ends(1).await,
        promised + TimeDelta::seconds(3_000),
        "from the delivery, not from the reading"
    );
    assert_eq!(
        ends(2).await,
        promised + TimeDelta::seconds(4_000),
        "read without delivered"
    );
    assert_eq!(ends(3).await, promised, "sent is not delivered");
    assert_eq!(ends(4).await, promised, "a session message does not count");
}

#[tokio::test]
async fn statuses_and_inbound_messages_tell_that_webhooks_of_their_number_come() {
    let world = World::new().await;
    let heard = async || {
        let rows = world.raw("SELECT heard_at FROM webhook_heard").await;
        rows.first()
            .map(|row| row["heard_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap())
    };
    assert_eq!(heard().await, None);
    let id = world.message(Plan::default()).await;

    world.statuses(&[world.status(id, 1, "sent", 0)]).await;
    assert_eq!(heard().await, Some(world.now()));
    let gaps = async || world.count("webhook_gap").await;
    assert_eq!(gaps().await, 1, "before the first there was nothing");

    world.clock.advance(TimeDelta::minutes(2));
    world.statuses(&[world.status(id, 1, "delivered", 1)]).await;
    assert_eq!((heard().await, gaps().await), (Some(world.now()), 1), "no silence yet");
    world.clock.advance(TimeDelta::minutes(3));
    world.statuses(&[world.status(id, 1, "read", 2)]).await;
    assert_eq!((heard().await, gaps().await), (Some(world.now()), 2));
    // A number that is nobody's here is nothing to remember, and does no harm.
    assert_eq!(world.count("webhook_heard").await, 1);
}

#[tokio::test]
async fn a_file_that_meta_could_not_use_after_all_is_uploaded_again_and_no_later_upload_is_forgotten() {
    let world = World::new().await;
    let (digits, number) = ("0".repeat(31) + "7", world.tenant.number);
    world
        .raw(&format!(
            "INSERT INTO media (id, organization_id, created_at, kept_until, mime, size, sha256)
             VALUES ('{digits}', {}, now(), now() + interval '1 day', 'image/png', 1, 'x')",
            world.tenant.organization
        ))
        .await;
    let uploaded = async |seconds: i64| {
        let at = world.now() + TimeDelta::seconds(seconds);
        world.raw("DELETE FROM media_upload").await;
        world
            .raw(&format!(
                "INSERT INTO media_upload (media_id, number_id, meta_id, uploaded_at, expires_at)
                 VALUES ('{digits}', {number}, 'meta', '{at}', '{at}'::timestamptz + interval '30 days')"
            ))
            .await;
    };
    let failed = async |code: i64| {
        let id = world.message(Plan::default()).await;
        let content = format!(r#"{{"type": "image", "image": {{"id": "med_{digits}"}}}}"#);
        world
            .raw(&format!(
                "INSERT INTO message_content (id, content) VALUES ('{id}', '{content}')"
            ))
            .await;
        let mut status = world.status(id, 1, "failed", 0);
        status["errors"] = json!([{"code": code, "title": "Media upload error"}]);
        world.statuses(&[status]).await;
        world
            .count("media_upload WHERE meta_id IS NULL AND expires_at IS NULL")
            .await
    };

    uploaded(-60).await;
    assert_eq!(failed(131_026).await, 0, "another failure says nothing of the file");
    assert_eq!(failed(131_053).await, 1);
    uploaded(60).await;
    assert_eq!(failed(131_053).await, 0, "this upload came after the message set out");
}
