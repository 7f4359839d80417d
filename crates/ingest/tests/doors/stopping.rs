//! Pausing, resuming and canceling broadcasts, and pausing sender numbers.

use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::rig::{BROADCAST, MESSAGES, Rig, hello, hello_all, person};

async fn sent(rig: &Rig) -> String {
    let data = rig.post(BROADCAST, &hello_all(0, 4)).await.data(200);
    data["broadcast_id"].as_str().unwrap().to_owned()
}

async fn command(rig: &Rig, flow: &str, word: &str) -> Answer {
    rig.post(&format!("/api/v1/broadcasts/{flow}/{word}"), &json!({})).await
}

async fn number(rig: &Rig, word: &str, body: &Value) -> Answer {
    let path = format!("/api/v1/numbers/{}/{word}", rig.tenant.phone_number_id);
    rig.post(&path, body).await
}

#[tokio::test]
async fn cancel_calls_back_what_is_not_handed_over_and_counts_the_rest() {
    let rig = Rig::start().await;
    let flow = sent(&rig).await;
    rig.sql(
        "UPDATE message SET state = 30, attempt = 1, wake_at = now() + interval '89 s' WHERE seq = 1;
         UPDATE message SET state = 60, attempt = 0, wake_at = NULL, reason = 'opted_out' WHERE seq = 2;
         UPDATE message SET state = 10, wake_at = NULL WHERE seq = 4;
         UPDATE flow SET released_seq = 3",
    )
    .await;

    let counts = json!({"broadcast_id": flow, "status": "canceled", "handed_over": 1, "canceled": 2, "refused": 1, "waiting": 0});
    assert_eq!(command(&rig, &flow, "cancel").await.data(200), counts);
    assert_eq!(command(&rig, &flow, "cancel").await.data(200), counts);

    let refused = command(&rig, &flow, "resume").await.error(409, "FLOW_CANCELED");
    assert_eq!(refused["details"]["status"], "canceled");
    command(&rig, &flow, "pause").await.error(409, "FLOW_CANCELED");
    let told = rig.get(&format!("/api/v1/broadcasts/{flow}")).await.data(200);
    assert_eq!(told["status"], "canceled");
    rig.finish().await;
}

#[tokio::test]
async fn resume_wakes_the_rows_that_the_pause_put_aside() {
    let rig = Rig::start().await;
    let flow = sent(&rig).await;
    assert_eq!(command(&rig, &flow, "pause").await.data(200)["status"], "paused");
    assert_eq!(command(&rig, &flow, "pause").await.data(200)["status"], "paused");
    rig.sql("UPDATE message SET state = 10, reason = 'flow_paused', wake_at = expires_at WHERE seq <= 2")
        .await;

    assert_eq!(command(&rig, &flow, "resume").await.data(200)["status"], "running");

    let due = rig
        .sql("SELECT id FROM message WHERE state = 10 AND wake_at <= now()")
        .await;
    assert_eq!(due.len(), 2);
    rig.finish().await;
}

#[tokio::test]
async fn a_number_is_paused_for_a_time_or_for_good_and_resumed() {
    let rig = Rig::start().await;
    let paused = number(
        &rig,
        "pause",
        &json!({"until": "2099-01-01T00:00:00Z", "reason": "stocktaking"}),
    )
    .await;
    assert_eq!(paused.data(200)["reason"], "operator: stocktaking");
    rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    let waiting = rig
        .sql("SELECT reason FROM message WHERE state = 10 AND wake_at > now()")
        .await;
    assert_eq!(waiting[0]["reason"], "sender_paused");

    // An operator's own pause is replaced, also by a shorter one.
    number(&rig, "pause", &json!({})).await.data(200);
    let pause = rig.get("/api/v1/limits").await.data(200)["numbers"][0]["pause"].clone();
    assert_eq!(
        pause,
        json!({"code": "sender_paused", "reason": "operator", "until": null})
    );

    assert_eq!(number(&rig, "resume", &json!({})).await.data(200)["woken"], 1);
    assert_eq!(
        rig.get("/api/v1/limits").await.data(200)["numbers"][0]["pause"],
        json!(null)
    );
    rig.finish().await;
}

#[tokio::test]
async fn a_hold_of_metas_is_not_shortened() {
    let rig = Rig::start().await;
    rig.sql("UPDATE number_gate SET paused_until = '2099-01-01', pause_reason = 'meta_131057'")
        .await;

    for _ in 0..2 {
        number(&rig, "pause", &json!({"until": "2098-01-01T00:00:00Z"}))
            .await
            .data(200);
    }

    let pause = rig.get("/api/v1/limits").await.data(200)["numbers"][0]["pause"].clone();
    assert_eq!(pause["until"], "2099-01-01T00:00:00.000Z");
    assert_eq!(pause["reason"], "meta_131057");
    rig.finish().await;
}

#[tokio::test]
async fn mistakes_are_named_and_neighbours_kept_out() {
    let rig = Rig::start().await;
    let flow = sent(&rig).await;
    let neighbour = rig.neighbour().await;
    for (body, field) in [
        (json!({"until": "soon"}), "until"),
        (json!({"until": "2001-01-01T00:00:00Z"}), "until"),
        (json!({"reason": 5}), "reason"),
        (json!({"untill": "2099-01-01T00:00:00Z"}), "untill"),
    ] {
        let error = number(&rig, "pause", &body).await.error(422, "VALIDATION_ERROR");
        assert_eq!(error["details"]["field"], field);
    }
    for path in [
        format!("/api/v1/broadcasts/{flow}/cancel"),
        format!("/api/v1/broadcasts/{flow}/pause"),
        format!("/api/v1/broadcasts/{flow}/resume"),
        format!("/api/v1/numbers/{}/pause", rig.tenant.phone_number_id),
        format!("/api/v1/numbers/{}/resume", rig.tenant.phone_number_id),
    ] {
        let theirs = Request::new(rig.addr, "POST", &path).header("x-api-key", &neighbour.api_key);
        theirs.send().await.error(404, "NOT_FOUND");
    }
    rig.finish().await;
}

#[tokio::test]
async fn resume_reopens_the_account_that_a_refusal_of_metas_closed() {
    let rig = Rig::start().await;
    let sent = rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    rig.sql("UPDATE waba SET restricted = true").await;
    rig.sql("UPDATE message SET state = 10, reason = 'account_restricted', wake_at = now() + interval '5 min'")
        .await;
    let restricted = async || rig.sql("SELECT restricted FROM waba").await[0]["restricted"].clone();
    assert_eq!(restricted().await, true);

    assert_eq!(number(&rig, "resume", &json!({})).await.data(200)["woken"], 1, "{sent}");

    assert_eq!(restricted().await, false);
    rig.finish().await;
}
