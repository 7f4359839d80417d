//! The organizations' own policies: quota, fraud guard, frequency cap, quiet hours, each with its answer and its row.

use chrono::{DateTime, TimeDelta, Utc};
use domain::declaration::Declaration;
use runtime::Clock;
use serde_json::{Value, json};
use testkit::seed::{self, Choice};

use crate::rig::{BROADCAST, MESSAGES, Rig, hello, hello_all, person, text};

impl Rig {
    /// Declares policies for the tenant.
    async fn policies(&self, policies: Value) {
        let mut declared = seed::declaration(&Choice::default());
        let organization = declared["organization"][0].as_object_mut().unwrap();
        organization.extend(policies.as_object().unwrap().clone());
        let declared: Declaration = serde_json::from_value(declared).unwrap();
        declared.check().unwrap();
        self.database.store.apply(&declared, &|_| None).await.unwrap();
    }

    /// A gate's no: the details of the answer, after a look at the row behind it.
    async fn refused(&self, body: &Value, reason: &str) -> Value {
        let error = self.post(MESSAGES, body).await.error(422, "GATE_REFUSED");
        let details = error["details"].clone();
        assert_eq!(details["reason"], reason, "{error}");
        let id = details["message_id"].as_str().unwrap();
        let kept = self.get(&format!("/api/v1/messages/{id}")).await.data(200);
        assert_eq!(
            (&kept["status"], &kept["reason"]["code"]),
            (&json!("failed"), &json!(reason))
        );
        details
    }
}

/// Marketing.
fn sale(to: &str) -> Value {
    let parameters = json!([{"type": "body", "parameters": [{"type": "text", "text": "5 %"}]}]);
    json!({"to": to, "template": {"name": "sale", "language": {"code": "en_US"}, "components": parameters}})
}

fn sale_to_all(people: impl IntoIterator<Item = String>) -> Value {
    let recipients: Vec<Value> = people.into_iter().map(|to| json!({"to": to})).collect();
    json!({"recipients": recipients, "template_name": "sale", "template_params": ["5 %"]})
}

/// The reasons of a broadcast's results, `null` where there is none.
fn reasons(data: &Value) -> Vec<Value> {
    let results = data["results"].as_array().unwrap();
    results.iter().map(|result| result["reason"].clone()).collect()
}

#[tokio::test]
async fn beyond_the_quota_a_message_is_a_failed_row_and_says_when_to_come_again() {
    let rig = Rig::start().await;
    rig.policies(json!({"daily_quota": 2, "monthly_quota": 100})).await;

    rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    rig.refused(&text(&person(1)), "no_inbound_history").await;
    rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    let details = rig.refused(&hello(&person(1)), "quota_exceeded").await;

    assert_eq!(
        (&details["period"], &details["limit"], &details["used"]),
        (&json!("day"), &json!(2), &json!(2)),
        "what another gate refused does not count"
    );
    let resets_at: DateTime<Utc> = details["resets_at"].as_str().unwrap().parse().unwrap();
    assert!(resets_at > Clock::system().now() && resets_at.time() == chrono::NaiveTime::MIN);
    assert_eq!(rig.count("quota_use WHERE accepted = 2").await, 2);
    rig.policies(json!({"daily_quota": 3})).await;
    rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    rig.policies(json!({})).await;
    rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    assert_eq!(
        rig.count("quota_use WHERE accepted = 3").await,
        2,
        "nobody counts without a quota"
    );
    rig.finish().await;
}

#[tokio::test]
async fn the_rows_of_a_broadcast_beyond_the_quota_fail_in_the_order_of_the_request() {
    let rig = Rig::start().await;
    rig.policies(json!({"monthly_quota": 3})).await;
    let suppressed = format!(
        "INSERT INTO suppression VALUES ({}, '{}', 'stop_word', now())",
        rig.tenant.organization,
        person(1)
    );
    rig.sql(&suppressed).await;
    let keyed = |body: Value| {
        rig.request("POST", BROADCAST)
            .header("idempotency-key", "b")
            .json(&body)
    };

    let data = keyed(hello_all(0, 6)).send().await.data(207);
    let again = keyed(hello_all(0, 6)).send().await.data(207);

    let exceeded = || json!("quota_exceeded");
    assert_eq!(
        reasons(&data),
        [
            Value::Null,
            json!("opted_out"),
            Value::Null,
            Value::Null,
            exceeded(),
            exceeded()
        ]
    );
    assert_eq!(
        data["summary"],
        json!({"total": 6, "accepted": 3, "scheduled": 0, "failed": 3})
    );
    assert_eq!(data["results"][5]["error"]["details"]["period"], "month");
    assert_eq!(again, data, "the answer of the key is the one that counts");
    let rows = rig.sql("SELECT state, reason FROM message ORDER BY seq").await;
    let states: Vec<_> = rows.iter().map(|row| row["state"].as_i64().unwrap()).collect();
    assert_eq!(states, [20, 60, 20, 20, 60, 60]);
    assert_eq!(rig.rung(&rig.topology.queues.bulk, 3).await.len(), 3);
    assert_eq!(rig.count("quota_use WHERE accepted = 3").await, 2);
    rig.finish().await;
}

#[tokio::test]
async fn messages_at_once_share_a_quota_and_none_is_lost() {
    let rig = Rig::start().await;
    rig.policies(json!({"daily_quota": 7})).await;

    let bodies: Vec<Value> = (0..30).map(|n| hello(&person(n))).collect();
    let answers = futures_util::future::join_all(bodies.iter().map(|body| rig.post(MESSAGES, body))).await;

    let with = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((with(202), with(422)), (7, 23));
    assert_eq!(rig.count("message WHERE state = 20").await, 7);
    assert_eq!(rig.count("message WHERE reason = 'quota_exceeded'").await, 23);
    rig.finish().await;
}

#[tokio::test]
async fn the_fraud_guard_blocks_or_flags_by_destination_and_link() {
    let rig = Rig::start().await;
    rig.policies(json!({"fraud_guard": {
        "allow_destinations": {"prefixes": ["+1666", "+49"]},
        "deny_destinations": {"prefixes": ["+49151"], "action": "flag"},
        "premium_destinations": {},
        "links": {"deny": ["bit.ly"]},
    }}))
    .await;
    rig.wrote(&person(1), 1.0).await;

    let elsewhere = rig.refused(&hello("+33612345678"), "fraud_guard").await;
    let premium = rig.refused(&hello("+4990012345"), "fraud_guard").await;
    let mut link = text(&person(1));
    link["text"]["body"] = json!("Look: https://BIT.ly/x");
    let link = rig.refused(&link, "fraud_guard").await;
    let flagged = rig.post(MESSAGES, &hello("+4915112345678")).await.data(202);
    rig.post(MESSAGES, &hello(&person(1))).await.data(202);

    assert_eq!(elsewhere["checks"], json!(["destination_not_allowed"]));
    assert_eq!(premium["checks"], json!(["premium_destination"]));
    assert_eq!(link["checks"], json!(["denied_link"]));
    let id = flagged["message_id"].as_str().unwrap();
    let kept = rig.get(&format!("/api/v1/messages/{id}")).await.data(200);
    assert_eq!(
        (&kept["flags"], &kept["status"]),
        (&json!(["destination_denied"]), &json!("pending"))
    );
    let mut broadcast = hello_all(1, 2);
    broadcast["recipients"][1]["to"] = json!("+33612345678");
    let data = rig.post(BROADCAST, &broadcast).await.data(207);
    assert_eq!(reasons(&data), [Value::Null, json!("fraud_guard")]);
    assert_eq!(
        data["results"][1]["error"]["details"]["checks"],
        json!(["destination_not_allowed"])
    );
    rig.finish().await;
}

#[tokio::test]
async fn too_many_new_people_and_too_many_equal_texts_are_found_within_one_request_and_over_many() {
    let rig = Rig::start().await;
    rig.policies(json!({"fraud_guard": {
        "new_recipients": {"max": 3, "minutes": 60},
        "repeated_content": {"max": 2, "hours": 1, "action": "flag"},
    }}))
    .await;
    // Whoever wrote to us is not new.
    rig.wrote(&person(1), 1.0).await;

    let data = rig.post(BROADCAST, &hello_all(0, 4)).await.data(200);
    assert_eq!(data["summary"]["accepted"], 4, "three of them are new");
    rig.refused(&hello(&person(7)), "fraud_guard").await;
    rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    let mut flags = Vec::new();
    for _ in 0..3 {
        let data = rig.post(MESSAGES, &text(&person(1))).await.data(202);
        let kept = rig
            .get(&format!("/api/v1/messages/{}", data["message_id"].as_str().unwrap()))
            .await;
        flags.push(kept.data(200)["flags"].clone());
    }
    assert_eq!(flags, [json!([]), json!([]), json!(["repeated_content"])]);

    rig.sql("UPDATE new_recipient_count SET minute = minute - interval '2 hours'")
        .await;
    let data = rig.post(BROADCAST, &hello_all(10, 5)).await.data(207);
    let blocked = || json!("fraud_guard");
    assert_eq!(
        reasons(&data),
        [Value::Null, Value::Null, Value::Null, blocked(), blocked()]
    );
    rig.finish().await;
}

#[tokio::test]
async fn more_marketing_than_the_cap_is_refused_and_nothing_else_is() {
    let rig = Rig::start().await;
    rig.policies(json!({"frequency_cap": {"max": 1, "hours": 24}})).await;

    rig.post(MESSAGES, &sale(&person(1))).await.data(202);
    let details = rig.refused(&sale(&person(1)), "frequency_cap").await;
    assert_eq!(
        (&details["limit"], &details["hours"], &details["used"]),
        (&json!(1), &json!(24), &json!(1))
    );
    let frees_at: DateTime<Utc> = details["resets_at"].as_str().unwrap().parse().unwrap();
    let in_a_day = Clock::system().now() + TimeDelta::hours(24);
    assert!(frees_at <= in_a_day && frees_at > in_a_day - TimeDelta::minutes(5));
    rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    // What is for later is asked about then.
    let mut later = sale(&person(1));
    later["scheduled_at"] = json!(in_a_day.to_rfc3339());
    rig.post(MESSAGES, &later).await.data(202);
    let data = rig
        .post(BROADCAST, &sale_to_all([person(1), person(2)]))
        .await
        .data(207);
    assert_eq!(reasons(&data), [json!("frequency_cap"), Value::Null]);
    // What was canceled reached nobody.
    rig.sql("UPDATE message SET state = 62, wake_at = NULL").await;
    rig.post(MESSAGES, &sale(&person(1))).await.data(202);
    rig.finish().await;
}

#[tokio::test]
async fn in_quiet_hours_marketing_waits_for_the_morning_and_everything_else_goes() {
    let rig = Rig::start().await;
    let now = Clock::system().now();
    let clock = |at: DateTime<Utc>| at.format("%H:%M").to_string();
    let (start, end) = (now - TimeDelta::hours(1), now + TimeDelta::hours(2));
    rig.policies(json!({"quiet_hours": {"start": clock(start), "end": clock(end)}}))
        .await;
    // One sleeps, by the clock of the test; the other is half around the world.
    let zone = async |n: usize, zone: &str| {
        let path = format!("/api/v1/contacts/{}", person(n).replace('+', "%2B"));
        rig.request("PUT", &path)
            .json(&json!({"zone": zone}))
            .send()
            .await
            .data(200)
    };
    assert_eq!(zone(1, "UTC").await["zones"], json!(["UTC"]));
    zone(2, "Asia/Tokyo").await;
    let morning = chrono::DurationRound::duration_trunc(end, TimeDelta::minutes(1)).unwrap();

    let asleep = rig.post(MESSAGES, &sale(&person(1))).await.data(202);
    let awake = rig.post(MESSAGES, &sale(&person(2))).await.data(202);
    let utility = rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    let data = rig
        .post(BROADCAST, &sale_to_all([person(1), person(2)]))
        .await
        .data(200);

    assert_eq!(
        (&asleep["status"], &asleep["reason"]["code"]),
        (&json!("pending"), &json!("quiet_hours"))
    );
    assert!(awake.get("reason").is_none() && utility.get("reason").is_none());
    assert_eq!(reasons(&data), [json!("quiet_hours"), Value::Null]);
    let rows = rig
        .sql("SELECT recipient, state, reason, wake_at FROM message ORDER BY id")
        .await;
    for row in rows {
        let waits = row["reason"] == "quiet_hours";
        let wake_at: DateTime<Utc> = row["wake_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(row["state"], if waits { 10 } else { 20 }, "{row}");
        assert_eq!(waits, wake_at == morning, "{row}, morning at {morning}");
        assert!(!waits || row["recipient"] == person(1));
    }
    assert_eq!(rig.count("message WHERE reason = 'quiet_hours'").await, 2);
    let path = format!("/api/v1/messages/{}/explain", asleep["message_id"].as_str().unwrap());
    let story = rig.get(&path).await.data(200);
    let steps = story["rules"]["steps"].as_array().unwrap();
    let night = steps.iter().find(|step| step["rule"] == "quiet_hours").unwrap();
    assert_eq!(
        (&night["verdict"], &night["facts"]["zones"]),
        (&json!("wait"), &json!(["UTC"]))
    );
    assert_eq!(
        rig.rung(&rig.topology.queues.bulk, 1).await.len(),
        1,
        "the one awake does not wait for the other"
    );
    rig.finish().await;
}

#[tokio::test]
async fn a_zone_is_kept_and_forgotten_and_a_wrong_one_is_named() {
    let rig = Rig::start().await;
    let put = async |phone: &str, body: Value| {
        let path = format!("/api/v1/contacts/{phone}");
        rig.request("PUT", &path).json(&body).send().await
    };
    let berlin = json!({"zone": "Europe/Berlin"});

    let told = put("%2B15551234567", berlin.clone()).await.data(200);
    assert_eq!(
        told,
        json!({"phone": "+15551234567", "zone": "Europe/Berlin", "zones": ["Europe/Berlin"]})
    );
    assert_eq!(rig.count("recipient_zone").await, 1);
    let forgotten = put("%2B15551234567", json!({"zone": null})).await.data(200);
    assert_eq!(
        (&forgotten["zone"], &forgotten["zones"][0]),
        (&Value::Null, &json!("America/New_York"))
    );
    assert_eq!(rig.count("recipient_zone").await, 0);
    for (body, field) in [
        (json!({"zone": "Mars/Olympus"}), "zone"),
        (json!({"zone": 1}), "zone"),
        (json!({}), "zone"),
        (json!({"zone": null, "city": "Berlin"}), "city"),
    ] {
        let error = put("%2B15551234567", body.clone()).await.error(422, "VALIDATION_ERROR");
        assert_eq!(error["details"]["field"], field, "{body}");
    }
    put("555", berlin).await.error(422, "INVALID_PHONE_NUMBER");
    rig.finish().await;
}
