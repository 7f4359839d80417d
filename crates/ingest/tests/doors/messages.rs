//! Single messages: what is answered, what is kept, and what is rung for.

use chrono::{TimeDelta, Utc};
use runtime::Clock;
use serde_json::{Value, json};
use testkit::seed::Choice;

use crate::rig::{MESSAGES, Rig, hello, person, text};

fn in_minutes(minutes: i64) -> chrono::DateTime<Utc> {
    Clock::system().now() + TimeDelta::minutes(minutes)
}

#[tokio::test]
async fn a_template_message_is_kept_answered_and_rung_for() {
    let rig = Rig::start().await;

    let answer = rig.post(MESSAGES, &hello(&person(1))).await;
    assert!(
        answer.headers.contains_key("x-ratelimit-remaining"),
        "{:?}",
        answer.headers
    );
    let data = answer.data(202);

    assert_eq!(
        (
            &data["status"],
            &data["channel"],
            &data["to"],
            &data["from"],
            &data["scheduled_at"]
        ),
        (
            &json!("pending"),
            &json!("whatsapp"),
            &json!(person(1)),
            &json!(rig.tenant.phone),
            &Value::Null
        )
    );
    let rows = rig.sql("SELECT m.id, m.state, m.lane, m.category, m.template_id IS NOT NULL AS templated, c.content FROM message m JOIN message_content c USING (id)").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (
            &rows[0]["id"],
            &rows[0]["state"],
            &rows[0]["lane"],
            &rows[0]["category"],
            &rows[0]["templated"]
        ),
        (&data["message_id"], &json!(20), &json!(0), &json!(1), &json!(true))
    );
    let content: Value = serde_json::from_str(rows[0]["content"].as_str().unwrap()).unwrap();
    assert_eq!(
        content,
        json!({"type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}})
    );
    assert_eq!(
        rig.rung(&rig.topology.queues.rt, 1).await,
        [data["message_id"].as_str().unwrap()]
    );
    rig.finish().await;
}

#[tokio::test]
async fn a_session_message_goes_only_inside_the_window_and_its_no_is_recorded() {
    let rig = Rig::start().await;
    rig.wrote(&person(1), 1.0).await;
    rig.wrote(&person(2), 25.0).await;

    rig.post(MESSAGES, &text(&person(1))).await.data(202);
    let expired = rig.post(MESSAGES, &text(&person(2))).await.error(422, "GATE_REFUSED");
    let never = rig.post(MESSAGES, &text(&person(3))).await.error(422, "GATE_REFUSED");

    assert_eq!(expired["details"]["reason"], "window_expired");
    assert_eq!(never["details"]["reason"], "no_inbound_history");
    let id = never["details"]["message_id"].as_str().unwrap();
    let kept = rig.get(&format!("/api/v1/messages/{id}")).await.data(200);
    assert_eq!(
        (&kept["status"], &kept["reason"]["code"]),
        (&json!("failed"), &json!("no_inbound_history"))
    );
    assert_eq!(kept["error"]["category"], "window");
    assert!(kept["timestamps"]["failed_at"].is_string(), "{kept}");
    rig.finish().await;
}

#[tokio::test]
async fn each_gate_says_its_own_no_and_the_row_is_kept() {
    let rig = Rig::start().await;
    let template = |name: &str, components: Value| json!({"to": person(1), "template": {"name": name, "language": {"code": "en_US"}, "components": components}});
    let one = json!([{"type": "body", "parameters": [{"type": "text", "text": "Ana"}]}]);
    let refused = async |body: Value| {
        let error = rig.post(MESSAGES, &body).await.error(422, "GATE_REFUSED");
        let id = error["details"]["message_id"].as_str().unwrap().to_owned();
        rig.get(&format!("/api/v1/messages/{id}")).await.data(200);
        error["details"].clone()
    };

    assert_eq!(
        refused(template("no_such", json!([]))).await["reason"],
        "template_not_found"
    );
    assert_eq!(
        refused(template("in_review", json!([]))).await["reason"],
        "template_not_approved"
    );
    let mismatch = refused(template("order_update", one)).await;
    assert_eq!(mismatch["reason"], "template_parameter_mismatch");
    assert_eq!(
        (&mismatch["field"], &mismatch["expected"], &mismatch["value"]),
        (&json!("template.body"), &json!("2 parameters"), &json!("1"))
    );
    rig.sql(&format!(
        "INSERT INTO suppression VALUES ({}, '{}', 'stop_word', now())",
        rig.tenant.organization,
        person(1)
    ))
    .await;
    assert_eq!(refused(hello(&person(1))).await["reason"], "opted_out");
    rig.sql("UPDATE sender_number SET status = 'FLAGGED'").await;
    let mut named = hello(&person(2));
    named["from"] = json!(rig.tenant.phone);
    assert_eq!(refused(named).await["reason"], "sender_not_connected");
    // Without a name there is no number to record it on.
    rig.post(MESSAGES, &hello(&person(2)))
        .await
        .error(422, "SENDER_NOT_FOUND");
    assert_eq!(rig.count("message WHERE state = 60").await, 5);
    rig.finish().await;
}

#[tokio::test]
async fn what_must_wait_is_taken_with_its_reason() {
    let rig = Rig::start().await;
    let body = json!({"to": person(1), "template": {"name": "resting", "language": {"code": "en_US"}}});

    let resting = rig.post(MESSAGES, &body).await.data(202);
    rig.sql("UPDATE number_gate SET paused_until = now() + interval '1 hour'")
        .await;
    let paused = rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    rig.sql("UPDATE number_gate SET paused_until = 'infinity'").await;
    let paused_for_good = rig.post(MESSAGES, &hello(&person(1))).await.data(202);

    assert_eq!(
        (&resting["status"], &resting["reason"]["code"]),
        (&json!("pending"), &json!("template_paused"))
    );
    assert_eq!(paused["reason"]["code"], "sender_paused");
    assert_eq!(paused_for_good["reason"]["code"], "sender_paused");
    assert_eq!(
        rig.count("message WHERE state = 10 AND wake_at > now() AND wake_at <= expires_at")
            .await,
        3
    );
    rig.finish().await;
}

#[tokio::test]
async fn a_scheduled_message_waits_for_its_time_without_asking_for_a_window() {
    let rig = Rig::start().await;
    let mut body = text(&person(1));
    body["scheduled_at"] = json!(in_minutes(90));

    let data = rig.post(MESSAGES, &body).await.data(202);

    assert_eq!(data["status"], "scheduled");
    assert!(data["scheduled_at"].is_string());
    assert_eq!(
        rig.count(
            "message WHERE state = 10 AND wake_at = scheduled_at AND expires_at = scheduled_at + interval '24 hours'"
        )
        .await,
        1
    );
    body["to"] = json!(person(2));
    rig.sql(&format!(
        "INSERT INTO suppression VALUES ({}, '{}', 'stop_word', now())",
        rig.tenant.organization,
        person(2)
    ))
    .await;
    let error = rig.post(MESSAGES, &body).await.error(422, "GATE_REFUSED");
    assert_eq!(error["details"]["reason"], "opted_out");
    rig.finish().await;
}

#[tokio::test]
async fn without_a_from_the_number_that_the_person_wrote_to_answers() {
    let rig = Rig::start().await;
    rig.sql(
        "INSERT INTO sender_number (phone_number_id, phone, organization_id, waba_id, scope_id)
             SELECT '2000009', '+15550001119', organization_id, waba_id, scope_id FROM sender_number",
    )
    .await;
    rig.sql("INSERT INTO number_gate (number_id, slots_per_second) SELECT max(id), 70 FROM sender_number")
        .await;
    rig.sql("INSERT INTO number_dispatch (number_id, depth) SELECT max(id), 120 FROM sender_number")
        .await;
    let wrote_to_second = async |person: &str, hours: i64| {
        rig.sql(&format!("INSERT INTO contact (number_id, recipient, last_inbound_at) SELECT max(id), '{person}', now() - interval '{hours} hours' FROM sender_number")).await;
    };
    wrote_to_second(&person(1), 2).await;
    wrote_to_second(&person(2), 30).await;
    rig.wrote(&person(1), 3.0).await;

    let from = async |body: &Value| rig.post(MESSAGES, body).await.data(202)["from"].clone();
    assert_eq!(from(&text(&person(1))).await, "+15550001119");
    assert_eq!(from(&hello(&person(1))).await, "+15550001119");
    assert_eq!(from(&hello(&person(2))).await, json!(rig.tenant.phone));
    assert_eq!(from(&hello(&person(3))).await, json!(rig.tenant.phone));
    // The window they once had tells more than that they never wrote to the oldest number.
    let error = rig.post(MESSAGES, &text(&person(2))).await.error(422, "GATE_REFUSED");
    assert_eq!(error["details"]["reason"], "window_expired");
    let mut named = hello(&person(3));
    named["from"] = json!("2000009");
    assert_eq!(from(&named).await, "+15550001119");
    rig.finish().await;
}

#[tokio::test]
async fn no_more_than_a_number_s_depth_goes_past_the_scheduler() {
    // A depth of 8, the smallest.
    let rig = Rig::with(Choice {
        throughput: 1,
        ..Choice::default()
    })
    .await;

    for n in 0..12 {
        rig.post(MESSAGES, &hello(&person(n))).await.data(202);
    }

    assert_eq!(rig.count("message WHERE state = 20").await, 8);
    assert_eq!(rig.count("message WHERE state = 10 AND wake_at <= now()").await, 4);
    assert_eq!(rig.rung(&rig.topology.queues.rt, 8).await.len(), 8);
    let mut low = hello(&person(20));
    low["priority"] = json!("low");
    rig.post(MESSAGES, &low).await.data(202);
    assert_eq!(rig.count("message WHERE lane = 1 AND state = 10").await, 1);
    rig.finish().await;
}

#[tokio::test]
async fn many_callers_at_once_each_get_their_own_answer() {
    let rig = Rig::start().await;
    let requests: Vec<_> = (0..200)
        .map(|n| {
            let to = if n % 5 == 0 {
                text(&person(n))
            } else {
                hello(&person(n))
            };
            rig.request("POST", MESSAGES).json(&to)
        })
        .collect();

    let answers = futures_util::future::join_all(requests.iter().map(|request| request.send())).await;

    for (n, answer) in answers.into_iter().enumerate() {
        if n % 5 == 0 {
            answer.error(422, "GATE_REFUSED");
        } else {
            assert_eq!(answer.data(202)["to"], person(n));
        }
    }
    assert_eq!(rig.count("message").await, 200);
    assert_eq!(rig.count("(SELECT DISTINCT recipient FROM message) q").await, 200);
    rig.finish().await;
}
