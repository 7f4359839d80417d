//! Single messages: what is answered, what is kept, and what is rung for.

use chrono::{TimeDelta, Utc};
use runtime::Clock;
use serde_json::{Value, json};
use testkit::seed::Choice;

use crate::rig::{BROADCAST, MESSAGES, Rig, hello, hello_all, person, text};

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
async fn without_a_from_a_number_goes_that_nothing_holds_and_that_has_room() {
    let rig = Rig::start().await;
    let first = rig.tenant.number;
    rig.sql(
        "INSERT INTO sender_number (phone_number_id, phone, organization_id, waba_id, scope_id)
             SELECT '2000009', '+15550001119', organization_id, waba_id, scope_id FROM sender_number;
         INSERT INTO number_gate (number_id, slots_per_second) SELECT id, 75 FROM sender_number WHERE phone_number_id = '2000009';
         INSERT INTO number_dispatch (number_id, depth) SELECT id, 8 FROM sender_number WHERE phone_number_id = '2000009'",
    )
    .await;
    let second = "+15550001119";
    let from = async |body: &Value| rig.post(MESSAGES, body).await.data(202)["from"].clone();
    let broadcast_from = async |n: usize| {
        let id = rig.post(BROADCAST, &hello_all(n, 1)).await.data(200)["broadcast_id"].clone();
        let path = format!("/api/v1/broadcasts/{}", id.as_str().unwrap());
        rig.get(&path).await.data(200)["from"].clone()
    };
    rig.wrote(&person(1), 1.0).await;
    assert_eq!(from(&hello(&person(2))).await, json!(rig.tenant.phone));

    // As many rows with the broker as it may have.
    rig.sql(&format!(
        "UPDATE number_dispatch SET depth = 1 WHERE number_id = {first}"
    ))
    .await;
    assert_eq!(from(&hello(&person(2))).await, second);
    assert_eq!(broadcast_from(10).await, second);
    rig.sql(&format!(
        "UPDATE number_dispatch SET depth = 100 WHERE number_id = {first};
         UPDATE number_gate SET paused_until = now() + interval '1 hour' WHERE number_id = {first}"
    ))
    .await;
    assert_eq!(from(&hello(&person(2))).await, second);
    assert_eq!(broadcast_from(11).await, second);
    // A template goes from the number that works; a reply only from the one that was written to.
    assert_eq!(from(&hello(&person(1))).await, second);
    assert_eq!(from(&text(&person(1))).await, json!(rig.tenant.phone));
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

#[tokio::test]
async fn a_message_that_breaks_the_messaging_limit_is_refused_and_says_when_there_is_room() {
    let rig = Rig::with(Choice {
        tier: "TIER_250",
        ..Choice::default()
    })
    .await;
    let (number, scope) = (rig.tenant.number, rig.tenant.scope);
    rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    rig.sql(&format!(
        "INSERT INTO limit_member SELECT {scope}, '+1555' || lpad(i::text, 7, '0'), now(), now() + i * interval '1 minute', 1 FROM generate_series(1, 250) i;
         UPDATE limit_scope SET members = 250 WHERE id = {scope};
         UPDATE limit_member SET recipient = '{}' WHERE recipient = '+15550000250'",
        person(2)
    ))
    .await;

    let answer = rig.post(MESSAGES, &hello(&person(3))).await;
    let retry_after: u32 = answer.headers["retry-after"].parse().unwrap();
    assert!((30..=61).contains(&retry_after), "{retry_after}");
    let details = answer.error(429, "TIER_LIMIT_EXCEEDED")["details"].clone();

    assert_eq!(
        (
            &details["reason"],
            &details["limit"],
            &details["used"],
            &details["requested"]
        ),
        (&json!("tier_limit"), &json!(250), &json!(250), &json!(1))
    );
    assert!(details["frees_at"].is_string(), "{details}");
    let id = details["message_id"].as_str().unwrap();
    let kept = rig.get(&format!("/api/v1/messages/{id}")).await.data(200);
    assert_eq!(
        (&kept["status"], &kept["reason"]["code"]),
        (&json!("failed"), &json!("tier_limit"))
    );
    // Who counts already takes no room; nor does who wrote to this very number.
    rig.post(MESSAGES, &hello(&person(2))).await.data(202);
    rig.wrote(&person(4), 1.0).await;
    let mut named = hello(&person(4));
    named["from"] = json!(rig.tenant.phone);
    rig.post(MESSAGES, &named).await.data(202);
    rig.post(MESSAGES, &text(&person(4))).await.data(202);
    // What is for later waits for room, should there be none.
    let mut later = hello(&person(5));
    later["scheduled_at"] = json!(in_minutes(60));
    assert_eq!(rig.post(MESSAGES, &later).await.data(202)["status"], "scheduled");
    // Memberships that are over make room.
    rig.sql("UPDATE limit_member SET expires_at = now() WHERE recipient = '+15550000001'")
        .await;
    rig.post(MESSAGES, &hello(&person(3))).await.data(202);
    assert_eq!(
        rig.count(&format!("message WHERE number_id = {number} AND state = 60"))
            .await,
        1
    );
    rig.finish().await;
}

#[tokio::test]
async fn what_lost_against_others_in_the_ledger_is_not_kept_and_may_be_tried_again() {
    let rig = Rig::start().await;
    rig.sql(
        "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = 'deadlock_detected'; END $$;
         CREATE TRIGGER lose BEFORE INSERT ON message FOR EACH ROW EXECUTE FUNCTION lose()",
    )
    .await;

    let lost = rig.post(MESSAGES, &hello(&person(1))).await;

    assert_eq!(lost.headers["retry-after"], "1");
    lost.error(503, "UNAVAILABLE");
    assert_eq!(rig.count("message").await, 0);
    rig.sql("DROP TRIGGER lose ON message").await;
    rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    assert_eq!(rig.count("message").await, 1);
    rig.finish().await;
}
