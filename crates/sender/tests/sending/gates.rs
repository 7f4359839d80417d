//! What goes, what waits and what never goes.

use chrono::TimeDelta;
use domain::{Category, Lane};
use serde_json::json;
use simulator::Inbound;
use testkit::seed::{Choice, recipient};
use testkit::until;

use crate::stage::{SOON, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_templates_is_posted_once_each_and_recorded() {
    let stage = Stage::new(Choice::default()).await;
    let sender = stage.sender();
    let ids = stage.queued(0..250).await;

    stage.ring(&ids, Lane::Bulk).await;

    stage.until_states([("50", 250)]).await;
    let row = stage.row(ids[0]).await;
    assert!(row["wamid"].as_str().unwrap().starts_with("wamid."));
    assert_eq!(row["claim"], json!(null));
    let attempts = stage
        .rows("SELECT count(*) AS n, bool_and(outcome = 'accepted' AND http_status = 200 AND ended_at >= slot) AS well FROM attempt")
        .await;
    assert_eq!(attempts, [json!({"n": 250, "well": true})]);
    assert_eq!(stage.meta.report().accepted, 250);
    let posted = stage.meta.ledger().remove(0);
    assert!(posted.opaque.unwrap().starts_with("1."));
    assert!(sender.health.is_ready());
    sender.stop().await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_gate_says_its_own_no_and_nothing_of_it_is_posted() {
    let stage = Stage::new(Choice::default()).await;
    let template = |name: &str| json!({"type": "template", "template": {"name": name, "language": {"code": "en_US"}}});
    let (organization, opted_out) = (stage.tenant.organization, recipient(1));
    let now = stage.now().await;
    stage
        .run(&format!(
            "INSERT INTO suppression VALUES ({organization}, '{opted_out}', 'stop_word', '{}')",
            now.to_rfc3339()
        ))
        .await;
    let mut ids = stage.queued([1]).await;
    for (name, category) in [
        ("in_review", Category::Utility),
        ("resting", Category::Marketing),
        ("order_update", Category::Utility),
        ("not_there", Category::Utility),
    ] {
        ids.extend(stage.insert([2], category, Some(name), &template(name)).await);
    }
    ids.push(stage.queued_text(3).await);
    let late = stage.queued([4]).await[0];
    stage
        .run(&format!(
            "UPDATE message SET expires_at = clock_timestamp() WHERE id = '{late}'"
        ))
        .await;
    let newer = stage.queued([5]).await[0];
    stage
        .run(&format!("UPDATE message SET category = 99 WHERE id = '{newer}'"))
        .await;
    let broken = stage.queued([6]).await[0];
    stage
        .run(&format!(
            "UPDATE message SET recipient = '15550001111' WHERE id = '{broken}'"
        ))
        .await;
    ids.extend([late, newer, broken]);

    let sender = stage.sender();
    stage.ring(&ids, Lane::Rt).await;

    stage
        .until_states([
            ("60 opted_out", 1),
            ("60 template_not_approved", 1),
            ("10 template_paused", 1),
            ("60 template_parameter_mismatch", 1),
            ("60 template_not_found", 1),
            ("60 no_inbound_history", 1),
            ("61 expired", 1),
            ("10 unreadable", 1),
            ("60 quarantined", 1),
        ])
        .await;
    assert_eq!(stage.meta.report().posts, 0);
    sender.stop().await;
    assert_eq!(stage.depth(&stage.topology.queues.rt).await, 0);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_goes_while_the_window_is_open_and_not_after() {
    let stage = Stage::new(Choice::default()).await;
    let (number, now) = (stage.tenant.number, stage.now().await);
    for (person, written) in [(1, now), (2, now - TimeDelta::hours(25))] {
        stage
            .meta
            .inbound(&Inbound::text(&stage.tenant.phone_number_id, recipient(person), "hi"))
            .unwrap();
        let (person, at) = (recipient(person), written.to_rfc3339());
        stage
            .run(&format!(
                "INSERT INTO contact (number_id, recipient, last_inbound_at) VALUES ({number}, '{person}', '{at}')"
            ))
            .await;
    }
    let ids = [stage.queued_text(1).await, stage.queued_text(2).await];

    let sender = stage.sender();
    stage.ring(&ids, Lane::Rt).await;

    stage.until_states([("50", 1), ("60 window_expired", 1)]).await;
    assert_eq!(stage.meta.report().accepted_free_form, 1);
    sender.stop().await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_messaging_limit_messages_wait_with_a_reason_and_a_time() {
    let choice = Choice {
        tier: "TIER_250",
        ..Choice::default()
    };
    let stage = Stage::new(choice).await;
    stage.run("UPDATE limit_scope SET max_members = 3").await;
    let senders = [stage.sender(), stage.sender()];
    let ids = stage.queued(0..5).await;

    for id in &ids {
        stage.ring(&[*id], Lane::Bulk).await;
    }

    stage.until_states([("50", 3), ("10 tier_limit", 2)]).await;
    let waiting = stage
        .rows("SELECT wake_at > clock_timestamp() AS later FROM message WHERE state = 10")
        .await;
    assert!(waiting.iter().all(|row| row["later"] == json!(true)));
    assert_eq!(stage.meta.report().portfolios["1000000"].unique_recipients, 3);
    for sender in senders {
        sender.stop().await;
    }
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doubled_jobs_and_doubled_ids_are_posted_once() {
    let stage = Stage::new(Choice::default()).await;
    let ids = stage.queued(0..60).await;
    let doubled: Vec<_> = ids.iter().chain(&ids).copied().collect();
    for lane in [Lane::Bulk, Lane::Rt, Lane::Bulk] {
        stage.ring(&doubled, lane).await;
    }

    let senders = [stage.sender(), stage.sender()];

    stage.until_states([("50", 60)]).await;
    for sender in senders {
        sender.stop().await;
    }
    assert_eq!(
        stage.depth(&stage.topology.queues.rt).await,
        0,
        "every job was acknowledged"
    );
    let report = stage.meta.report();
    assert_eq!((report.posts, report.duplicates.message), (60, 0));
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_job_is_set_aside_with_the_reason_and_holds_nobody_up() {
    let stage = Stage::new(Choice::default()).await;
    let ids = stage.queued([1]).await;
    stage
        .publish(
            Lane::Rt,
            [
                b"not a job".to_vec(),
                br#"{"v":9,"number":1,"lane":"rt","ids":[]}"#.to_vec(),
            ],
        )
        .await;
    stage.ring(&ids, Lane::Rt).await;

    let sender = stage.sender();

    stage.until_states([("50", 1)]).await;
    let dead = stage.topology.queues.dead.clone();
    until(SOON, "two dead letters", async || {
        (stage.depth(&dead).await == 2).then_some(())
    })
    .await;
    sender.stop().await;
    assert_eq!(stage.depth(&stage.topology.queues.rt).await, 0);
    let connection = broker::Connection::open(stage.address(), "test").await.unwrap();
    let mut letters = connection.consume(&dead, 10).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let letter = letters.next().await.unwrap().unwrap();
        seen.push((
            letter.properties.headers["x-error"].contains("reading a job"),
            letter.body.clone(),
        ));
        letter.ack().await.unwrap();
    }
    assert!(seen.contains(&(true, b"not a job".to_vec())), "{seen:?}");
    connection.close().await.unwrap();
    stage.finish().await;
}
