//! Why a message went, or did not, and what comes next.

use chrono::{DateTime, TimeDelta, Utc};
use runtime::Clock;
use serde_json::{Value, json};

use crate::client::Request;
use crate::rig::{BROADCAST, MESSAGES, Rig, hello, hello_all, person, text};

async fn explain(rig: &Rig, id: &Value) -> Value {
    let path = format!("/api/v1/messages/{}/explain", id.as_str().unwrap());
    rig.get(&path).await.data(200)
}

fn verdict<'a>(story: &'a Value, rule: &str) -> &'a Value {
    let steps = story["rules"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["rule"] == rule);
    step.unwrap_or_else(|| panic!("no rule {rule}: {story}"))
}

#[tokio::test]
async fn a_refused_message_shows_each_gate_with_its_facts() {
    let rig = Rig::start().await;
    rig.wrote(&person(1), 30.0).await;
    let refused = rig.post(MESSAGES, &text(&person(1))).await.error(422, "GATE_REFUSED");

    let story = explain(&rig, &refused["details"]["message_id"]).await;

    assert_eq!(
        (&story["status"], &story["next"]["what"]),
        (&json!("failed"), &json!("nothing"))
    );
    let decided = &story["rules"]["decided"];
    assert_eq!(
        (&decided["rule"], &decided["verdict"], &decided["reason"]),
        (&json!("window"), &json!("refuse"), &json!("window_expired"))
    );
    let window = verdict(&story, "window");
    assert_eq!(
        (&window["verdict"], &window["reason"]),
        (&json!("refuse"), &json!("window_expired"))
    );
    assert!(window["facts"]["window_expires_at"].is_string(), "{window}");
    assert_eq!(verdict(&story, "opt_out")["verdict"], "pass");
    assert_eq!(
        verdict(&story, "opt_out")["facts"],
        json!({"opted_out": false, "opted_out_of_marketing": false})
    );
    rig.finish().await;
}

#[tokio::test]
async fn the_facts_are_those_of_now() {
    let rig = Rig::start().await;
    let sent = rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    assert_eq!(
        verdict(&explain(&rig, &sent["message_id"]).await, "template")["verdict"],
        "pass"
    );

    rig.sql("UPDATE template SET status = 'PAUSED' WHERE name = 'hello'")
        .await;
    rig.sql("UPDATE number_gate SET paused_until = now() + interval '1 hour'")
        .await;

    let story = explain(&rig, &sent["message_id"]).await;
    assert_eq!(verdict(&story, "template")["verdict"], "wait");
    assert_eq!(verdict(&story, "template")["reason"], "template_paused");
    assert_eq!(verdict(&story, "sender_number")["reason"], "sender_paused");
    assert!(verdict(&story, "sender_number")["until"].is_string());
    rig.finish().await;
}

#[tokio::test]
async fn attempts_and_webhooks_are_told_in_order_with_advice() {
    let rig = Rig::start().await;
    let sent = rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    let id = sent["message_id"].as_str().unwrap();
    rig.sql(&format!(
        "UPDATE message SET state = 50, delivery = 3, attempt = 2, wake_at = NULL;
         INSERT INTO attempt VALUES ('{id}', 1, gen_random_uuid(), now(), now(), 120, 'rejected', 400, '{{\"code\": 131000}}');
         INSERT INTO attempt VALUES ('{id}', 2, gen_random_uuid(), now(), now(), 80, 'accepted', 200, NULL);
         INSERT INTO status_event VALUES ('{id}', 'delivered', '2026-01-01T00:00:02Z', 2, now()),
             ('{id}', 'sent', '2026-01-01T00:00:01Z', 2, now())"
    ))
    .await;

    let story = explain(&rig, &sent["message_id"]).await;

    let attempts = &story["attempts"];
    assert_eq!(
        (
            &attempts[0]["outcome"],
            &attempts[0]["took_ms"],
            &attempts[0]["meta"]["code"]
        ),
        (&json!("rejected"), &json!(120), &json!("131000"))
    );
    assert!(
        attempts[0]["meta"]["advice"].is_string() && attempts[1]["meta"].is_null(),
        "{attempts}"
    );
    let told: Vec<&Value> = story["webhooks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|told| &told["status"])
        .collect();
    assert_eq!(told, ["sent", "delivered"]);
    assert_eq!(story["next"]["what"], "webhooks");
    rig.finish().await;
}

#[tokio::test]
async fn a_row_of_a_flow_says_how_many_go_before_it() {
    let rig = Rig::start().await;
    let mut body = hello_all(0, 5);
    body["scheduled_at"] = json!(Clock::system().now() + TimeDelta::days(1));
    let broadcast = rig.post(BROADCAST, &body).await.data(200);
    let last = &broadcast["results"][4]["message_id"];

    let story = explain(&rig, last).await;
    assert_eq!(
        (&story["next"]["what"], &story["next"]["rows_before"]),
        (&json!("flow_turn"), &json!(4))
    );
    assert_eq!(
        (
            &story["flow"]["place"],
            &story["flow"]["released"],
            &story["flow"]["rows"]
        ),
        (&json!(5), &json!(0), &json!(5))
    );

    rig.sql("UPDATE flow SET released_seq = 2, status = 'paused'").await;
    let story = explain(&rig, last).await;
    assert_eq!(
        (&story["next"]["what"], &story["next"]["rows_before"]),
        (&json!("resume"), &json!(2))
    );
    rig.finish().await;
}

#[tokio::test]
async fn an_uncertain_message_says_how_long_it_waits_and_whether_that_clock_runs() {
    let rig = Rig::start().await;
    let sent = rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    assert!(explain(&rig, &sent["message_id"]).await["hold"].is_null());
    rig.sql(
        "UPDATE message SET state = 40, attempt = 1, changed_at = now() - interval '10 min', wake_at = now() + interval '5 min'",
    )
    .await;

    let silent = explain(&rig, &sent["message_id"]).await;
    assert_eq!(silent["hold"]["clock"], "stands_still", "{}", silent["hold"]);
    assert!(silent["hold"]["webhooks_last_came_at"].is_null());
    let minutes = |story: &Value, from: &str, to: &str| {
        let at = |name: &str| story["hold"][name].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
        (at(to) - at(from)).num_minutes()
    };
    // Two of its ten minutes count, eight are to come once more.
    assert!(
        (22..=23).contains(&minutes(&silent, "since", "ends_at")),
        "{}",
        silent["hold"]
    );
    assert_eq!(minutes(&silent, "since", "at_the_latest"), 36 * 60);

    rig.sql("INSERT INTO webhook_heard SELECT id, now() - interval '10 s' FROM sender_number")
        .await;
    let heard = explain(&rig, &sent["message_id"]).await;
    assert_eq!(heard["hold"]["clock"], "runs");
    assert!(
        (14..=15).contains(&minutes(&heard, "since", "ends_at")),
        "{}",
        heard["hold"]
    );
    rig.finish().await;
}

#[tokio::test]
async fn a_neighbours_story_is_not_told() {
    let rig = Rig::start().await;
    let sent = rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    let path = format!("/api/v1/messages/{}/explain", sent["message_id"].as_str().unwrap());
    let neighbour = rig.neighbour().await;

    let answer = Request::new(rig.addr, "GET", &path)
        .header("x-api-key", &neighbour.api_key)
        .send()
        .await;

    answer.error(404, "NOT_FOUND");
    rig.get("/api/v1/messages/none/explain").await.error(404, "NOT_FOUND");
    rig.finish().await;
}
