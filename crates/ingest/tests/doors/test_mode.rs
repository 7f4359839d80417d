//! Keys for tests: the same answers as for live messages, and nothing taken that live messages need.

use broker::key;
use domain::declaration::Declaration;
use serde_json::{Value, json};
use testkit::seed::{self, Choice};

use crate::client::{Answer, Request};
use crate::rig::{BROADCAST, MESSAGES, Rig, hello, hello_all, person, text};

async fn test_key(rig: &Rig) -> String {
    let body = json!({"name": "ci", "mode": "test", "scopes": ["admin"]});
    let data = rig.post("/api/v1/keys", &body).await.data(201);
    assert_eq!(data["mode"], "test");
    data["key"].as_str().unwrap().to_owned()
}

async fn post(rig: &Rig, key: &str, path: &str, body: &Value) -> Answer {
    let request = Request::new(rig.addr, "POST", path).header("x-api-key", key);
    request.json(body).send().await
}

#[tokio::test]
async fn a_message_of_a_test_key_says_so_and_passes_the_same_gates() {
    let rig = Rig::start().await;
    let key = test_key(&rig).await;
    assert!(key.starts_with("tp_test_"), "the form of a key shows what it is for");

    let data = post(&rig, &key, MESSAGES, &hello(&person(1))).await.data(202);

    assert_eq!(data["mode"], "test");
    let id = data["message_id"].as_str().unwrap();
    assert_eq!(
        rig.get(&format!("/api/v1/messages/{id}")).await.data(200)["mode"],
        "test"
    );
    let error = post(&rig, &key, MESSAGES, &text(&person(1)))
        .await
        .error(422, "GATE_REFUSED");
    assert_eq!(error["details"]["reason"], "no_inbound_history");
    post(&rig, &key, BROADCAST, &hello_all(0, 2)).await.data(200);
    let live = rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    assert_eq!(live["mode"], "live");
    assert_eq!(rig.count("message WHERE test").await, 4);
    // The secret half under the other form is no key.
    let other_form = key.replace("tp_test_", "tp_");
    post(&rig, &other_form, MESSAGES, &hello(&person(1)))
        .await
        .error(401, "INVALID_API_KEY");
    rig.finish().await;
}

#[tokio::test]
async fn tests_are_held_against_quota_and_balance_and_use_nothing_of_them() {
    let rig = Rig::start().await;
    let key = test_key(&rig).await;
    let mut declared = seed::declaration(&Choice::default());
    let organization = declared["organization"][0].as_object_mut().unwrap();
    let policies = json!({"daily_quota": 2, "currency": "EUR", "balance": "0.10",
        "rate": [{"prefix": "+1", "category": "UTILITY", "price": "0.05"}]});
    organization.extend(policies.as_object().unwrap().clone());
    let declared: Declaration = serde_json::from_value(declared).unwrap();
    rig.database.store.apply(&declared, &|_| None).await.unwrap();

    for n in 0..3 {
        post(&rig, &key, MESSAGES, &hello(&person(n))).await.data(202);
    }
    let too_dear = post(&rig, &key, BROADCAST, &hello_all(0, 3)).await;
    too_dear.error(402, "INSUFFICIENT_BALANCE");

    assert_eq!(rig.count("message WHERE test AND price IS NULL").await, 3);
    assert_eq!(rig.count("quota_use WHERE accepted > 0").await, 0);
    rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    let error = post(&rig, &key, MESSAGES, &hello(&person(1)))
        .await
        .error(422, "GATE_REFUSED");
    assert_eq!(error["details"]["reason"], "quota_exceeded");
    rig.finish().await;
}

#[tokio::test]
async fn an_idempotency_key_of_a_test_is_another_than_that_of_a_live_message() {
    let rig = Rig::start().await;
    let key = test_key(&rig).await;
    let under = async |api_key: &str| {
        let request = Request::new(rig.addr, "POST", MESSAGES).header("x-api-key", api_key);
        let request = request.header("idempotency-key", "order-1").json(&hello(&person(1)));
        request.send().await.data(202)["message_id"].clone()
    };

    let (tried, sent) = (under(&key).await, under(&rig.tenant.api_key).await);

    assert_ne!(tried, sent, "an order that was tried out is still sent");
    assert_eq!(under(&key).await, tried);
    assert_eq!(under(&rig.tenant.api_key).await, sent);
    rig.finish().await;
}

#[tokio::test]
async fn a_test_key_changes_nothing_that_live_messages_depend_on() {
    let rig = Rig::start().await;
    let key = test_key(&rig).await;
    let id = rig.post(MESSAGES, &hello(&person(1))).await.data(202)["message_id"].clone();
    for (method, path) in [
        ("PUT", format!("/api/v1/suppressions/{}", person(1))),
        ("DELETE", format!("/api/v1/suppressions/{}", person(1))),
        ("POST", format!("/api/v1/messages/{}/cancel", id.as_str().unwrap())),
        ("POST", format!("/api/v1/numbers/{}/pause", rig.tenant.phone_number_id)),
        ("POST", "/api/v1/balance/top-up".to_owned()),
        ("POST", "/api/v1/keys".to_owned()),
    ] {
        let request = Request::new(rig.addr, method, &path).header("x-api-key", &key);
        request.send().await.error(403, "TEST_KEY");
    }
    let request = Request::new(rig.addr, "GET", "/api/v1/limits").header("x-api-key", &key);
    request.send().await.data(200);
    rig.finish().await;
}

#[tokio::test]
async fn a_test_key_means_the_same_over_the_broker() {
    let rig = Rig::start().await;
    let key_text = test_key(&rig).await;
    let message = broker::Outgoing {
        headers: [("x-api-key".to_owned(), key_text)].into(),
        ..broker::Outgoing::new(
            &rig.topology.exchanges.intake,
            key::MESSAGE,
            "m1",
            hello(&person(1)).to_string().into_bytes(),
        )
    };

    rig.publisher.publish(vec![message]).await;

    testkit::until(crate::rig::SOON, "the message", async || {
        (rig.count("message WHERE test").await == 1).then_some(())
    })
    .await;
    rig.finish().await;
}
