//! Ten thousand malformed and hostile requests against every operation of the OpenAPI document, and two thousand bodies against the AMQP
//! intake: each gets an answer that the document has, none breaks anything.
//!
//! They are made from the document, so a new route is attacked from its first day. `SEED=n` attacks otherwise; a failure names the seed.

mod bodies;
mod calls;
mod damage;

use std::sync::Arc;

use futures_util::StreamExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use testkit::Conformance;
use testkit::stack::{Plan, Stack};

use self::calls::{Call, Known};
use crate::pipeline::SOON;
use crate::postbox::Postbox;

const OVER_HTTP: usize = 10_000;
const OVER_AMQP: usize = 2_000;
const AT_ONCE: usize = 16;
/// As many complaints as help.
const MOST_TOLD: usize = 20;

fn seed() -> u64 {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20_261_124);
    eprintln!("hostile requests from SEED={seed}");
    seed
}

/// An ingest alone: what is taken waits, and whoever reads it later is not asked here.
async fn stack() -> (Stack, Conformance) {
    let mut stack = Stack::prepare(Plan::default()).await.unwrap();
    stack.start_role("ingest").await.unwrap();
    let (_, document) = stack.get("/openapi.json").await.unwrap();
    (stack, Conformance::new(document))
}

/// It still answers, and nothing in it fell over.
async fn is_well(stack: &Stack) {
    let (status, _) = stack.get("/api/v1/limits").await.unwrap();
    assert_eq!(status, 200, "the API after the attack");
    let fallen: Vec<String> = stack
        .programs
        .iter()
        .flat_map(testkit::program::Program::lines)
        .filter(|line| line.contains("panicked"))
        .collect();
    assert!(fallen.is_empty(), "{fallen:?}");
}

fn none(seed: u64, complaints: &[String]) {
    let told = complaints
        .iter()
        .take(MOST_TOLD)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    assert!(
        complaints.is_empty(),
        "SEED={seed}: {} complaints, among them\n{told}",
        complaints.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_hostile_requests_are_each_answered_as_the_document_says() {
    let _turn = testkit::exclusive();
    let (stack, conformance) = stack().await;
    let seed = seed();
    let known = Known::learn(&stack).await;
    let client = calls::client();
    // Bodies are where most can go wrong.
    let operations: Vec<_> = conformance
        .operations()
        .into_iter()
        .flat_map(|operation| {
            std::iter::repeat_n(operation, if operation.about["requestBody"].is_null() { 1 } else { 3 })
        })
        .collect();
    let answered = futures_util::stream::iter(0..OVER_HTTP)
        .map(|n| {
            let mut random = StdRng::seed_from_u64(seed.wrapping_add(n as u64));
            let call = Call::make(&conformance, operations[n % operations.len()], &known, &mut random);
            let (client, api, conformance) = (&client, &stack.api, &conformance);
            async move {
                call.judge(client, api, conformance)
                    .await
                    .err()
                    .map(|wrong| format!("request {n}: {wrong}"))
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;

    none(seed, &answered.into_iter().flatten().collect::<Vec<_>>());
    is_well(&stack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_hostile_bodies_over_amqp_are_each_answered_and_what_is_unusable_is_set_aside() {
    let _turn = testkit::shared();
    let (stack, conformance) = stack().await;
    let seed = seed();
    let postbox = Arc::new(Postbox::open(&stack).await);
    let kinds = [
        (broker::key::MESSAGE, "/api/v1/messages/whatsapp"),
        (broker::key::BROADCAST, "/api/v1/messages/whatsapp/broadcast"),
    ];
    let answered = futures_util::stream::iter(0..OVER_AMQP)
        .map(|n| {
            let mut random = StdRng::seed_from_u64(seed.wrapping_add(n as u64));
            let (routing_key, path) = *kinds.choose(&mut random).unwrap();
            let operation = conformance.operation("POST", path).unwrap();
            let (body, _) = bodies::hostile(&conformance, operation, &mut random);
            let (postbox, tenant) = (Arc::clone(&postbox), &stack.tenant);
            async move {
                let (status, answer) = postbox.ask_bytes(tenant, routing_key, body.clone()).await;
                (n, path, body, status, answer)
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;

    let mut complaints = Vec::new();
    let mut unusable = 0;
    for (n, path, body, status, answer) in answered {
        let shown = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
        let mut complain = |wrong: &str| {
            complaints.push(format!(
                "body {n}: {wrong}: {shown} was answered with {status} {answer}"
            ))
        };
        if let Err(wrong) = conformance.check("POST", path, status, &answer) {
            complain(&wrong);
        }
        if status >= 500 {
            complain("a failure of ours");
        }
        if status >= 400 {
            if let Some(missing) = calls::says_too_little(status, &answer) {
                complain(missing);
            }
            // What left a row is done with; anything else is with the rejected ones.
            unusable += usize::from(answer["error"]["details"]["message_id"].is_null());
        }
    }
    none(seed, &complaints);
    assert!(
        unusable > OVER_AMQP / 4 && unusable < OVER_AMQP,
        "{unusable} of {OVER_AMQP} were unusable"
    );
    let admin = broker::Admin::open(&broker::Address::parse(&stack.database.amqp_url).unwrap())
        .await
        .unwrap();
    let queue = broker::Topology::new(&stack.prefix).queues.rejected;
    testkit::until(SOON, &format!("{unusable} messages among the rejected"), async || {
        let depth = admin.queue_depth(&queue).await.ok()??;
        (depth.ready as usize == unusable).then_some(())
    })
    .await;
    is_well(&stack).await;
}

/// What the tests above believe in: that a complaint is made when there is reason to.
#[test]
fn an_answer_without_a_code_or_a_field_is_noticed() {
    let told = json!({"error": {"code": "VALIDATION_ERROR", "details": {"field": "to"}}});
    let reason = json!({"error": {"code": "GATE_REFUSED", "details": {"reason": "opted_out"}}});
    let silent = json!({"error": {"code": "VALIDATION_ERROR", "details": {}}});

    assert_eq!(calls::says_too_little(422, &told), None);
    assert_eq!(calls::says_too_little(422, &reason), None);
    assert_eq!(
        calls::says_too_little(404, &silent),
        None,
        "what is not there has no field"
    );
    assert!(calls::says_too_little(422, &silent).is_some());
    assert!(calls::says_too_little(400, &Value::Null).is_some());
    let mut random = StdRng::seed_from_u64(1);
    assert!(
        (0..100).any(|_| damage::raw(b"{\"to\": 1}".to_vec(), &mut random) != b"{\"to\": 1}"),
        "{}",
        random.random::<u8>()
    );
}
