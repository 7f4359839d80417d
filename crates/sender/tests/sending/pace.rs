//! Two senders share a number.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::Lane;
use domain::pace;
use testkit::seed::Choice;
use testkit::until;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_senders_on_one_number_stay_under_its_limit_and_keep_its_order() {
    let choice = Choice {
        throughput: 20,
        ..Choice::default()
    };
    let stage = Stage::new(choice).await;
    let ids = stage.queued(0..60).await;
    let senders = [stage.sender(), stage.sender()];

    stage.ring(&ids, Lane::Bulk).await;

    until(Duration::from_secs(30), "60 accepted messages", async || {
        // Rows that had to wait too long, or whose slot had passed on a busy machine, go on as a scheduler would let them.
        stage.release_due().await;
        (stage.states().await.get("50") == Some(&60)).then_some(())
    })
    .await;
    for sender in senders {
        sender.stop().await;
    }
    let report = stage.meta.report();
    let busiest = &report.numbers[&stage.tenant.phone_number_id].busiest_second;
    assert!(busiest.count <= 20, "{busiest:?}");
    assert_eq!((report.posts, report.duplicates.message), (60, 0));
    let slots = stage
        .rows("SELECT extract(epoch FROM max(slot) - min(slot))::float8 AS seconds FROM attempt")
        .await;
    let least = 59.0 / pace::slots_per_second(20);
    assert!(slots[0]["seconds"].as_f64().unwrap() >= least - 0.001, "{slots:?}");
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saturated_number_holds_no_other_up() {
    let choice = Choice {
        throughput: 1,
        ..Choice::default()
    };
    let stage = Stage::new(choice).await;
    stage
        .run("WITH number AS (
                 INSERT INTO sender_number (phone_number_id, phone, organization_id, waba_id, scope_id, throughput)
                 SELECT '2999999', '+15559999999', organization_id, waba_id, scope_id, 1000 FROM sender_number RETURNING id
             ) INSERT INTO number_gate (number_id, slots_per_second) SELECT id, 900 FROM number")
        .await;
    stage
        .meta
        .update_config(|config| {
            let mut number = simulator::Number::new("2999999", "+15559999999", "1000000");
            number.throughput = 1000;
            config.numbers.push(number);
        })
        .unwrap();
    let slow = stage.queued(0..30).await;
    let fast = stage.queued(30..60).await;
    for id in &fast {
        stage
            .run(&format!(
                "UPDATE message SET number_id = (SELECT id FROM sender_number WHERE phone_number_id = '2999999') WHERE id = '{id}'"
            ))
            .await;
    }
    let sender = stage.sender();

    stage.ring(&slow, Lane::Bulk).await;
    stage.ring(&fast, Lane::Bulk).await;

    until(crate::stage::SOON, "the fast number's messages, and the slow one's put off", async || {
        // A fast one whose slot had passed on a busy machine goes on as a scheduler would let it.
        stage
            .release("wake_at <= clock_timestamp() AND number_id = (SELECT id FROM sender_number WHERE throughput = 1000)")
            .await;
        let done = stage
            .rows("SELECT count(*) FILTER (WHERE n.throughput = 1000 AND m.state = 50) AS fast,
                          count(*) FILTER (WHERE n.throughput = 1 AND m.state = 10 AND m.reason = 'throughput' AND m.wake_at > clock_timestamp()) AS put_off
                   FROM message m JOIN sender_number n ON n.id = m.number_id")
            .await
            .remove(0);
        (done["fast"] == 30 && done["put_off"].as_i64() >= Some(20)).then_some(())
    })
    .await;
    let mut put_off = Vec::new();
    for id in &slow {
        let row = stage.row(*id).await;
        if row["reason"] == "throughput" {
            let wake_at: DateTime<Utc> = row["wake_at"].as_str().unwrap().parse().unwrap();
            put_off.push(wake_at);
        }
    }
    assert!(
        put_off.len() >= 20 && put_off.is_sorted(),
        "rows put off keep their order: {put_off:?}"
    );
    sender.stop().await;
    stage.finish().await;
}
