//! `Prefer: wait`: the answer comes when every message has left the pipeline, or when the time is over.

use std::time::Instant;

use serde_json::json;
use testkit::until;

use crate::rig::{BROADCAST, MESSAGES, Rig, SOON, hello, hello_all, person};

#[tokio::test]
async fn an_answer_waits_until_every_message_has_left_the_pipeline() {
    let rig = Rig::start().await;
    let broadcast = rig
        .request("POST", BROADCAST)
        .header("prefer", "wait=30")
        .json(&hello_all(0, 3));
    let moved = async {
        until(SOON, "the rows of the broadcast", async || {
            (rig.count("message").await == 3).then_some(())
        })
        .await;
        rig.sql("UPDATE message SET state = 50, wake_at = NULL WHERE seq < 3")
            .await;
        rig.sql("UPDATE message SET state = 60, wake_at = NULL, reason = 'meta_131026' WHERE seq = 3")
            .await;
    };

    let (answer, ()) = tokio::join!(broadcast.send(), moved);

    assert_eq!(answer.headers["preference-applied"], "wait=30");
    let data = answer.data(207);
    assert_eq!(
        data["summary"],
        json!({"total": 3, "accepted": 2, "scheduled": 0, "failed": 1})
    );
    assert_eq!(
        (&data["results"][0]["status"], &data["results"][2]["reason"]),
        (&json!("accepted"), &json!("meta_131026"))
    );
    rig.finish().await;
}

#[tokio::test]
async fn a_wait_ends_when_its_time_is_over() {
    let rig = Rig::start().await;
    let started = Instant::now();

    let data = rig
        .request("POST", MESSAGES)
        .header("prefer", "wait=1")
        .json(&hello(&person(1)))
        .send()
        .await
        .data(202);

    assert_eq!(data["status"], "pending");
    assert!(started.elapsed().as_millis() >= 1000);
    rig.finish().await;
}
