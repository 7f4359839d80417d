//! Campaigns at the door: made, filled with recipients, started and stopped.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::rig::{Rig, person};

async fn make(rig: &Rig, more: Value) -> String {
    let mut body = json!({"name": "Spring", "template_name": "sale", "template_params": ["10 %"]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let data = rig.post("/api/v1/campaigns", &body).await.data(201);
    assert_eq!(data["status"], "draft");
    data["campaign_id"].as_str().unwrap().to_owned()
}

async fn csv(rig: &Rig, id: &str, query: &str, text: &str) -> Answer {
    let path = format!("/api/v1/campaigns/{id}/recipients{query}");
    let request = rig.request("POST", &path).header("content-type", "text/csv");
    request.body(text).send().await
}

async fn command(rig: &Rig, id: &str, word: &str) -> Answer {
    rig.post(&format!("/api/v1/campaigns/{id}/{word}"), &json!({})).await
}

fn people(first: usize, count: usize) -> String {
    let lines = (first..first + count).map(|n| format!("{}\n", person(n)));
    format!("to\n{}", lines.collect::<String>())
}

#[tokio::test]
async fn recipients_come_in_any_form_and_bad_lines_are_named() {
    let rig = Rig::start().await;
    let id = make(&rig, json!({})).await;
    let path = format!("/api/v1/campaigns/{id}/recipients");
    let text = format!(
        "to,1\n{},20 %\nnobody,5 %\n{}\n{},\"30\n%\"\n{},\n{},1 %\n",
        person(1),
        person(2),
        person(3),
        person(4),
        person(1)
    );

    let data = csv(&rig, &id, "", &text).await.data(200);

    assert_eq!(
        (&data["added"], &data["duplicates"], &data["invalid"], &data["audience"]),
        (&json!(2), &json!(1), &json!(3), &json!(2))
    );
    let errors = data["errors"].as_array().unwrap();
    let told: Vec<_> = errors
        .iter()
        .map(|error| (error["line"].as_u64().unwrap(), error["field"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            (3, "to"),
            (4, "columns"),
            (7, "template.components[0].parameters[0].text")
        ]
    );

    let lines = format!(
        "{{\"to\": \"{}\"}}\n{{\"to\": \"{}\", \"template_params\": [\"1\", \"2\"]}}\n",
        person(5),
        person(6)
    );
    let request = rig
        .request("POST", &path)
        .header("content-type", "application/x-ndjson");
    let data = request.body(lines).send().await.data(200);
    assert_eq!((&data["added"], &data["errors"][0]["line"]), (&json!(1), &json!(2)));

    let body = json!({"recipients": [{"to": person(5)}, {"to": person(7), "metadata": {"row": 7}}]});
    let data = rig.post(&path, &body).await.data(200);
    assert_eq!(
        (&data["added"], &data["duplicates"], &data["audience"]),
        (&json!(1), &json!(1), &json!(4))
    );

    let shown = rig.get(&format!("/api/v1/campaigns/{id}")).await.data(200);
    assert_eq!(
        (
            &shown["status"],
            &shown["audience"],
            &shown["invalid"],
            &shown["duplicates"]
        ),
        (&json!("adding"), &json!(4), &json!(4), &json!(2))
    );
    assert_eq!(shown["progress"]["counts"], json!({"scheduled": 4}));
    rig.finish().await;
}

#[tokio::test]
async fn a_chunk_is_added_once_and_whole_or_not_at_all() {
    let rig = Rig::start().await;
    let id = make(&rig, json!({})).await;
    let first = csv(&rig, &id, "?chunk=1", &people(0, 10)).await;
    assert_eq!(first.status, 200);
    let again = csv(&rig, &id, "?chunk=1", &people(0, 10)).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.data(200), first.data(200));
    csv(&rig, &id, "?chunk=1", &people(0, 11))
        .await
        .error(409, "IDEMPOTENCY_CONFLICT");

    let strict = csv(&rig, &id, "?strict=true", &format!("{}nobody\n", people(100, 5))).await;
    let error = strict.error(422, "VALIDATION_ERROR");
    assert_eq!(
        (&error["details"]["errors"][0]["line"], &error["details"]["invalid"]),
        (&json!(7), &json!(1))
    );
    assert_eq!(rig.count("campaign_recipient").await, 10);

    // After the start a chunk that came before gets its answer, and a new one is too late.
    command(&rig, &id, "start").await.data(200);
    csv(&rig, &id, "?chunk=1", &people(0, 10)).await.data(200);
    let late = csv(&rig, &id, "?chunk=2", &people(20, 1))
        .await
        .error(409, "CAMPAIGN_STATE");
    assert_eq!(late["details"]["status"], "running");
    rig.finish().await;
}

#[tokio::test]
async fn many_lines_are_kept_in_batches() {
    let rig = Rig::start().await;
    let id = make(&rig, json!({})).await;

    let data = csv(&rig, &id, "", &format!("{}{}\n", people(0, 12_000), person(3)))
        .await
        .data(200);

    assert_eq!((&data["added"], &data["duplicates"]), (&json!(12_000), &json!(1)));
    let gaps = rig
        .sql("SELECT max(seq) - count(*) AS gaps FROM campaign_recipient")
        .await;
    assert_eq!(gaps[0]["gaps"], 0);
    rig.finish().await;
}

#[tokio::test]
async fn a_campaign_is_started_paused_resumed_and_canceled() {
    let rig = Rig::start().await;
    let id = make(&rig, json!({})).await;
    command(&rig, &id, "start").await.error(409, "CAMPAIGN_STATE");
    csv(&rig, &id, "", &people(0, 20)).await.data(200);
    command(&rig, &id, "pause").await.error(409, "CAMPAIGN_STATE");
    assert_eq!(command(&rig, &id, "start").await.data(200)["status"], "running");
    command(&rig, &id, "start").await.error(409, "CAMPAIGN_STATE");

    assert_eq!(command(&rig, &id, "pause").await.data(200)["waiting"], 20);
    assert_eq!(command(&rig, &id, "pause").await.data(200)["status"], "paused");
    assert_eq!(command(&rig, &id, "resume").await.data(200)["status"], "running");
    let canceled = command(&rig, &id, "cancel").await.data(200);
    assert_eq!(
        canceled,
        json!({"campaign_id": id, "status": "canceled", "audience": 20, "handed_over": 0, "canceled": 20, "refused": 0, "waiting": 0})
    );
    assert_eq!(command(&rig, &id, "cancel").await.data(200), canceled);
    command(&rig, &id, "resume").await.error(409, "CAMPAIGN_STATE");
    let shown = rig.get(&format!("/api/v1/campaigns/{id}")).await.data(200);
    assert_eq!(
        (&shown["progress"]["counts"], &shown["progress"]["percent"]),
        (&json!({"canceled": 20}), &json!(100.0))
    );
    rig.finish().await;
}

#[tokio::test]
async fn by_the_recipients_own_clock_each_zone_has_its_time() {
    let rig = Rig::start().await;
    let id = make(&rig, json!({"scheduled_local": "2027-07-01T09:00"})).await;
    let text = "to,zone\n+4915112345678,\n+919812345678,\n+15551234567,America/Phoenix\n+4915112345679,Asia/Tokyo\n+4915112345670,nowhere\n";
    let data = csv(&rig, &id, "", text).await.data(200);
    assert_eq!(
        (&data["added"], &data["errors"][0]["field"]),
        (&json!(4), &json!("zone"))
    );
    rig.sql("SELECT 1").await;

    let started = command(&rig, &id, "start").await.data(200);

    assert_eq!(
        (&started["status"], &started["starts_at"]),
        (&json!("scheduled"), &json!("2027-07-01T00:00:00.000Z"))
    );
    let parts = rig
        .sql("SELECT zone, (starts_at AT TIME ZONE 'UTC')::time::text AS at FROM campaign_part ORDER BY starts_at")
        .await;
    let parts: Vec<(&str, &str)> = parts
        .iter()
        .map(|row| (row["zone"].as_str().unwrap(), row["at"].as_str().unwrap()))
        .collect();
    assert_eq!(
        parts,
        [
            ("Asia/Tokyo", "00:00:00"),
            ("Asia/Kolkata", "03:30:00"),
            ("Europe/Berlin", "07:00:00"),
            ("America/Phoenix", "16:00:00")
        ]
    );
    // Moved to winter, the same hour is another instant.
    let path = format!("/api/v1/campaigns/{id}/reschedule");
    rig.post(&path, &json!({"scheduled_local": "2027-01-10T09:00"}))
        .await
        .data(200);
    let berlin = rig
        .sql("SELECT starts_at FROM campaign_part WHERE zone = 'Europe/Berlin'")
        .await;
    assert_eq!(berlin[0]["starts_at"], "2027-01-10T08:00:00+00:00");
    let wrong = rig.post(&path, &json!({"scheduled_at": "2027-01-10T09:00:00Z"})).await;
    assert_eq!(
        wrong.error(422, "VALIDATION_ERROR")["details"]["field"],
        "scheduled_local"
    );
    rig.finish().await;
}

#[tokio::test]
async fn a_preflight_tells_who_goes_who_does_not_and_why() {
    let rig = Rig::start().await;
    let id = make(&rig, json!({"tier_reserve_percent": 0})).await;
    csv(&rig, &id, "", &people(0, 30)).await.data(200);
    rig.sql(&format!(
        "INSERT INTO suppression SELECT id, '{}', 'api', now() FROM organization;
         INSERT INTO balance_account (organization_id, currency, available, funded) SELECT id, 'EUR', 1000000, 1000000 FROM organization;
         INSERT INTO rate SELECT id, '', 2, 50000 FROM organization; INSERT INTO rate SELECT id, '', 1, 50000 FROM organization;
         INSERT INTO rate SELECT id, '', 3, 50000 FROM organization;
         UPDATE limit_scope SET max_members = 12",
        person(3)
    ))
    .await;

    let told = rig.get(&format!("/api/v1/campaigns/{id}/preflight")).await.data(200);

    assert_eq!((&told["audience"], &told["go"]), (&json!(30), &json!(29)));
    assert_eq!(
        (&told["fail"][0]["code"], &told["fail"][0]["count"]),
        (&json!("opted_out"), &json!(1))
    );
    assert_eq!(
        (&told["cost"]["amount"], &told["cost"]["is_covered"]),
        (&json!("1.45"), &json!(false))
    );
    assert_eq!(
        (&told["tier_left"], &told["waits_for_tier"]),
        (&json!(12), &json!(true))
    );
    assert_eq!(told["countries"], json!([{"calling_code": "+1", "count": 30}]));
    assert_eq!(rig.count("message").await, 0, "nothing was changed");
    let plan = rig.get(&format!("/api/v1/campaigns/{id}/plan")).await.data(200);
    let hours: Vec<u64> = plan["hours"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hour| hour["messages"].as_u64().unwrap())
        .collect();
    assert_eq!(hours, [12, 12, 6]);
    rig.finish().await;
}

#[tokio::test]
async fn a_retry_goes_to_those_who_were_not_reached() {
    let rig = Rig::start().await;
    let id = make(&rig, json!({})).await;
    csv(&rig, &id, "", &people(0, 4)).await.data(200);
    command(&rig, &id, "start").await.data(200);
    // As the pipeline would leave it: one was reached, one refused, one not delivered, and of one nobody knows.
    rig.sql(include_str!("campaign_outcomes.sql")).await;
    rig.sql("UPDATE campaign_part SET filled = 4; UPDATE campaign SET status = 'done', ended_at = now()")
        .await;

    let again = command(&rig, &id, "retry").await.data(201);

    assert_eq!(
        (&again["retry_of"], &again["audience"], &again["status"]),
        (&json!(id), &json!(2), &json!("running"))
    );
    let listed = rig.get("/api/v1/campaigns?limit=1").await;
    assert_eq!(listed.body["meta"]["pagination"]["has_more"], true);
    assert_eq!(listed.data(200)[0]["campaign_id"], again["campaign_id"]);
    let done = rig.get("/api/v1/campaigns?status=done").await.data(200);
    assert_eq!(done.as_array().unwrap().len(), 1);
    let nobody = again["campaign_id"].as_str().unwrap();
    command(&rig, nobody, "retry").await.error(409, "CAMPAIGN_STATE");
    rig.finish().await;
}

#[tokio::test]
async fn mistakes_are_named_and_neighbours_kept_out() {
    let rig = Rig::start().await;
    for (body, code, field) in [
        (json!({"template_name": "nothing"}), "VALIDATION_ERROR", "template_name"),
        (
            json!({"template_name": "sale", "template_language": "de"}),
            "VALIDATION_ERROR",
            "template_name",
        ),
        (
            json!({"template_name": "sale", "from": "+15550009999"}),
            "SENDER_NOT_FOUND",
            "from[0]",
        ),
        (json!({"template_name": "sale", "nane": 1}), "VALIDATION_ERROR", "nane"),
    ] {
        let error = rig.post("/api/v1/campaigns", &body).await.error(422, code);
        assert_eq!(error["details"]["field"], field);
    }
    let id = make(&rig, json!({})).await;
    let neighbour = rig.neighbour().await;
    for (method, path) in [
        ("GET", ""),
        ("GET", "/plan"),
        ("GET", "/preflight"),
        ("POST", "/start"),
        ("POST", "/cancel"),
        ("POST", "/recipients"),
        ("POST", "/retry"),
    ] {
        let path = format!("/api/v1/campaigns/{id}{path}");
        let request = crate::client::Request::new(rig.addr, method, &path).header("x-api-key", &neighbour.api_key);
        request
            .json(&json!({"recipients": []}))
            .send()
            .await
            .error(404, "NOT_FOUND");
    }
    let xml = rig
        .request("POST", &format!("/api/v1/campaigns/{id}/recipients"))
        .header("content-type", "text/xml");
    xml.body("<a/>").send().await.error(415, "UNSUPPORTED_MEDIA_TYPE");

    let keyed = || {
        rig.request("POST", "/api/v1/campaigns")
            .header("idempotency-key", "spring")
    };
    let first = keyed().json(&json!({"template_name": "sale"})).send().await.data(201);
    assert_eq!(
        keyed().json(&json!({"template_name": "sale"})).send().await.data(201),
        first
    );
    keyed()
        .json(&json!({"template_name": "hello"}))
        .send()
        .await
        .error(409, "IDEMPOTENCY_CONFLICT");
    rig.finish().await;
}
