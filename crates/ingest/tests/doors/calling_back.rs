//! Cancel: definite, idempotent, and too late when it is.

use serde_json::{Value, json};

use crate::client::Request;
use crate::rig::{MESSAGES, Rig, hello, person};

async fn sent(rig: &Rig) -> String {
    rig.post(MESSAGES, &hello(&person(1))).await.data(202)["message_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_waiting_message_is_called_back_once_and_for_all() {
    let rig = Rig::start().await;
    let id = sent(&rig).await;
    let path = format!("/api/v1/messages/{id}/cancel");

    for _ in 0..2 {
        let data = rig.request("POST", &path).send().await.data(200);
        assert_eq!(data["canceled"], true);
    }

    let message = rig.get(&format!("/api/v1/messages/{id}")).await.data(200);
    assert_eq!(
        (&message["status"], &message["reason"]["code"]),
        (&json!("canceled"), &json!("canceled"))
    );
    assert_eq!(rig.count("message WHERE state = 62 AND wake_at IS NULL").await, 1);
    rig.finish().await;
}

#[tokio::test]
async fn a_message_that_was_handed_over_is_not_called_back_and_says_since_when() {
    let rig = Rig::start().await;
    let id = sent(&rig).await;
    let path = format!("/api/v1/messages/{id}/cancel");
    rig.sql("UPDATE message SET state = 30, attempt = 1, claimed_at = now(), wake_at = now() + interval '90 s'")
        .await;

    let sending = rig.request("POST", &path).send().await.error(409, "NOT_CANCELABLE");
    rig.sql("UPDATE message SET state = 50, delivery = 3, wake_at = NULL")
        .await;
    let delivered = rig.request("POST", &path).send().await.error(409, "NOT_CANCELABLE");
    rig.sql("UPDATE message SET state = 61, claimed_at = NULL").await;
    let expired = rig.request("POST", &path).send().await.error(409, "NOT_CANCELABLE");

    assert_eq!(sending["details"]["status"], "sending");
    assert!(sending["details"]["handed_over_at"].is_string());
    assert_eq!(delivered["details"]["status"], "delivered");
    assert_eq!(
        (&expired["details"]["status"], &expired["details"]["handed_over_at"]),
        (&json!("expired"), &Value::Null)
    );
    rig.finish().await;
}

#[tokio::test]
async fn nobody_else_s_message_is_called_back() {
    let rig = Rig::start().await;
    let other = rig.neighbour().await;
    let id = sent(&rig).await;

    let theirs =
        Request::new(rig.addr, "POST", &format!("/api/v1/messages/{id}/cancel")).header("x-api-key", &other.api_key);
    theirs.send().await.error(404, "NOT_FOUND");

    assert_eq!(rig.count("message WHERE state = 20").await, 1);
    rig.finish().await;
}
