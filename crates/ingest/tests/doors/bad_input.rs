//! Everything that can be wrong with a request, each with its code and its field, and nothing of it kept.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::client::Request;
use crate::rig::{BROADCAST, MESSAGES, Rig, hello, hello_all, person, text};

#[tokio::test]
async fn each_wrong_field_is_named_and_nothing_is_kept() {
    let rig = Rig::start().await;
    let check = async |path: &str, body: Value, code: &str, field: &str| {
        let error = rig.post(path, &body).await.error(422, code);
        assert_eq!(error["details"]["field"], field, "{error}");
        assert!(
            error["details"]["expected"].is_string() && error["details"].get("value").is_some(),
            "{error}"
        );
    };

    check(
        MESSAGES,
        json!({"to": "15550001111", "body": "Hi"}),
        "INVALID_PHONE_NUMBER",
        "to",
    )
    .await;
    check(MESSAGES, json!({"body": "Hi"}), "INVALID_PHONE_NUMBER", "to").await;
    let with = |name: &str, value: Value| {
        let mut body = text(&person(1));
        body[name] = value;
        body
    };
    check(
        MESSAGES,
        with("from", json!("+15559999999")),
        "SENDER_NOT_FOUND",
        "from",
    )
    .await;
    check(MESSAGES, with("from", json!("999")), "SENDER_NOT_FOUND", "from").await;
    check(MESSAGES, with("from", json!("acme")), "INVALID_PHONE_NUMBER", "from").await;
    check(
        MESSAGES,
        with("text", json!({"body": "x".repeat(4097)})),
        "VALIDATION_ERROR",
        "text.body",
    )
    .await;
    check(
        MESSAGES,
        with("fallback_template", json!({})),
        "VALIDATION_ERROR",
        "fallback_template.name",
    )
    .await;
    check(MESSAGES, json!([]), "VALIDATION_ERROR", "$").await;
    check(BROADCAST, hello_all(0, 257), "VALIDATION_ERROR", "recipients").await;
    check(BROADCAST, hello_all(0, 0), "VALIDATION_ERROR", "recipients").await;
    let mut twice = hello_all(0, 3);
    twice["recipients"][2] = twice["recipients"][0].clone();
    check(BROADCAST, twice, "VALIDATION_ERROR", "recipients[2].to").await;
    let mut no_plus = hello_all(0, 3);
    no_plus["recipients"][1]["to"] = json!("16660000001");
    check(BROADCAST, no_plus, "INVALID_PHONE_NUMBER", "recipients[1].to").await;

    assert_eq!(rig.count("message").await + rig.count("flow").await, 0);
    rig.finish().await;
}

#[tokio::test]
async fn what_is_no_json_or_too_much_of_it_is_refused() {
    let rig = Rig::start().await;
    let post = |body: &[u8]| {
        rig.request("POST", MESSAGES)
            .header("content-type", "application/json")
            .body(body)
    };

    post(b"{\"to\": ").send().await.error(400, "INVALID_JSON");
    post(b"").send().await.error(400, "INVALID_JSON");
    let huge = json!({"to": person(1), "body": "x".repeat(2 * 1024 * 1024)}).to_string();
    let error = post(huge.as_bytes()).send().await.error(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(error["details"]["limit_bytes"], 256 * 1024);
    let broadcast = rig
        .request("POST", BROADCAST)
        .json(&json!({"template_name": "x".repeat(2 * 1024 * 1024)}));
    broadcast.send().await.error(413, "PAYLOAD_TOO_LARGE");
    let form = rig
        .request("POST", MESSAGES)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("to=5");
    form.send().await.error(415, "UNSUPPORTED_MEDIA_TYPE");

    rig.finish().await;
}

#[tokio::test]
async fn only_a_valid_key_with_the_right_scope_gets_in() {
    let rig = Rig::start().await;
    let key = rig.tenant.api_key.clone();
    let with = |header: &str, value: &str| {
        Request::new(rig.addr, "POST", MESSAGES)
            .header(header, value)
            .json(&hello(&person(1)))
    };

    let nobody = Request::new(rig.addr, "POST", MESSAGES)
        .json(&hello(&person(1)))
        .send()
        .await;
    assert_eq!(nobody.headers["www-authenticate"], "Bearer");
    nobody.error(401, "UNAUTHORIZED");
    let wrong = format!(
        "{}{}",
        &key[..key.len() - 1],
        if key.ends_with('a') { 'b' } else { 'a' }
    );
    with("x-api-key", &wrong).send().await.error(401, "INVALID_API_KEY");
    with("x-api-key", "hunter2").send().await.error(401, "INVALID_API_KEY");
    with("x-api-key", &format!("tp_aaaaaaaaaaaa_{}", "a".repeat(52)))
        .send()
        .await
        .error(401, "INVALID_API_KEY");
    with("authorization", &format!("Basic {key}"))
        .send()
        .await
        .error(401, "UNAUTHORIZED");
    with("authorization", &format!("Bearer {key}")).send().await.data(202);

    rig.finish().await;
}

#[tokio::test]
async fn a_key_that_may_only_read_cannot_send() {
    let rig = Rig::start().await;
    rig.sql("UPDATE api_key SET scopes = '{messages:read}'").await;

    let error = rig
        .post(MESSAGES, &hello(&person(1)))
        .await
        .error(403, "INSUFFICIENT_PERMISSIONS");

    assert_eq!(
        error["details"],
        json!({"required": "messages:write", "granted": ["messages:read"]})
    );
    rig.get("/api/v1/messages").await.data(200);
    rig.finish().await;
}

#[tokio::test]
async fn a_revoked_and_an_expired_key_do_not_get_in() {
    for change in ["revoked_at = now()", "expires_at = now()"] {
        let rig = Rig::start().await;
        rig.sql(&format!("UPDATE api_key SET {change}")).await;

        rig.post(MESSAGES, &hello(&person(1)))
            .await
            .error(401, "INVALID_API_KEY");

        rig.finish().await;
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_answered_in_json() {
    let rig = Rig::start().await;

    rig.get("/").await.error(404, "NOT_FOUND");
    rig.get("/api/v2/messages").await.error(404, "NOT_FOUND");
    let answer = rig.request("DELETE", MESSAGES).send().await;
    assert_eq!(answer.headers["allow"], "POST");
    let id = answer.body["meta"]["request_id"].as_str().unwrap().to_owned();
    assert_eq!(answer.headers["x-request-id"], id);
    assert!(id.starts_with("req_") && answer.body["meta"]["timestamp"].is_string());
    answer.error(405, "METHOD_NOT_ALLOWED");
    rig.get("/api/v1/messages/not-an-id").await.error(404, "NOT_FOUND");
    rig.get("/api/v1/messages/%ff").await.error(404, "NOT_FOUND");
    rig.get("/api/v1/broadcasts/0198c0de-0000-7000-8000-000000000000")
        .await
        .error(404, "NOT_FOUND");

    rig.finish().await;
}

/// Any JSON, with a taste for the fields that mean something.
fn any_body() -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("a\u{0}b")),
        Just(json!("+15550001110")),
        Just(json!("+16660000001")),
        Just(json!("2000000")),
        Just(json!("hello")),
        Just(json!("en_US")),
        Just(json!("9999-12-31T23:59:59Z")),
        Just(json!({"code": "en_US"})),
        Just(json!({"body": "Hi \u{0}"})),
        Just(json!({"name": "hello", "language": "en_US"})),
        Just(json!([{"to": "+16660000001", "template_params": {"body": ["\u{0}"]}}])),
    ];
    let name = proptest::sample::select(vec![
        "to",
        "from",
        "type",
        "text",
        "body",
        "template",
        "image",
        "recipients",
        "template_name",
        "template_language",
        "template_params",
        "metadata",
        "scheduled_at",
        "expires_at",
        "context",
        "priority",
        "webhook_url",
    ]);
    let usual = prop_oneof![
        Just(json!({"to": "+16660000001", "body": "Hi"})),
        Just(json!({"recipients": [{"to": "+16660000001"}], "template_name": "hello"})),
        Just(json!({})),
    ];
    (usual, proptest::collection::btree_map(name, value, 0..4)).prop_map(|(mut body, fields)| {
        for (name, value) in fields {
            body[name] = value;
        }
        body
    })
}

#[tokio::test]
async fn no_json_body_makes_the_service_fail() {
    let rig = Rig::start().await;
    let mut runner = TestRunner::new(Config::with_cases(200));
    let strategy = any_body();

    for _ in 0..200 {
        let body = strategy.new_tree(&mut runner).unwrap().current();
        for path in [MESSAGES, BROADCAST] {
            let answer = rig.post(path, &body).await;
            assert!(answer.status < 500, "{path} {body}: {}", answer.body);
        }
    }

    rig.finish().await;
}
