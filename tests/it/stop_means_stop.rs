//! Stop means stop: after pause or cancel has answered, no POST begins, whatever the senders had in hand.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::seed::{Choice, recipient};
use testkit::stack::{Plan, Stack};

const PATIENCE: Duration = Duration::from_secs(60);

async fn start() -> Stack {
    let tenant = Choice {
        throughput: 200,
        ..Choice::default()
    };
    let plan = Plan {
        tenant,
        simulator: Some(json!({"latency": {"min_ms": 20, "max_ms": 120}})),
        ..Plan::default()
    };
    Stack::start(plan, 2).await.unwrap()
}

/// One broadcast to 256 people from this one on; its id.
async fn broadcast(stack: &Stack, first: usize) -> String {
    let recipients: Vec<Value> = (first..first + 256).map(|n| json!({"to": recipient(n)})).collect();
    let body = json!({"recipients": recipients, "template_name": "hello", "template_language": "en_US"});
    let (status, answer) = stack.post("/api/v1/messages/whatsapp/broadcast", &body).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    answer["data"]["broadcast_id"].as_str().unwrap().to_owned()
}

async fn command(stack: &Stack, flow: &str, word: &str) -> Value {
    let path = format!("/api/v1/broadcasts/{flow}/{word}");
    let (status, answer) = stack.post(&path, &json!({})).await.unwrap();
    assert_eq!(status, 200, "{word}: {answer}");
    answer["data"].clone()
}

/// Who of these people Meta was asked to write to so far. Its ledger holds digits.
fn posted(stack: &Stack, first: usize) -> HashSet<String> {
    let people: HashSet<String> = (first..first + 256).map(recipient).collect();
    let ledger = stack.meta.ledger();
    ledger
        .iter()
        .filter_map(|post| Some(format!("+{}", post.recipient.as_deref()?)))
        .filter(|person| people.contains(person))
        .collect()
}

async fn until_posted(stack: &Stack, first: usize, count: usize) {
    testkit::until(PATIENCE, "a part of the broadcast at Meta", async || {
        (posted(stack, first).len() >= count).then_some(())
    })
    .await;
}

async fn until_nothing_is_under_way(stack: &Stack) {
    testkit::until(PATIENCE, "nothing under way", async || {
        let states = stack.states().await.unwrap();
        states.keys().all(|state| *state >= 50).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_post_of_a_canceled_broadcast_begins_after_the_answer() {
    let _turn = testkit::exclusive();
    let stack = start().await;

    let flows = [
        broadcast(&stack, 0).await,
        broadcast(&stack, 256).await,
        broadcast(&stack, 512).await,
    ];
    until_posted(&stack, 0, 40).await;
    let mut answers = Vec::new();
    for (place, flow) in flows.iter().enumerate().take(2) {
        let answer = command(&stack, flow, "cancel").await;
        answers.push((place * 256, answer, posted(&stack, place * 256)));
    }
    until_nothing_is_under_way(&stack).await;

    for (first, answer, at_answer) in answers {
        let in_the_end = posted(&stack, first);
        assert_eq!(
            in_the_end, at_answer,
            "a POST began after the cancel was answered: {answer}"
        );
        let count = |name: &str| answer[name].as_u64().unwrap() as usize;
        assert_eq!(count("handed_over") + count("canceled"), 256, "{answer}");
        assert!(count("canceled") > 0, "{answer}");
        assert!(
            in_the_end.len() <= count("handed_over"),
            "{answer}, {} posted",
            in_the_end.len()
        );
    }
    assert_eq!(
        posted(&stack, 512).len(),
        256,
        "the broadcast that was not canceled goes on"
    );
    let again = command(&stack, &flows[0], "cancel").await;
    assert_eq!(again["status"], "canceled", "again is harmless");
    let report = stack.meta.report();
    assert!(report.ok, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_broadcast_stands_still_and_a_resumed_one_is_sent_whole() {
    let _turn = testkit::exclusive();
    let stack = start().await;

    let flow = broadcast(&stack, 0).await;
    until_posted(&stack, 0, 40).await;
    command(&stack, &flow, "pause").await;
    let at_answer = posted(&stack, 0);

    // Another one takes the number's whole pace meanwhile, so there was time for mistakes.
    broadcast(&stack, 256).await;
    until_posted(&stack, 256, 256).await;
    assert_eq!(
        posted(&stack, 0),
        at_answer,
        "a POST began after the pause was answered"
    );
    assert!(at_answer.len() < 256);

    command(&stack, &flow, "resume").await;
    stack.until_accepted(512, PATIENCE).await;
    let report = stack.meta.report();
    assert_eq!(
        (report.accepted, report.posts, report.ok),
        (512, 512, true),
        "{report:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_number_stands_still_until_an_operator_resumes_it() {
    let _turn = testkit::exclusive();
    let stack = start().await;
    let path = |word: &str| format!("/api/v1/numbers/{}/{word}", stack.tenant.phone_number_id);

    broadcast(&stack, 0).await;
    until_posted(&stack, 0, 40).await;
    let (status, answer) = stack
        .post(&path("pause"), &json!({"reason": "stocktaking"}))
        .await
        .unwrap();
    assert_eq!(status, 200, "{answer}");
    let at_answer = posted(&stack, 0);
    broadcast(&stack, 256).await;
    let (_, limits) = stack.get("/api/v1/limits").await.unwrap();
    let pause = &limits["data"]["numbers"][0]["pause"];
    assert_eq!(pause["reason"], "operator: stocktaking", "{limits}");

    let (status, answer) = stack.post(&path("resume"), &json!({})).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    assert!(at_answer.len() < 256);
    stack.until_accepted(512, PATIENCE).await;
    assert!(stack.meta.report().ok);
}
