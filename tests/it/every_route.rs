//! A message by every way in: HTTP, AMQP, as a reply, as a broadcast, at a later time.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use simulator::Inbound;
use testkit::seed;
use testkit::stack::{Plan, Stack};

const PATIENCE: Duration = Duration::from_secs(30);

fn hello(n: usize) -> Value {
    json!({"to": seed::recipient(n), "type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}})
}

/// Polls a message until it has this public status.
async fn until_status(stack: &Stack, id: &str, status: &str) -> Value {
    testkit::until(PATIENCE, &format!("status {status}"), async || {
        let (_, answer) = stack.get(&format!("/api/v1/messages/{id}")).await.ok()?;
        (answer["data"]["status"] == status).then(|| answer["data"].clone())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_http_is_sent_delivered_and_read() {
    let _turn = testkit::shared();
    let stack = Stack::start(Plan::default(), 1).await.unwrap();

    let (status, answer) = stack.post("/api/v1/messages/whatsapp", &hello(1)).await.unwrap();

    assert_eq!(status, 202, "{answer}");
    let message = until_status(&stack, answer["data"]["message_id"].as_str().unwrap(), "read").await;
    assert!(message["wamid"].as_str().unwrap().starts_with("wamid."), "{message}");
    assert_eq!(message["attempts"].as_array().unwrap().len(), 1, "{message}");
    let report = stack.meta.report();
    assert_eq!((report.accepted, report.ok), (1, true), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_reaches_256_people_once_each() {
    let _turn = testkit::shared();
    let stack = Stack::start(Plan::default(), 2).await.unwrap();

    stack.broadcast(0, 256).await.unwrap();

    stack.until_accepted(256, PATIENCE).await;
    let report = stack.meta.wait_for_webhooks(PATIENCE).await.unwrap();
    assert_eq!((report.accepted, report.ok), (256, true), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_goes_only_after_the_person_wrote() {
    let _turn = testkit::shared();
    let stack = Stack::start(Plan::default(), 1).await.unwrap();
    let reply = json!({"to": seed::recipient(5), "type": "text", "text": {"body": "Thank you!"}});

    let (refused, answer) = stack.post("/api/v1/messages/whatsapp", &reply).await.unwrap();
    assert_eq!(refused, 422, "{answer}");
    assert_eq!(answer["error"]["details"]["reason"], "no_inbound_history", "{answer}");

    let inbound = Inbound::text(&stack.tenant.phone_number_id, seed::recipient(5), "Hello?");
    stack.meta.inbound(&inbound).unwrap();
    let path = format!(
        "/api/v1/messages/whatsapp/window-status?to={}",
        seed::recipient(5).replace('+', "%2B")
    );
    testkit::until(PATIENCE, "the open window", async || {
        let (_, answer) = stack.get(&path).await.ok()?;
        (answer["data"]["reason"] == "within_window").then_some(())
    })
    .await;
    let (taken, answer) = stack.post("/api/v1/messages/whatsapp", &reply).await.unwrap();

    assert_eq!(taken, 202, "{answer}");
    until_status(&stack, answer["data"]["message_id"].as_str().unwrap(), "delivered").await;
    let report = stack.meta.report();
    assert_eq!((report.accepted_free_form, report.ok), (1, true), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_messages_due_at_once_leave_on_time_and_none_early() {
    let _turn = testkit::exclusive();
    let mut stack = Stack::start(Plan::default(), 1).await.unwrap();
    stack.start_role("scheduler").await.unwrap();
    let due = now() + TimeDelta::seconds(6);

    for first in (0..1000).step_by(250) {
        let recipients: Vec<_> = (first..first + 250)
            .map(|n| json!({"to": seed::recipient(n)}))
            .collect();
        let body = json!({"recipients": recipients, "template_name": "hello", "template_language": "en_US", "scheduled_at": due});
        let (status, answer) = stack.post("/api/v1/messages/whatsapp/broadcast", &body).await.unwrap();
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["data"]["summary"]["scheduled"], 250, "{answer}");
    }
    assert!(now() < due, "the machine took too long to hand in a thousand rows");

    stack.until_accepted(1000, PATIENCE).await;
    let ledger = stack.meta.ledger();
    assert_eq!(ledger.len(), 1000);
    let early = ledger
        .iter()
        .filter(|post| post.wall_ms < due.timestamp_millis())
        .count();
    assert_eq!(early, 0, "posts before their time");
    assert!(stack.meta.report().ok);
}

fn now() -> DateTime<Utc> {
    DateTime::from(std::time::SystemTime::UNIX_EPOCH + test_clock())
}

/// The wall clock: `scheduled_at` is an absolute time, and the ledger's is too.
#[expect(clippy::disallowed_methods, reason = "the edge of the test")]
fn test_clock() -> Duration {
    std::time::SystemTime::now()
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .expect("after 1970")
}
