//! What may be read: one message with its story, lists page by page, and only one's own.

use serde_json::{Value, json};

use crate::client::Request;
use crate::rig::{BROADCAST, MESSAGES, Rig, hello, hello_all, person};

async fn sent(rig: &Rig, n: usize) -> String {
    rig.post(MESSAGES, &hello(&person(n))).await.data(202)["message_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|message| message["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_message_tells_its_whole_story() {
    let rig = Rig::start().await;
    let mut body = hello(&person(1));
    body["metadata"] = json!({"order": 5});
    let data = rig.post(MESSAGES, &body).await.data(202);
    let id = data["message_id"].as_str().unwrap();
    rig.sql(&format!(
        "UPDATE message SET state = 50, delivery = 4, wamid = 'wamid.A', attempt = 2, wake_at = NULL;
         INSERT INTO attempt VALUES ('{id}', 1, gen_random_uuid(), now(), now(), 120, 'rejected', 400, '{{\"code\": 131000}}');
         INSERT INTO attempt VALUES ('{id}', 2, gen_random_uuid(), now(), '2026-01-01T00:00:00Z', 80, 'accepted', 200, NULL);
         INSERT INTO status_event VALUES ('{id}', 'sent', '2026-01-01T00:00:01Z', 2, now()),
             ('{id}', 'delivered', '2026-01-01T00:00:02Z', 2, now()), ('{id}', 'read', '2026-01-01T00:00:03Z', 2, now())"
    ))
    .await;

    let message = rig.get(&format!("/api/v1/messages/{id}")).await.data(200);

    assert_eq!(
        (
            &message["id"],
            &message["status"],
            &message["channel"],
            &message["to"],
            &message["from"],
            &message["type"],
            &message["wamid"]
        ),
        (
            &json!(id),
            &json!("read"),
            &json!("whatsapp"),
            &json!(person(1)),
            &json!(rig.tenant.phone),
            &json!("template"),
            &json!("wamid.A")
        )
    );
    assert_eq!(message["created_at"], data["created_at"]);
    assert_eq!(message["metadata"], json!({"order": 5}));
    assert_eq!(
        message["timestamps"],
        json!({
            "accepted_at": "2026-01-01T00:00:00.000Z", "sent_at": "2026-01-01T00:00:01.000Z",
            "delivered_at": "2026-01-01T00:00:02.000Z", "read_at": "2026-01-01T00:00:03.000Z", "failed_at": null,
        })
    );
    assert_eq!(
        (
            &message["attempts"][0]["outcome"],
            &message["attempts"][0]["http_status"]
        ),
        (&json!("rejected"), &json!(400))
    );
    assert_eq!(message["attempts"].as_array().unwrap().len(), 2);
    assert_eq!((&message["reason"], &message["error"]), (&Value::Null, &Value::Null));
    rig.finish().await;
}

#[tokio::test]
async fn a_failure_carries_meta_s_code_and_what_to_do() {
    let rig = Rig::start().await;
    let id = sent(&rig, 1).await;
    rig.sql(&format!(
        "UPDATE message SET state = 50, delivery = 2, wake_at = NULL;
         INSERT INTO status_event VALUES ('{id}', 'failed', '2026-01-01T00:00:01Z', 1, now(), '[{{\"code\": 131026}}]')"
    ))
    .await;

    let message = rig.get(&format!("/api/v1/messages/{id}")).await.data(200);

    assert_eq!(
        (&message["status"], &message["error"]["code"]),
        (&json!("failed"), &json!("131026"))
    );
    assert_eq!(message["timestamps"]["failed_at"], "2026-01-01T00:00:01.000Z");
    for field in ["title", "category", "advice"] {
        assert!(message["error"][field].is_string(), "{field}: {message}");
    }
    assert!(message["error"]["retriable"].is_boolean());
    rig.finish().await;
}

#[tokio::test]
async fn a_list_comes_page_by_page_newest_first_without_gaps() {
    let rig = Rig::start().await;
    let mut expected = Vec::new();
    for n in 0..7 {
        expected.insert(0, sent(&rig, n).await);
    }
    expected.sort_by(|one, other| other.cmp(one));

    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = rig.get(&format!("/api/v1/messages?limit=3&cursor={cursor}")).await;
        let pagination = page.body["meta"]["pagination"].clone();
        seen.extend(ids(&page.data(200)));
        if pagination["has_more"] == false {
            assert_eq!(pagination["cursor"], Value::Null);
            break;
        }
        cursor = pagination["cursor"].as_str().unwrap().to_owned();
    }

    assert_eq!(seen, expected);
    rig.finish().await;
}

#[tokio::test]
async fn a_list_is_filtered() {
    let rig = Rig::start().await;
    let data = rig.post(BROADCAST, &hello_all(0, 3)).await.data(200);
    let flow = data["broadcast_id"].as_str().unwrap().to_owned();
    let single = sent(&rig, 10).await;
    let mut later = hello(&person(11));
    later["scheduled_at"] = json!(runtime::Clock::system().now() + chrono::TimeDelta::hours(1));
    let scheduled = rig.post(MESSAGES, &later).await.data(202)["message_id"]
        .as_str()
        .unwrap()
        .to_owned();
    rig.sql("UPDATE message SET state = 50, wake_at = NULL, delivery = 3 WHERE seq = 1")
        .await;
    rig.sql("UPDATE message SET state = 63, wake_at = NULL WHERE seq = 2")
        .await;
    let list = async |filter: String| ids(&rig.get(&format!("/api/v1/messages?{filter}")).await.data(200));

    assert_eq!(list(String::new()).await.len(), 5);
    assert_eq!(list(format!("broadcast_id={flow}")).await.len(), 3);
    assert_eq!(list("status=delivered".into()).await.len(), 1);
    assert_eq!(list("status=unknown".into()).await.len(), 1);
    assert_eq!(list("status=read".into()).await.len(), 0);
    assert_eq!(list("status=pending".into()).await.len(), 2);
    assert_eq!(list("status=scheduled".into()).await, [scheduled]);
    assert_eq!(list(format!("to={}", person(10))).await, [single]);
    assert_eq!(
        list(format!("from={}&limit=2", rig.tenant.phone_number_id)).await.len(),
        2
    );
    assert_eq!(list("from=999".into()).await.len(), 0);
    assert_eq!(
        list("since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z".into())
            .await
            .len(),
        0
    );
    assert_eq!(list("since=2020-01-01T00:00:00%2B01:00".into()).await.len(), 5);
    rig.finish().await;
}

#[tokio::test]
async fn a_wrong_filter_is_named() {
    let rig = Rig::start().await;
    let check = async |query: &str, status: u16, code: &str, field: &str| {
        let error = rig.get(&format!("/api/v1/messages?{query}")).await.error(status, code);
        assert_eq!(error["details"]["field"], field, "{error}");
    };

    check("status=queued", 422, "VALIDATION_ERROR", "status").await;
    check("broadcast_id=5", 422, "VALIDATION_ERROR", "broadcast_id").await;
    check("to=5", 422, "INVALID_PHONE_NUMBER", "to").await;
    check("since=yesterday", 422, "VALIDATION_ERROR", "since").await;
    check("limit=0", 422, "VALIDATION_ERROR", "limit").await;
    check("limit=201", 422, "VALIDATION_ERROR", "limit").await;
    check("page=2", 422, "VALIDATION_ERROR", "page").await;
    check("cursor=abc", 400, "INVALID_CURSOR", "cursor").await;
    check("to=%2B16660000001&to=%2B16660000002", 422, "VALIDATION_ERROR", "to").await;
    check("to=%00", 422, "VALIDATION_ERROR", "to").await;
    rig.finish().await;
}

#[tokio::test]
async fn a_tenant_sees_its_own_and_nothing_else() {
    let rig = Rig::start().await;
    let other = rig.neighbour().await;
    let id = sent(&rig, 1).await;
    let flow = rig.post(BROADCAST, &hello_all(2, 2)).await.data(200)["broadcast_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let theirs = |method: &str, path: &str| Request::new(rig.addr, method, path).header("x-api-key", &other.api_key);

    theirs("GET", &format!("/api/v1/messages/{id}"))
        .send()
        .await
        .error(404, "NOT_FOUND");
    theirs("GET", &format!("/api/v1/broadcasts/{flow}"))
        .send()
        .await
        .error(404, "NOT_FOUND");
    assert_eq!(theirs("GET", "/api/v1/messages").send().await.data(200), json!([]));
    assert_eq!(
        theirs("GET", &format!("/api/v1/messages?broadcast_id={flow}"))
            .send()
            .await
            .data(200),
        json!([])
    );
    // Neither may it send from a number that is not its own.
    let mut body = hello(&person(1));
    body["from"] = json!(rig.tenant.phone);
    theirs("POST", MESSAGES)
        .json(&body)
        .send()
        .await
        .error(422, "SENDER_NOT_FOUND");
    rig.finish().await;
}
