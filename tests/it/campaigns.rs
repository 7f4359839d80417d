//! A campaign through the whole pipeline: each recipient once, whoever is killed; nothing after a pause or a cancel; counts that add up.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::seed::{Choice, recipient};
use testkit::stack::{Plan, Stack};

const PATIENCE: Duration = Duration::from_secs(120);

async fn start(throughput: u32) -> Stack {
    let tenant = Choice {
        throughput,
        ..Choice::default()
    };
    let plan = Plan {
        tenant,
        simulator: Some(json!({"latency": {"min_ms": 5, "max_ms": 40}})),
        ..Plan::default()
    };
    Stack::start(plan, 2).await.unwrap()
}

/// A campaign to so many people, started; its id.
async fn campaign(stack: &Stack, people: usize) -> String {
    let made = ask(stack, "", &json!({"template_name": "hello"})).await;
    let id = made["campaign_id"].as_str().unwrap().to_owned();
    let recipients: Vec<Value> = (0..people).map(|n| json!({"to": recipient(n)})).collect();
    ask(stack, &format!("/{id}/recipients"), &json!({"recipients": recipients})).await;
    ask(stack, &format!("/{id}/start"), &json!({})).await;
    id
}

async fn ask(stack: &Stack, path: &str, body: &Value) -> Value {
    let (status, answer) = stack.post(&format!("/api/v1/campaigns{path}"), body).await.unwrap();
    assert!(status < 300, "{path}: {answer}");
    answer["data"].clone()
}

/// How often Meta was asked to write to each of them.
fn posted(stack: &Stack) -> HashMap<String, usize> {
    let mut posted = HashMap::new();
    for post in stack.meta.ledger() {
        let recipient = post.recipient.as_deref().unwrap_or_default().to_owned();
        *posted.entry(recipient).or_default() += 1;
    }
    posted
}

async fn until_posted(stack: &Stack, count: usize) {
    testkit::until(PATIENCE, "a part of the campaign at Meta", async || {
        (posted(stack).len() >= count).then_some(())
    })
    .await;
}

async fn until_status(stack: &Stack, id: &str, status: &str) -> Value {
    testkit::until(PATIENCE, &format!("a campaign that is {status}"), async || {
        let (_, answer) = stack.get(&format!("/api/v1/campaigns/{id}")).await.ok()?;
        (answer["data"]["status"] == status).then(|| answer["data"].clone())
    })
    .await
}

/// The public counts, which add up to the audience.
fn sum(campaign: &Value) -> u64 {
    let counts = campaign["progress"]["counts"].as_object().unwrap();
    counts.values().filter_map(Value::as_u64).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_recipient_is_written_to_once_while_schedulers_die_again_and_again() {
    let _turn = testkit::exclusive();
    let mut stack = start(150).await;
    stack.start_role("scheduler").await.unwrap();
    let id = campaign(&stack, 900).await;

    for killed in 1..=4 {
        until_posted(&stack, killed * 150).await;
        // The youngest process is a scheduler.
        let victim = stack.programs.pop().unwrap();
        tokio::task::spawn_blocking(move || victim.kill()).await.unwrap();
        let (_, answer) = stack.get(&format!("/api/v1/campaigns/{id}")).await.unwrap();
        assert_eq!(sum(&answer["data"]), 900, "{answer}");
        stack.start_role("scheduler").await.unwrap();
    }
    let done = until_status(&stack, &id, "done").await;

    assert_eq!(sum(&done), 900, "{done}");
    let posted = posted(&stack);
    assert_eq!(posted.len(), 900);
    assert!(
        posted.values().all(|times| *times == 1),
        "somebody was written to twice"
    );
    let report = stack.meta.report();
    assert!(report.ok, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_the_last_post_and_a_cancel_counts_exactly() {
    let _turn = testkit::exclusive();
    let stack = start(100).await;
    let id = campaign(&stack, 2_000).await;
    until_posted(&stack, 100).await;

    let asked = Instant::now();
    let paused = ask(&stack, &format!("/{id}/pause"), &json!({})).await;
    let (took, at_answer) = (asked.elapsed(), posted(&stack).len());
    // Something else goes on the same number meanwhile, so time has passed for the campaign too.
    let hello = json!({"to": recipient(5_000), "type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}});
    stack.post("/api/v1/messages/whatsapp", &hello).await.unwrap();
    until_posted(&stack, at_answer + 1).await;
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(
        posted(&stack).len(),
        at_answer + 1,
        "a POST began after the pause was answered: {paused}"
    );
    let count = |answer: &Value, name: &str| answer[name].as_u64().unwrap();
    assert_eq!(
        count(&paused, "handed_over") + count(&paused, "waiting"),
        2_000,
        "{paused}"
    );

    ask(&stack, &format!("/{id}/resume"), &json!({})).await;
    until_posted(&stack, at_answer + 100).await;
    let canceled = ask(&stack, &format!("/{id}/cancel"), &json!({})).await;
    let at_answer = posted(&stack).len();
    let hello = json!({"to": recipient(5_001), "type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}});
    stack.post("/api/v1/messages/whatsapp", &hello).await.unwrap();
    until_posted(&stack, at_answer + 1).await;

    assert_eq!(
        posted(&stack).len(),
        at_answer + 1,
        "a POST began after the cancel was answered: {canceled}"
    );
    assert_eq!(
        count(&canceled, "handed_over") + count(&canceled, "canceled"),
        2_000,
        "{canceled}"
    );
    // Handed over is also what was on its way to its slot, and the two that went beside it are none of it.
    assert!(
        posted(&stack).len() as u64 <= count(&canceled, "handed_over") + 2,
        "{canceled}"
    );
    let shown = until_status(&stack, &id, "canceled").await;
    assert_eq!(sum(&shown), 2_000, "{shown}");
    assert!(posted(&stack).values().all(|times| *times == 1));
}
