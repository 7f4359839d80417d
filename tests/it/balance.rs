//! Money: what the prepaid balance does not cover is not sent, and the books say what was.

use std::time::Duration;

use domain::declaration::Declaration;
use serde_json::{Value, json};
use testkit::seed;
use testkit::stack::{Plan, Stack};

const PATIENCE: Duration = Duration::from_secs(30);
const BROADCAST: &str = "/api/v1/messages/whatsapp/broadcast";

/// A utility message to +1 costs 0.025, and there is money for three.
async fn pays_for_three(stack: &Stack) {
    let mut declared = seed::declaration(&Plan::default().tenant);
    let organization = &mut declared["organization"][0];
    (organization["currency"], organization["balance"]) = (json!("USD"), json!("0.08"));
    organization["rate"] = json!([{"prefix": "+1", "category": "UTILITY", "price": "0.025"}]);
    let declared: Declaration = serde_json::from_value(declared).unwrap();
    stack.database.store.apply(&declared, &|_| None).await.unwrap();
}

fn to_five() -> Value {
    let recipients: Vec<Value> = (0..5).map(|n| json!({"to": seed::recipient(n)})).collect();
    json!({"recipients": recipients, "template_name": "hello", "template_language": "en_US"})
}

#[tokio::test(flavor = "multi_thread")]
async fn money_for_three_of_five_sends_three_and_the_books_say_so() {
    let _turn = testkit::shared();
    let stack = Stack::start(Plan::default(), 2).await.unwrap();
    pays_for_three(&stack).await;

    let (status, answer) = stack.post(BROADCAST, &to_five()).await.unwrap();
    assert_eq!(
        (status, &answer["error"]["code"]),
        (402, &json!("INSUFFICIENT_BALANCE")),
        "{answer}"
    );
    assert_eq!(answer["error"]["details"]["required"], "0.125", "{answer}");
    // For later, nobody is asked for money now.
    let soon = stack
        .database
        .store
        .raw("SELECT clock_timestamp() + interval '2 s' AS at")
        .await
        .unwrap();
    let mut later = to_five();
    later["scheduled_at"] = soon[0]["at"].clone();
    let (status, answer) = stack.post(BROADCAST, &later).await.unwrap();
    assert_eq!(status, 200, "{answer}");

    let balance = testkit::until(PATIENCE, "three spent", async || {
        let (_, answer) = stack.get("/api/v1/balance").await.ok()?;
        (answer["data"]["spent"] == "0.075").then(|| answer["data"].clone())
    })
    .await;
    assert_eq!(
        balance,
        json!({"currency": "USD", "available": "0.005", "reserved": "0.00", "spent": "0.075", "topped_up": "0.08"})
    );
    testkit::until(PATIENCE, "two failed", async || {
        let states = stack.states().await.ok()?;
        (states.get(&50) == Some(&3) && states.get(&60) == Some(&2)).then_some(())
    })
    .await;
    let (_, failed) = stack.get("/api/v1/messages?status=failed").await.unwrap();
    let failed = failed["data"].as_array().unwrap();
    assert!(
        failed
            .iter()
            .all(|message| message["reason"]["code"] == "insufficient_balance"),
        "{failed:?}"
    );
    let report = stack.meta.wait_for_webhooks(PATIENCE).await.unwrap();
    assert_eq!((report.accepted, report.posts, report.ok), (3, 3, true), "{report:?}");
}
