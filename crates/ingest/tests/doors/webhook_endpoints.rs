//! Webhook endpoints: made, changed, rotated, tested, replayed, and refused where they point inside.

use domain::webhook::Secret;
use serde_json::{Value, json};
use testkit::hostile;
use testkit::seed::Choice;

use crate::client::Request;
use crate::rig::{BROADCAST, MESSAGES, Rig, hello, hello_all, person};

const ENDPOINTS: &str = "/api/v1/webhook-endpoints";
/// An address that may be called in these tests; nobody calls it.
const URL: &str = "http://127.0.0.1:9/hook";

impl Rig {
    async fn endpoint(&self) -> (String, Value) {
        let made = self.post(ENDPOINTS, &json!({"url": URL})).await.data(201);
        let path = format!("{ENDPOINTS}/{}", made["endpoint_id"].as_str().unwrap());
        (path, made)
    }
}

#[tokio::test]
async fn an_endpoint_is_made_with_a_secret_shown_changed_and_deleted() {
    let rig = Rig::start().await;
    let body = json!({"url": URL, "events": ["message.*", "number.paused"], "description": "CRM", "concurrency": 9});

    let made = rig.post(ENDPOINTS, &body).await.data(201);

    let path = format!("{ENDPOINTS}/{}", made["endpoint_id"].as_str().unwrap());
    let secret = made["secret"].as_str().unwrap();
    assert!(Secret::parse(secret).is_ok());
    assert_eq!(rig.get(&format!("{path}/secret")).await.data(200)["secret"], secret);
    let shown = rig.get(&path).await.data(200);
    assert_eq!(shown["secret"], Value::Null);
    for (field, expected) in [
        ("url", json!(URL)),
        ("events", body["events"].clone()),
        ("description", json!("CRM")),
        ("concurrency", json!(9)),
        ("enabled", json!(true)),
        ("status", json!("healthy")),
        ("of_messages", json!(false)),
    ] {
        assert_eq!(shown[field], expected, "{field}");
    }
    assert_eq!(rig.get(ENDPOINTS).await.data(200), json!([shown]));

    let patch = json!({"enabled": false, "events": ["*"]});
    let changed = rig.request("PATCH", &path).json(&patch).send().await.data(200);
    assert_eq!(
        (&changed["enabled"], &changed["disabled_reason"]),
        (&json!(false), &json!("operator"))
    );
    assert_eq!((&changed["events"], &changed["url"]), (&json!(["*"]), &json!(URL)));
    rig.post(&format!("{path}/test"), &json!({}))
        .await
        .error(409, "CONFLICT");
    let changed = rig
        .request("PATCH", &path)
        .json(&json!({"enabled": true}))
        .send()
        .await
        .data(200);
    assert_eq!(changed["enabled"], true);

    rig.request("DELETE", &path).send().await.data(200);
    rig.get(&path).await.error(404, "NOT_FOUND");
    assert_eq!(rig.get(ENDPOINTS).await.data(200), json!([]));
    rig.finish().await;
}

#[tokio::test]
async fn a_secret_can_be_brought_along_and_rotated() {
    let rig = Rig::start().await;
    let mine = Secret::new(&[3; 32]).reveal();
    let made = rig
        .post(ENDPOINTS, &json!({"url": URL, "secret": mine}))
        .await
        .data(201);
    assert_eq!(made["secret"], mine);
    let path = format!("{ENDPOINTS}/{}", made["endpoint_id"].as_str().unwrap());

    let rotated = rig
        .post(&format!("{path}/rotate-secret"), &json!({"overlap_hours": 2}))
        .await
        .data(200);

    assert_ne!(rotated["secret"], mine);
    assert_eq!(
        rig.get(&format!("{path}/secret")).await.data(200)["secret"],
        rotated["secret"]
    );
    assert_eq!(
        rig.get(&path).await.data(200)["old_secret_until"],
        rotated["old_secret_until"]
    );
    let error = rig
        .post(&format!("{path}/rotate-secret"), &json!({"overlap_hours": 9999}))
        .await;
    assert_eq!(
        error.error(422, "VALIDATION_ERROR")["details"]["field"],
        "overlap_hours"
    );
    rig.finish().await;
}

#[tokio::test]
async fn whatever_points_inside_is_refused_wherever_it_is_given() {
    let rig = Rig::with_policy(Choice::default(), "").await;
    assert!(hostile::ADDRESSES.len() >= 40);

    for address in hostile::ADDRESSES {
        let error = rig
            .post(ENDPOINTS, &json!({"url": address}))
            .await
            .error(422, "VALIDATION_ERROR");
        assert_eq!(error["details"]["field"], "url", "{address}");
        let mut message = hello(&person(1));
        message["webhook_url"] = json!(address);
        let error = rig.post(MESSAGES, &message).await.error(422, "VALIDATION_ERROR");
        assert_eq!(error["details"]["field"], "webhook_url", "{address}");
    }
    let mut broadcast = hello_all(1, 2);
    broadcast["webhook_url"] = json!("https://169.254.169.254/");
    rig.post(BROADCAST, &broadcast).await.error(422, "VALIDATION_ERROR");

    assert_eq!(
        (rig.count("webhook_endpoint").await, rig.count("message").await),
        (0, 0)
    );
    rig.finish().await;
}

#[tokio::test]
async fn an_endpoint_is_its_organizations_own_and_only_an_admin_changes_it() {
    let rig = Rig::start().await;
    let (path, _) = rig.endpoint().await;
    let neighbour = rig.neighbour().await;
    let as_neighbour =
        |method, path: &str| Request::new(rig.addr, method, path).header("x-api-key", &neighbour.api_key);

    for (method, below) in [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/secret"),
        ("POST", "/test"),
        ("POST", "/rotate-secret"),
        ("GET", "/deliveries"),
    ] {
        as_neighbour(method, &format!("{path}{below}"))
            .send()
            .await
            .error(404, "NOT_FOUND");
    }
    as_neighbour("POST", &format!("{path}/replay"))
        .json(&json!({"failed": true}))
        .send()
        .await
        .error(404, "NOT_FOUND");
    assert_eq!(as_neighbour("GET", ENDPOINTS).send().await.data(200), json!([]));

    rig.finish().await;
}

#[tokio::test]
async fn a_key_that_may_only_read_sees_endpoints_and_neither_secrets_nor_changes() {
    let rig = Rig::start().await;
    rig.sql(
        "UPDATE api_key SET scopes = '{messages:read}';
         INSERT INTO webhook_endpoint (id, organization_id, url, from_sequence, created_at)
         SELECT '00000000-0000-7000-8000-000000000001', o.id, 'https://example.com/', 0, now() FROM organization o",
    )
    .await;
    let path = format!("{ENDPOINTS}/00000000-0000-7000-8000-000000000001");

    rig.get(&path).await.data(200);
    rig.post(ENDPOINTS, &json!({"url": URL}))
        .await
        .error(403, "INSUFFICIENT_PERMISSIONS");
    rig.get(&format!("{path}/secret"))
        .await
        .error(403, "INSUFFICIENT_PERMISSIONS");
    rig.request("DELETE", &path)
        .send()
        .await
        .error(403, "INSUFFICIENT_PERMISSIONS");
    rig.finish().await;
}

#[tokio::test]
async fn the_log_is_paged_and_filtered_and_what_failed_is_replayed() {
    let rig = Rig::start().await;
    let (path, made) = rig.endpoint().await;
    let id = made["endpoint_id"].as_str().unwrap();
    rig.sql(&format!(
        "INSERT INTO webhook_delivery (endpoint_id, sequence, organization_id, state, wake_at, attempts, created_at, ended_at, http_status, took_ms, error, earlier)
         SELECT '{id}', n, organization_id, CASE WHEN n % 2 = 0 THEN 3 ELSE 4 END, NULL, 8, now(), now(), 500, 12, 'answered 500',
                '[{{\"ended_at\": \"2026-01-31T09:00:00Z\", \"http_status\": null, \"took_ms\": 7, \"error\": \"refused\"}}]'
         FROM webhook_endpoint, generate_series(1, 5) n"
    ))
    .await;

    let page = rig.get(&format!("{path}/deliveries?limit=2")).await;
    assert_eq!(
        page.body["meta"]["pagination"],
        json!({"cursor": "4", "has_more": true})
    );
    let first = &page.body["data"][0];
    assert_eq!(
        (&first["event_id"], &first["status"], &first["attempts"]),
        (&json!("acme0-5"), &json!("failed"), &json!(8))
    );
    assert_eq!(first["last_attempt"]["http_status"], 500);
    assert_eq!(
        (&first["earlier_attempts"][0]["took_ms"], &first["earlier_attempts"][1]),
        (&json!(7), &json!(null))
    );
    let next = rig.get(&format!("{path}/deliveries?limit=2&cursor=4")).await.data(200);
    assert_eq!(next[0]["sequence"], 3);
    let failed = rig.get(&format!("{path}/deliveries?status=failed")).await.data(200);
    assert_eq!(failed.as_array().unwrap().len(), 3);
    rig.get(&format!("{path}/deliveries?status=lost"))
        .await
        .error(422, "VALIDATION_ERROR");

    let replayed = rig
        .post(&format!("{path}/replay"), &json!({"failed": true}))
        .await
        .data(202);
    assert_eq!(replayed["replayed"], 3);
    let replayed = rig
        .post(
            &format!("{path}/replay"),
            &json!({"from_sequence": 1, "to_sequence": 3}),
        )
        .await
        .data(202);
    assert_eq!(replayed["replayed"], 1, "only 2 is over");
    let pending = rig.get(&format!("{path}/deliveries?status=pending")).await.data(200);
    assert_eq!(pending.as_array().unwrap().len(), 4);
    rig.finish().await;
}

#[tokio::test]
async fn there_is_an_end_to_how_many_endpoints_one_organization_has() {
    let rig = Rig::start().await;
    rig.sql(
        "INSERT INTO webhook_endpoint (id, organization_id, url, from_sequence, created_at)
         SELECT gen_random_uuid(), o.id, 'https://example.com/', 0, now() FROM organization o, generate_series(1, 100)",
    )
    .await;
    rig.post(ENDPOINTS, &json!({"url": URL})).await.error(409, "CONFLICT");
    rig.finish().await;
}
