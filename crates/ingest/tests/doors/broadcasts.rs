//! Broadcasts: 200, 207, 422, 429, and what is kept behind each.

use chrono::TimeDelta;
use runtime::Clock;
use serde_json::{Value, json};
use testkit::seed::Choice;

use crate::rig::{BROADCAST, Rig, hello_all, person};

#[tokio::test]
async fn a_broadcast_of_256_is_kept_in_order_and_rung_for() {
    let rig = Rig::start().await;

    let data = rig.post(BROADCAST, &hello_all(0, 256)).await.data(200);

    assert_eq!(
        data["summary"],
        json!({"total": 256, "accepted": 256, "scheduled": 0, "failed": 0})
    );
    let results = data["results"].as_array().unwrap();
    for (index, result) in results.iter().enumerate() {
        assert_eq!(
            (&result["index"], &result["to"], &result["status"]),
            (&json!(index), &json!(person(index)), &json!("pending"))
        );
    }
    let rows = rig
        .sql("SELECT id, seq, recipient, lane, state FROM message ORDER BY seq")
        .await;
    assert_eq!(rows.len(), 256);
    for (row, result) in rows.iter().zip(results) {
        assert_eq!(
            (&row["id"], &row["recipient"], &row["state"]),
            (&result["message_id"], &result["to"], &json!(20))
        );
    }
    let flow = rig.sql("SELECT id, last_seq, released_seq FROM flow").await;
    assert_eq!(
        flow[0],
        json!({"id": data["broadcast_id"], "last_seq": 256, "released_seq": 256})
    );
    let rung = rig.rung(&rig.topology.queues.bulk, 256).await;
    let ids: Vec<&str> = results
        .iter()
        .map(|result| result["message_id"].as_str().unwrap())
        .collect();
    assert_eq!(rung, ids);
    rig.finish().await;
}

#[tokio::test]
async fn one_recipient_s_no_is_a_failed_row_and_207() {
    let rig = Rig::start().await;
    rig.sql(&format!(
        "INSERT INTO suppression VALUES ({}, '{}', 'stop_word', now())",
        rig.tenant.organization,
        person(1)
    ))
    .await;

    let data = rig.post(BROADCAST, &hello_all(0, 3)).await.data(207);

    assert_eq!(
        data["summary"],
        json!({"total": 3, "accepted": 2, "scheduled": 0, "failed": 1})
    );
    let failed = &data["results"][1];
    assert_eq!(
        (&failed["status"], &failed["reason"]),
        (&json!("failed"), &json!("opted_out"))
    );
    assert!(failed["error"]["message"].is_string() && failed["message_id"].is_string());
    assert_eq!(
        rig.count("message WHERE state = 60 AND reason = 'opted_out' AND wake_at IS NULL")
            .await,
        1
    );
    assert_eq!(rig.count("message WHERE state = 20").await, 2);
    rig.finish().await;
}

#[tokio::test]
async fn parameters_of_a_row_replace_the_shared_ones_and_must_fit() {
    let rig = Rig::start().await;
    let body = json!({
        "recipients": [{"to": person(0)}, {"to": person(1), "template_params": ["Ben", "7"]}, {"to": person(2), "template_params": ["Cy"]}],
        "template_name": "order_update", "template_params": ["Ana", "5"],
        "metadata": {"shared": true}, "webhook_url": "https://example.com/hook",
    });

    let data = rig.post(BROADCAST, &body).await.data(207);

    let failed = &data["results"][2];
    assert_eq!(failed["reason"], "template_parameter_mismatch");
    assert_eq!(
        failed["error"]["details"],
        json!({"field": "template.body", "value": "1", "expected": "2 parameters"})
    );
    let rows = rig.sql("SELECT c.content, c.metadata, c.webhook_url FROM message m JOIN message_content c USING (id) ORDER BY m.seq").await;
    let said = |row: usize| {
        let content: Value = serde_json::from_str(rows[row]["content"].as_str().unwrap()).unwrap();
        content["template"]["components"][0]["parameters"].clone()
    };
    assert_eq!(
        said(0),
        json!([{"type": "text", "text": "Ana"}, {"type": "text", "text": "5"}])
    );
    assert_eq!(
        said(1),
        json!([{"type": "text", "text": "Ben"}, {"type": "text", "text": "7"}])
    );
    assert_eq!(
        (&rows[0]["metadata"], &rows[0]["webhook_url"]),
        (&json!({"shared": true}), &json!("https://example.com/hook"))
    );
    rig.finish().await;
}

#[tokio::test]
async fn a_template_that_is_not_there_fails_every_row_and_keeps_it() {
    let rig = Rig::start().await;
    let mut body = hello_all(0, 2);
    body["template_name"] = json!("no_such");

    let named = rig.post(BROADCAST, &body).await.data(207);
    body["template_language"] = Value::Null;
    let unnamed = rig.post(BROADCAST, &body).await.data(207);

    for data in [named, unnamed] {
        assert_eq!(data["summary"]["failed"], 2);
        assert_eq!(data["results"][0]["reason"], "template_not_found");
    }
    assert_eq!(rig.count("message WHERE reason = 'template_not_found'").await, 4);
    // Nothing is left for a cursor to come by.
    assert_eq!(rig.count("flow WHERE released_seq < last_seq").await, 0);
    rig.finish().await;
}

#[tokio::test]
async fn the_only_language_of_a_template_need_not_be_named_but_one_of_two_must() {
    let rig = Rig::start().await;
    let mut body = hello_all(0, 1);
    body["template_language"] = Value::Null;

    rig.post(BROADCAST, &body).await.data(200);
    rig.sql("INSERT INTO template (waba_id, name, language, category, status, parameter_format, components)
             SELECT waba_id, name, 'de', category, status, parameter_format, components FROM template WHERE name = 'hello'").await;
    let error = rig.post(BROADCAST, &body).await.error(422, "VALIDATION_ERROR");

    assert_eq!(error["details"]["field"], "template_language");
    assert!(
        error["details"]["expected"]
            .as_str()
            .unwrap()
            .starts_with("one of de, en_US"),
        "{error}"
    );
    rig.finish().await;
}

#[tokio::test]
async fn a_broadcast_that_breaks_the_messaging_limit_is_refused_whole() {
    let rig = Rig::with(Choice {
        tier: "TIER_250",
        ..Choice::default()
    })
    .await;

    let error = rig
        .post(BROADCAST, &hello_all(0, 251))
        .await
        .error(429, "TIER_LIMIT_EXCEEDED");

    let details = &error["details"];
    assert_eq!(
        (&details["limit"], &details["used"], &details["requested"]),
        (&json!(250), &json!(0), &json!(251))
    );
    assert_eq!(rig.count("message").await + rig.count("flow").await, 0);
    // Who was written to already, or wrote to us, takes no room; nor does who cannot be written to.
    rig.wrote(&person(0), 1.0).await;
    rig.post(BROADCAST, &hello_all(0, 251)).await.data(200);
    let scope = rig.tenant.scope;
    rig.sql(&format!("INSERT INTO limit_member SELECT {scope}, recipient, now(), now() + interval '1 hour', 1 FROM message WHERE recipient <> '{}'", person(0))).await;
    rig.sql(&format!("UPDATE limit_scope SET members = 250 WHERE id = {scope}"))
        .await;
    rig.post(BROADCAST, &hello_all(0, 250)).await.data(200);
    let error = rig
        .post(BROADCAST, &hello_all(200, 52))
        .await
        .error(429, "TIER_LIMIT_EXCEEDED");
    assert_eq!(
        (&error["details"]["used"], &error["details"]["requested"]),
        (&json!(250), &json!(1))
    );
    // Memberships that are over make room.
    rig.sql("UPDATE limit_member SET expires_at = now() - interval '1 s'")
        .await;
    rig.post(BROADCAST, &hello_all(200, 52)).await.data(200);
    rig.finish().await;
}

#[tokio::test]
async fn a_scheduled_broadcast_lands_as_scheduled_whatever_the_limit() {
    let rig = Rig::with(Choice {
        tier: "TIER_250",
        ..Choice::default()
    })
    .await;
    let mut body = hello_all(0, 256);
    body["scheduled_at"] = json!(Clock::system().now() + TimeDelta::hours(1));

    let data = rig.post(BROADCAST, &body).await.data(200);

    assert_eq!(
        data["summary"],
        json!({"total": 256, "accepted": 0, "scheduled": 256, "failed": 0})
    );
    assert_eq!(
        rig.count("message WHERE state = 10 AND wake_at IS NULL AND scheduled_at > now()")
            .await,
        256
    );
    assert_eq!(rig.count("flow WHERE starts_at > now() AND released_seq = 0").await, 1);
    let id = data["broadcast_id"].as_str().unwrap();
    let progress = rig.get(&format!("/api/v1/broadcasts/{id}")).await.data(200);
    assert_eq!(
        (&progress["status"], &progress["counts"]),
        (&json!("scheduled"), &json!({"scheduled": 256}))
    );
    rig.finish().await;
}

#[tokio::test]
async fn what_has_no_room_with_the_broker_waits_for_the_cursor_behind_the_flow_before_it() {
    // A depth of 20.
    let rig = Rig::with(Choice {
        throughput: 20,
        ..Choice::default()
    })
    .await;

    rig.post(BROADCAST, &hello_all(0, 100)).await.data(200);
    rig.post(BROADCAST, &hello_all(100, 10)).await.data(200);

    let flows = rig.sql("SELECT last_seq, released_seq FROM flow ORDER BY id").await;
    assert_eq!(
        flows,
        [
            json!({"last_seq": 100, "released_seq": 20}),
            json!({"last_seq": 10, "released_seq": 0})
        ]
    );
    assert_eq!(rig.count("message WHERE state = 20 AND seq <= 20").await, 20);
    assert_eq!(rig.count("message WHERE state = 10 AND wake_at IS NULL").await, 90);
    rig.finish().await;
}

#[tokio::test]
async fn the_progress_of_a_broadcast_counts_statuses_and_reasons() {
    let rig = Rig::start().await;
    rig.sql(&format!(
        "INSERT INTO suppression VALUES ({}, '{}', 'stop_word', now())",
        rig.tenant.organization,
        person(0)
    ))
    .await;
    let data = rig.post(BROADCAST, &hello_all(0, 5)).await.data(207);
    let id = data["broadcast_id"].as_str().unwrap();
    rig.sql("UPDATE message SET state = 50, wake_at = NULL, delivery = 3 WHERE seq = 2")
        .await;
    rig.sql("UPDATE message SET state = 50, wake_at = NULL, delivery = 2, reason = 'meta_131026' WHERE seq = 3")
        .await;

    let progress = rig.get(&format!("/api/v1/broadcasts/{id}")).await.data(200);

    assert_eq!(progress["counts"], json!({"failed": 2, "delivered": 1, "pending": 2}));
    assert_eq!(progress["reasons"], json!({"opted_out": 1, "meta_131026": 1}));
    assert_eq!(
        (&progress["total"], &progress["left"], &progress["status"]),
        (&json!(5), &json!(2), &json!("running"))
    );
    rig.sql("UPDATE message SET state = 50, wake_at = NULL WHERE state = 20")
        .await;
    assert_eq!(
        rig.get(&format!("/api/v1/broadcasts/{id}")).await.data(200)["status"],
        "completed"
    );
    rig.finish().await;
}
