//! What people write is kept, shown and answered, by whatever name they go: a number, a user id, a number that WhatsApp writes otherwise.

use std::time::Duration;

use serde_json::{Value, json};
use simulator::Inbound;
use testkit::stack::{Plan, Stack};

const SOON: Duration = Duration::from_secs(60);

/// The newest message of a person, once it is there.
async fn heard(stack: &Stack, query: &str) -> Value {
    testkit::until(SOON, "the message to be there", async || {
        let (status, answer) = stack.get(&format!("/api/v1/inbound?{query}")).await.ok()?;
        assert_eq!(status, 200, "{answer}");
        answer["data"].get(0).cloned()
    })
    .await
}

async fn say(stack: &Stack, to: &str) -> Value {
    let body = json!({"to": to, "text": {"body": "Hello"}});
    let (status, answer) = stack.post("/api/v1/messages/whatsapp", &body).await.unwrap();
    assert_eq!(status, 202, "{answer}\n{}", stack.logs());
    answer["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_heard_and_answered_by_every_name_they_go_by() {
    let _turn = testkit::shared();
    let plan = Plan {
        simulator: Some(json!({"rewrite_wa_id": true})),
        ..Plan::default()
    };
    let stack = Stack::start(plan, 1).await.unwrap();
    let number = stack.tenant.phone_number_id.clone();

    // A person with a number: shown, marked as read, told that somebody is typing.
    let wamid = stack
        .meta
        .inbound(&Inbound::text(&number, "+16660000001", "Is it open?"))
        .unwrap();
    let message = heard(&stack, "from=%2B16660000001").await;
    assert_eq!(
        (&message["wamid"], &message["text"], &message["from"]),
        (&json!(wamid), &json!("Is it open?"), &json!("+16660000001"))
    );
    let id = message["id"].as_str().unwrap();
    for (path, body) in [
        (id, json!({})),
        (id, json!({})),
        (wamid.as_ref(), json!({"typing": true})),
    ] {
        let (status, answer) = stack
            .post(&format!("/api/v1/messages/{path}/read"), &body)
            .await
            .unwrap();
        assert_eq!(status, 200, "{answer}");
    }
    let (_, one) = stack.get(&format!("/api/v1/inbound/{id}")).await.unwrap();
    assert!(one["data"]["read_at"].is_string(), "{one}");
    // The second mark was not sent: it would have said nothing new.
    assert_eq!(stack.meta.report().read_marks, 2);
    let (status, _) = stack
        .post("/api/v1/messages/wamid.nobodys/read", &json!({}))
        .await
        .unwrap();
    assert_eq!(status, 404);

    // A person who hides the number is answered by user id.
    let hidden = Inbound {
        hide_number: true,
        ..Inbound::text(&number, "+16660000002", "Guess who")
    };
    stack.meta.inbound(&hidden).unwrap();
    let message = testkit::until(SOON, "the second message", async || {
        let newest = heard(&stack, "limit=1").await;
        (newest["text"] == "Guess who").then_some(newest)
    })
    .await;
    assert!(message["from"].is_null(), "{message}");
    let user_id = message["user_id"].as_str().unwrap();
    assert_eq!(say(&stack, user_id).await["to"], json!(user_id));

    // A Brazilian number without the 9 is the same person as with it, once WhatsApp has said so.
    let (short, long) = ("+551187654321", "+5511987654321");
    let template =
        json!({"to": short, "type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}});
    let (status, answer) = stack.post("/api/v1/messages/whatsapp", &template).await.unwrap();
    assert_eq!(status, 202, "{answer}");
    testkit::until(SOON, "the other name to be known", async || {
        let rows = stack
            .database
            .store
            .raw("SELECT other FROM same_person WHERE recipient = '+551187654321'")
            .await
            .ok()?;
        (rows.first()?["other"] == long).then_some(())
    })
    .await;
    stack.meta.inbound(&Inbound::text(&number, long, "Oi")).unwrap();
    heard(&stack, "from=%2B5511987654321").await;
    say(&stack, short).await;
    // Before the stop, which holds for what still waits too.
    stack.until_accepted(3, SOON).await;

    // And STOP from one name stops all of them.
    stack.meta.inbound(&Inbound::text(&number, long, "STOP")).unwrap();
    testkit::until(SOON, "the stop to count", async || {
        let (_, answer) = stack.get("/api/v1/suppressions/%2B551187654321").await.ok()?;
        (answer["data"]["suppressed"] == true).then_some(())
    })
    .await;

    // The person takes a new number: the stop goes along. What Meta tells of accounts is shown to whoever looks after them.
    let moved = json!({"body": "changed", "type": "user_changed_number", "wa_id": "5511987650000"});
    let system = Inbound::new(&number, long, "system", moved);
    stack.meta.inbound(&system).unwrap();
    testkit::until(SOON, "the stop to go along", async || {
        let (_, answer) = stack.get("/api/v1/suppressions/%2B5511987650000").await.ok()?;
        (answer["data"]["suppressed"] == true).then_some(())
    })
    .await;
    stack.meta.tell("1000000", "security", json!({"event": "PIN_CHANGED"}));
    testkit::until(SOON, "the event to be shown", async || {
        let (_, answer) = stack.get("/api/v1/accounts/events").await.ok()?;
        let first = &answer["data"][0];
        (first["field"] == "security" && first["event"] == "PIN_CHANGED").then_some(())
    })
    .await;
    assert!(stack.meta.report().ok, "{:?}", stack.meta.report());
}
