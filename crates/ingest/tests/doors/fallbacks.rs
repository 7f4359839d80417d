//! Session messages that name a template for when their window is closed.

use serde_json::{Value, json};

use crate::rig::{MESSAGES, Rig, hello, person, text};

/// A text that falls back to this template.
fn text_or(to: &str, template: Value) -> Value {
    let mut body = text(to);
    body["fallback_template"] = template;
    body
}

fn template(name: &str, parameters: &[&str]) -> Value {
    let mut template = json!({"name": name, "language": {"code": "en_US"}});
    if !parameters.is_empty() {
        let parameters: Vec<Value> = parameters
            .iter()
            .map(|text| json!({"type": "text", "text": text}))
            .collect();
        template["components"] = json!([{"type": "body", "parameters": parameters}]);
    }
    template
}

#[tokio::test]
async fn a_text_inside_the_window_stays_a_text_and_remembers_its_template() {
    let rig = Rig::start().await;
    rig.wrote(&person(1), 1.0).await;

    let data = rig
        .post(MESSAGES, &text_or(&person(1), template("order_update", &["Ana", "17"])))
        .await
        .data(202);

    assert_eq!(data["fallback"]["taken_at"], Value::Null, "{data}");
    let id = data["message_id"].as_str().unwrap();
    let kept = rig.get(&format!("/api/v1/messages/{id}")).await.data(200);
    assert_eq!(kept["type"], "text", "{kept}");
    let expected = json!({"template": {"name": "order_update", "language": "en_US"}, "taken_at": null, "reason": null});
    assert_eq!(kept["fallback"], expected);
    let row = &rig
        .sql("SELECT category, template_id, has_fallback, edge_at IS NOT NULL AS has_edge FROM message")
        .await[0];
    assert_eq!(
        row,
        &json!({"category": 0, "template_id": null, "has_fallback": true, "has_edge": true})
    );
    rig.finish().await;
}

#[tokio::test]
async fn a_text_outside_the_window_goes_as_its_template_at_once_and_says_so() {
    let rig = Rig::start().await;
    rig.wrote(&person(1), 25.0).await;

    let data = rig
        .post(MESSAGES, &text_or(&person(1), template("hello", &[])))
        .await
        .data(202);

    assert_eq!(data["status"], "pending");
    assert_eq!(data["fallback"]["reason"]["code"], "window_expired", "{data}");
    let id = data["message_id"].as_str().unwrap();
    let kept = rig.get(&format!("/api/v1/messages/{id}")).await.data(200);
    assert_eq!(
        (&kept["type"], &kept["reason"]),
        (&json!("template"), &Value::Null),
        "{kept}"
    );
    assert_eq!(kept["fallback"]["reason"]["code"], "window_expired");
    assert!(kept["fallback"]["taken_at"].is_string(), "{kept}");
    let story = rig.get(&format!("/api/v1/messages/{id}/explain")).await.data(200);
    assert_eq!(story["fallback"], kept["fallback"]);
    let steps = story["rules"]["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["verdict"] == "pass"), "{story}");
    rig.finish().await;
}

#[tokio::test]
async fn a_fallback_is_checked_like_the_template_of_a_template_message() {
    let rig = Rig::start().await;
    rig.wrote(&person(1), 1.0).await;
    for to in [person(1), person(2)] {
        for (fallback, reason, field) in [
            (template("no_such", &[]), "template_not_found", "fallback_template"),
            (template("in_review", &[]), "template_not_approved", "fallback_template"),
            (
                template("order_update", &["Ana"]),
                "template_parameter_mismatch",
                "fallback_template.body",
            ),
        ] {
            let error = rig
                .post(MESSAGES, &text_or(&to, fallback))
                .await
                .error(422, "GATE_REFUSED");
            assert_eq!(
                (&error["details"]["reason"], &error["details"]["field"]),
                (&json!(reason), &json!(field)),
                "{error}"
            );
        }
    }
    // One that is paused may be back by then.
    rig.post(MESSAGES, &text_or(&person(1), template("resting", &[])))
        .await
        .data(202);
    rig.finish().await;
}

#[tokio::test]
async fn a_fallback_that_makes_no_sense_is_named_by_its_field() {
    let rig = Rig::start().await;
    let wrong = async |body: Value| {
        let error = rig.post(MESSAGES, &body).await.error(422, "VALIDATION_ERROR");
        error["details"]["field"].clone()
    };
    let mut of_template = hello(&person(1));
    of_template["fallback_template"] = template("hello", &[]);

    assert_eq!(wrong(of_template).await, "fallback_template");
    assert_eq!(wrong(text_or(&person(1), json!("hello"))).await, "fallback_template");
    assert_eq!(
        wrong(text_or(&person(1), json!({"name": "hello"}))).await,
        "fallback_template.language.code"
    );
    rig.finish().await;
}

#[tokio::test]
async fn the_messages_own_no_comes_before_its_fallback() {
    let rig = Rig::start().await;
    rig.sql(&format!(
        "INSERT INTO suppression VALUES ({}, '{}', 'stop_word', now())",
        rig.tenant.organization,
        person(1)
    ))
    .await;

    let error = rig
        .post(MESSAGES, &text_or(&person(1), template("hello", &[])))
        .await
        .error(422, "GATE_REFUSED");

    assert_eq!(error["details"]["reason"], "opted_out");
    rig.finish().await;
}
