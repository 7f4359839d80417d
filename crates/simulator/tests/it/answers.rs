//! What a POST or a read is answered with.

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulator::{Config, Inbound, Kind, Number, Template, Tier};

use crate::caller::{ANA, Meta, NUMBER, WABA, client, config, template, text};

#[tokio::test]
async fn an_accepted_template_is_answered_as_meta_answers() {
    let meta = Meta::start(config()).await;

    let (status, answer) = meta.post(&template("+1 (415) 555-0100", "a")).await;

    assert_eq!(status, StatusCode::OK);
    let wamid = answer["messages"][0]["id"].as_str().unwrap();
    assert!(wamid.starts_with("wamid."), "{wamid}");
    assert_eq!(
        answer,
        json!({
            "messaging_product": "whatsapp",
            "contacts": [{ "input": "+1 (415) 555-0100", "wa_id": "14155550100" }],
            "messages": [{ "id": wamid, "message_status": "accepted" }],
        })
    );
}

#[tokio::test]
async fn a_message_to_a_user_id_is_answered_with_the_user_id() {
    let meta = Meta::start(config()).await;
    let mut body = template(ANA, "a");
    body["to"] = Value::Null;
    body["recipient"] = "US.1234567890".into();

    let (status, answer) = meta.post(&body).await;

    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        answer["contacts"],
        json!([{ "input": "US.1234567890", "user_id": "US.1234567890" }])
    );
}

#[tokio::test]
async fn the_version_may_be_left_out_and_read_marks_succeed() {
    let meta = Meta::start(config()).await;
    let mark = json!({ "messaging_product": "whatsapp", "status": "read", "message_id": "wamid.IN" });

    let url = meta.url(&format!("/{NUMBER}/messages"));
    let response = client()
        .post(url)
        .bearer_auth("token")
        .json(&mark)
        .send()
        .await
        .unwrap();

    assert_eq!(response.json::<Value>().await.unwrap(), json!({ "success": true }));
    assert_eq!(meta.sim.report().read_marks, 1);
    assert_eq!(meta.sim.ledger()[0].kind, Kind::ReadMark);
}

#[tokio::test]
async fn token_comes_before_number_and_number_before_shape() {
    let meta = Meta::start(Config {
        access_tokens: vec!["the right one".into()],
        ..config()
    })
    .await;
    let client = client();
    let ask = |id: &str, token: &str| {
        client
            .post(meta.url(&format!("/v26.0/{id}/messages")))
            .bearer_auth(token)
            .body("not json")
            .send()
    };

    let wrong_token = ask("77", "another").await.unwrap();
    assert_eq!(wrong_token.status(), StatusCode::UNAUTHORIZED);
    let body: Value = wrong_token.json().await.unwrap();
    assert_eq!(body["error"]["code"], 190);
    assert!(body["error"].get("error_data").is_none());

    let unknown: Value = ask("77", "the right one").await.unwrap().json().await.unwrap();
    assert_eq!(
        (&unknown["error"]["code"], &unknown["error"]["error_subcode"]),
        (&json!(100), &json!(33))
    );

    let unreadable: Value = ask(NUMBER, "the right one").await.unwrap().json().await.unwrap();
    assert_eq!(unreadable["error"]["code"], 100);
    assert!(unreadable["error"]["fbtrace_id"].is_string());

    let codes: Vec<_> = meta
        .sim
        .ledger()
        .iter()
        .map(|entry| (entry.accepted, entry.code))
        .collect();
    assert_eq!(codes, [(false, Some(190)), (false, Some(100)), (false, Some(100))]);
}

#[tokio::test]
async fn a_missing_token_is_refused_even_when_any_token_will_do() {
    let meta = Meta::start(config()).await;
    let url = meta.url(&format!("/v26.0/{NUMBER}/messages"));

    let response = client().post(url).json(&template(ANA, "a")).send().await.unwrap();

    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_template_registry_is_kept() {
    let templates = vec![
        Template::new("order_update", "en_US", "Order {{1}} is on its way."),
        Template {
            status: "PAUSED".into(),
            ..Template::new("paused", "en_US", "Hello.")
        },
    ];
    let meta = Meta::start(Config { templates, ..config() }).await;
    let named = |name: &str| {
        let mut body = template(ANA, "a");
        body["template"]["name"] = name.into();
        body
    };
    let mut without = template(ANA, "b");
    without["template"]["components"] = json!([]);

    meta.accepted(&template(ANA, "c")).await;
    assert_eq!(meta.refused(&named("nowhere")).await, (404, 132_001));
    assert_eq!(meta.refused(&named("paused")).await, (400, 132_015));
    let (_, answer) = meta.post(&without).await;
    assert_eq!(
        answer["error"]["error_data"]["details"],
        "body: number of localizable_params (0) does not match the expected number of params (1)"
    );
}

#[tokio::test]
async fn a_number_cannot_write_to_itself() {
    let meta = Meta::start(config()).await;

    assert_eq!(meta.refused(&template("+15550001111", "a")).await, (400, 131_021));
}

#[tokio::test]
async fn an_unknown_number_is_registered_when_that_is_switched_on() {
    let meta = Meta::start(Config {
        auto_register: true,
        numbers: Vec::new(),
        ..config()
    })
    .await;

    meta.accepted(&template(ANA, "a")).await;

    assert_eq!(meta.sim.report().numbers[NUMBER].throughput, 80);
    assert_eq!(meta.get(&format!("/v26.0/{NUMBER}")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn numbers_and_templates_can_be_read() {
    let meta = Meta::start(Config {
        templates: vec![Template::new("order_update", "en_US", "Order {{1}} is on its way.")],
        default_tier: Tier::of(2_000),
        numbers: vec![Number::new(NUMBER, "+15550001111", WABA)],
        ..config()
    })
    .await;

    let (_, numbers) = meta
        .get(&format!(
            "/v26.0/{WABA}/phone_numbers?fields=display_phone_number,status"
        ))
        .await;
    let (_, templates) = meta
        .get(&format!("/v26.0/{WABA}/message_templates?status=approved"))
        .await;
    let fields = "fields=whatsapp_business_manager_messaging_limit";
    let (_, number) = meta.get(&format!("/v26.0/{NUMBER}?{fields}")).await;
    let (status, unknown) = meta.get("/v26.0/77/phone_numbers").await;

    assert_eq!(
        numbers["data"],
        json!([{ "id": NUMBER, "display_phone_number": "+15550001111", "status": "CONNECTED" }])
    );
    assert_eq!(templates["data"][0]["name"], "order_update");
    assert_eq!(
        templates["data"][0]["components"][0]["text"],
        "Order {{1}} is on its way."
    );
    assert_eq!(
        number,
        json!({ "id": NUMBER, "whatsapp_business_manager_messaging_limit": "TIER_2K" })
    );
    assert_eq!(
        (status, &unknown["error"]["error_subcode"]),
        (StatusCode::BAD_REQUEST, &json!(33))
    );
}

#[tokio::test]
async fn the_ledger_tells_every_post_in_order() {
    let meta = Meta::start(config()).await;
    meta.sim.inbound(&Inbound::text(NUMBER, ANA, "hi")).unwrap();

    let wamid = meta.accepted(&text(ANA, "a")).await;
    meta.refused(&json!({})).await;

    let ledger = meta.sim.ledger();
    assert_eq!(ledger.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2]);
    let first = &ledger[0];
    assert_eq!(first.wamid.as_deref(), Some(wamid.as_str()));
    assert_eq!(first.recipient.as_deref(), Some("14155550100"));
    assert_eq!(first.opaque.as_deref(), Some("1.a.1.mac"));
    assert_eq!(
        (first.kind, first.accepted, first.status),
        (Kind::FreeForm, true, Some(200))
    );
    assert_eq!(first.body_hash.len(), 32);
    assert_eq!(
        (ledger[1].kind, ledger[1].accepted, ledger[1].code),
        (Kind::Unreadable, false, Some(100))
    );
    assert!(ledger[0].arrival_ns < ledger[1].arrival_ns);
}
