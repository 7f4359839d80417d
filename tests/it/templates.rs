//! Templates: what Meta does to them acts on waiting messages at once.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::seed::{Choice, recipient};
use testkit::stack::{Plan, Stack};

const PATIENCE: Duration = Duration::from_secs(90);

/// A pipeline whose number is slow enough that a broadcast can be interrupted.
async fn start() -> Stack {
    let plan = Plan {
        tenant: Choice {
            throughput: 40,
            ..Choice::default()
        },
        simulator: Some(
            json!({"templates": [{"name": "hello", "language": "en_US", "body": "Hello there."}], "review_ms": 10}),
        ),
        ..Plan::default()
    };
    Stack::start(plan, 2).await.unwrap()
}

async fn broadcast(stack: &Stack) {
    let recipients: Vec<Value> = (0..256).map(|n| json!({"to": recipient(n)})).collect();
    let body = json!({"recipients": recipients, "template_name": "hello", "template_language": "en_US"});
    let (status, answer) = stack.post("/api/v1/messages/whatsapp/broadcast", &body).await.unwrap();
    assert_eq!(status, 200, "{answer}");
}

async fn count(stack: &Stack, condition: &str) -> i64 {
    let sql = format!("SELECT count(*) AS n FROM message WHERE {condition}");
    stack.database.store.raw(&sql).await.unwrap()[0]["n"].as_i64().unwrap()
}

async fn until_template_is(stack: &Stack, status: &str) {
    testkit::until(PATIENCE, &format!("the template to be {status}"), async || {
        let sql = "SELECT status FROM template WHERE name = 'hello'";
        let rows = stack.database.store.raw(sql).await.ok()?;
        (rows[0]["status"] == status).then_some(())
    })
    .await;
}

/// Until nothing is under way: each row has ended, or is put aside for its template, by us or (`refused`) by Meta, who had it first.
async fn until_all_wait(stack: &Stack, refused: bool) {
    let aside = match refused {
        true => "(reason = 'template_paused' OR reason LIKE 'meta_1320%')",
        false => "reason = 'template_paused'",
    };
    testkit::until(PATIENCE, "nothing to be under way", async || {
        let under_way = format!("state < 50 AND (state = 10 AND wake_at > turnpike_now() AND {aside}) IS NOT TRUE");
        (count(stack, &under_way).await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_paused_in_the_middle_of_a_broadcast_sends_nothing_until_it_is_back() {
    let _turn = testkit::shared();
    let stack = start().await;
    broadcast(&stack).await;
    stack
        .meta
        .wait_for(PATIENCE, |report| report.accepted >= 40)
        .await
        .unwrap();

    // Meta goes on taking what comes for a while: whether something comes is what this is about.
    stack.meta.tell(
        "1000000",
        "message_template_status_update",
        json!({"event": "PAUSED", "message_template_id": 7,
        "message_template_name": "hello", "message_template_language": "en-US", "reason": "NONE",
        "other_info": {"title": "FIRST_PAUSE"}}),
    );
    until_template_is(&stack, "PAUSED").await;
    // A POST is under way once its row is claimed: it has a slot, at most a second ahead. Those may still go, and no others are claimed
    // but what both senders looked at in that very moment.
    let claimed = count(&stack, "attempt > 0").await;
    until_all_wait(&stack, false).await;
    let posted = stack.meta.report().posts;
    let sent = i64::try_from(posted).unwrap();
    println!("{claimed} were claimed when it was paused, {sent} went");
    assert!(
        sent <= claimed + 40,
        "{claimed} were claimed when it was paused, {sent} went"
    );
    assert!(sent < 256, "the broadcast was interrupted");
    // Now and then some are looked at again, of themselves.
    assert_eq!(count(&stack, "state < 50").await, 256 - sent, "the rest waits");

    // All of them are woken, so that scheduler and senders look at each again: not one more POST.
    let woken = "UPDATE message SET wake_at = turnpike_now() WHERE state = 10";
    stack.database.store.raw(woken).await.unwrap();
    until_all_wait(&stack, false).await;
    assert_eq!(stack.meta.report().posts, posted, "not one more POST");

    stack.meta.template_event("hello", "en_US", "REINSTATED").unwrap();
    stack.until_accepted(256, PATIENCE).await;
    let report = stack.meta.report();
    assert_eq!(
        (report.accepted, report.refused_total()),
        (256, 0),
        "all arrived, none was refused"
    );
    assert!(report.duplicates == Default::default(), "{:?}", report.duplicates);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_template_fails_what_waits_with_the_reason() {
    let _turn = testkit::shared();
    let stack = start().await;
    broadcast(&stack).await;
    stack
        .meta
        .wait_for(PATIENCE, |report| report.accepted >= 10)
        .await
        .unwrap();
    stack.meta.template_event("hello", "en_US", "PAUSED").unwrap();
    until_template_is(&stack, "PAUSED").await;
    until_all_wait(&stack, true).await;

    stack.meta.template_event("hello", "en_US", "DISABLED").unwrap();

    testkit::until(PATIENCE, "every message to have ended", async || {
        (count(&stack, "state < 50").await == 0).then_some(())
    })
    .await;
    let failed = count(
        &stack,
        "state = 60 AND reason IN ('template_not_approved', 'meta_132016')",
    )
    .await;
    let accepted = i64::try_from(stack.meta.report().accepted).unwrap();
    assert_eq!(failed + accepted, 256);
    assert!(failed > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_learned_from_meta_created_reviewed_and_deleted() {
    let _turn = testkit::shared();
    let stack = start().await;
    let listed = async |query: &str| {
        let (status, answer) = stack.get(&format!("/api/v1/templates?{query}")).await.unwrap();
        assert_eq!(status, 200, "{answer}");
        answer["data"].clone()
    };

    // One that was made elsewhere is learned, when somebody asks.
    stack
        .meta
        .patch_config(
            &json!({"templates": [{"name": "hello", "language": "en_US", "body": "Hello there."},
            {"name": "elsewhere", "language": "de", "category": "MARKETING", "body": "Hallo {{1}}"}]}),
        )
        .unwrap();
    let (status, answer) = stack.post("/api/v1/templates/sync", &json!({})).await.unwrap();
    assert_eq!(status, 202, "{answer}");
    testkit::until(PATIENCE, "the template to be learned", async || {
        let found = listed("name=elsewhere").await;
        (found[0]["status"] == "APPROVED" && found[0]["category"] == "MARKETING").then_some(())
    })
    .await;

    // One that is handed in is reviewed; the webhook opens it.
    let body = json!({"name": "fresh", "language": "en_US", "category": "UTILITY", "components": [{"type": "BODY", "text": "Hi {{1}}"}]});
    let (status, created) = stack.post("/api/v1/templates", &body).await.unwrap();
    assert_eq!(
        (status, &created["data"]["status"]),
        (201, &json!("PENDING")),
        "{created}"
    );
    testkit::until(PATIENCE, "the review", async || {
        (listed("name=fresh").await[0]["status"] == "APPROVED").then_some(())
    })
    .await;
    let message = json!({"to": recipient(1), "type": "template", "template": {"name": "fresh", "language": {"code": "en_US"},
        "components": [{"type": "body", "parameters": [{"type": "text", "text": "Ana"}]}]}});
    let (status, answer) = stack.post("/api/v1/messages/whatsapp", &message).await.unwrap();
    assert_eq!(status, 202, "{answer}");
    stack.until_accepted(1, PATIENCE).await;

    let (status, refused) = stack.post("/api/v1/templates", &body).await.unwrap();
    assert_eq!(
        (status, &refused["error"]["code"]),
        (422, &json!("META_REFUSED")),
        "the same again: {refused}"
    );

    let (_, events) = stack.get("/api/v1/accounts/events").await.unwrap();
    let words: Vec<&str> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    assert!(words.contains(&"APPROVED"), "{events}");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_compared_and_registered_and_closed_accounts_are_shown() {
    let _turn = testkit::shared();
    let stack = start().await;
    let id = stack.tenant.phone_number_id.clone();
    let first = testkit::until(PATIENCE, "the first comparison", async || {
        let (_, answer) = stack.get("/api/v1/numbers").await.ok()?;
        answer["data"][0]["synced_at"].as_str()?;
        Some(answer["data"][0].clone())
    })
    .await;
    assert_eq!(
        (&first["quality"], &first["status"]),
        (&json!("GREEN"), &json!("CONNECTED")),
        "{first}"
    );
    assert_eq!(
        first["throughput"], 40,
        "what was declared counts until Meta's own word changes"
    );

    for (action, body) in [
        ("request-code", json!({"method": "SMS"})),
        ("verify-code", json!({"code": "123456"})),
        ("register", json!({"pin": "123456"})),
        ("pin", json!({"pin": "654321"})),
    ] {
        let (status, answer) = stack
            .post(&format!("/api/v1/numbers/{id}/{action}"), &body)
            .await
            .unwrap();
        assert_eq!(status, 200, "{action}: {answer}");
    }
    let (status, answer) = stack
        .post(&format!("/api/v1/numbers/{id}/register"), &json!({"pin": "12"}))
        .await
        .unwrap();
    assert_eq!(
        (status, &answer["error"]["details"]["field"]),
        (422, &json!("pin")),
        "{answer}"
    );

    let restricted = async |closed: bool| {
        testkit::until(PATIENCE, "the account's gate", async || {
            let (_, answer) = stack.get("/api/v1/accounts").await.ok()?;
            (answer["data"][0]["restricted"] == closed).then_some(())
        })
        .await;
    };
    stack.meta.tell(
        "1000000",
        "account_update",
        json!({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}),
    );
    restricted(true).await;
    stack.meta.tell(
        "1000000",
        "account_update",
        json!({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}}),
    );
    restricted(false).await;
    let (_, events) = stack.get("/api/v1/accounts/events").await.unwrap();
    assert_eq!(events["data"][0]["field"], "account_update", "{events}");
}
