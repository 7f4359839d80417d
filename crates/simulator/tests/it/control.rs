//! The control interface over HTTP.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulator::{Config, Entry, Report, Running, Simulator};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::caller::{ANA, Meta, NUMBER, SOON, client, config, template, text};
use crate::receiver::Receiver;

#[tokio::test]
async fn faults_can_be_set_and_lifted_at_run_time() {
    let meta = Meta::start(config()).await;
    let faults = json!([{ "kind": "error", "code": 131_057, "http_status": 500, "numbers": [NUMBER] }]);

    assert_eq!(
        meta.control(Method::PUT, "/_sim/faults", &faults).await.0,
        StatusCode::OK
    );
    assert_eq!(meta.refused(&template(ANA, "a")).await, (500, 131_057));
    meta.control(Method::PUT, "/_sim/faults", &json!([])).await;
    meta.accepted(&template(ANA, "a")).await;

    let (status, answer) = meta
        .control(Method::PUT, "/_sim/faults", &json!([{ "kind": "gremlins" }]))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"].as_str().unwrap().contains("gremlins"), "{answer}");
}

#[tokio::test]
async fn the_configuration_can_be_patched_at_run_time() {
    let receiver = Receiver::start(&config().app_secret).await;
    let meta = Meta::start(Config {
        numbers: Vec::new(),
        ..config()
    })
    .await;
    assert_eq!(meta.refused(&template(ANA, "a")).await, (400, 100));

    let patch = json!({
        "webhook_url": receiver.url,
        "numbers": [{ "phone_number_id": NUMBER, "phone": "+15550001111", "waba_id": "1000001", "throughput": 20 }],
        "templates": [{ "name": "order_update", "language": "en_US", "body_parameters": 1 }],
    });
    assert_eq!(
        meta.control(Method::PUT, "/_sim/config", &patch).await,
        (StatusCode::OK, json!({ "ok": true }))
    );

    meta.accepted(&template(ANA, "a")).await;
    receiver.wait_for_statuses(3).await;
    assert_eq!(meta.sim.report().numbers[NUMBER].throughput, 20);
    let (status, answer) = meta
        .control(Method::PUT, "/_sim/config", &json!({ "limits": { "day": 1 } }))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"].as_str().unwrap().contains("day"), "{answer}");
}

#[tokio::test]
async fn an_inbound_message_opens_the_window_over_http() {
    let meta = Meta::start(config()).await;

    let inbound = json!({ "phone_number_id": NUMBER, "from": ANA, "text": "hi" });
    let (status, answer) = meta.control(Method::POST, "/_sim/inbound", &inbound).await;
    meta.accepted(&text(ANA, "a")).await;

    assert_eq!(status, StatusCode::OK);
    assert!(answer["wamid"].as_str().unwrap().starts_with("wamid."));
    assert!(meta.sim.report().ok);
    for bad in [
        json!({ "phone_number_id": "77", "from": ANA, "text": "hi" }),
        json!({ "phone_number_id": NUMBER, "from": "Ana", "text": "hi" }),
        json!({ "phone_number_id": NUMBER, "from": ANA, "type": "image" }),
    ] {
        assert_eq!(
            meta.control(Method::POST, "/_sim/inbound", &bad).await.0,
            StatusCode::BAD_REQUEST,
            "{bad}"
        );
    }
    assert_eq!(meta.sim.report().inbound, 1);
}

#[tokio::test]
async fn report_and_ledger_over_http_are_those_of_the_library() {
    let meta = Meta::start(config()).await;
    for id in ["a", "b", "c"] {
        meta.accepted(&template(ANA, id)).await;
    }

    let (_, report) = meta.get("/_sim/report").await;
    let (_, page) = meta.get("/_sim/ledger?after=1&limit=1").await;

    assert_eq!(serde_json::from_value::<Report>(report).unwrap(), meta.sim.report());
    assert_eq!(
        serde_json::from_value::<Vec<Entry>>(page["entries"].clone()).unwrap(),
        meta.sim.ledger()[1..2]
    );
    assert_eq!(page["next"], 2);
    assert_eq!(
        meta.get("/_sim/ledger?after=3").await.1,
        json!({ "entries": [], "next": 3 })
    );
}

#[tokio::test]
async fn a_reset_forgets_what_happened_and_drops_webhooks_that_wait() {
    let receiver = Receiver::start(&config().app_secret).await;
    let mut config = config();
    config.webhook_url = Some(receiver.url.clone());
    config.webhooks.sent_after = simulator::Delay::Fixed(60_000);
    let meta = Meta::start(config).await;
    meta.accepted(&template(ANA, "a")).await;
    assert_eq!(meta.sim.report().webhooks.pending, 3);

    meta.control(Method::POST, "/_sim/reset", &Value::Null).await;

    let report = meta.sim.report();
    assert_eq!((report.posts, report.accepted, report.webhooks.pending), (0, 0, 0));
    assert!(report.ok && report.portfolios.is_empty());
    meta.accepted(&template(ANA, "a")).await;
    assert_eq!(meta.sim.report().duplicates.message, 0);
}

#[tokio::test]
async fn the_webhook_is_verified_with_the_token() {
    let receiver = Receiver::start(&config().app_secret).await;
    let meta = Meta::start(config()).await;
    let verify = || meta.control(Method::POST, "/_sim/verify-webhook", &Value::Null);

    assert!(verify().await.1["error"].as_str().unwrap().contains("webhook_url"));
    meta.sim
        .update_config(|config| config.webhook_url = Some(receiver.url.clone()))
        .unwrap();
    assert!(verify().await.1["error"].as_str().unwrap().contains("verify token"));
    meta.sim
        .update_config(|config| config.verify_token = "the-token".into())
        .unwrap();
    assert_eq!(verify().await, (StatusCode::OK, json!({ "ok": true })));
}

#[tokio::test]
async fn health_is_good_and_unknown_paths_are_metas_error() {
    let meta = Meta::start(config()).await;

    assert_eq!(meta.get("/_sim/health").await, (StatusCode::OK, json!({ "ok": true })));
    let (status, answer) = meta.get("/v26.0/1/2/3").await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (StatusCode::NOT_FOUND, &json!(2500))
    );
}

#[tokio::test]
async fn a_configuration_that_cannot_be_does_not_start() {
    let mut twice = config();
    twice.numbers.push(twice.numbers[0].clone());

    let refused = Simulator::start(twice).await.unwrap_err();

    assert!(refused.to_string().contains("listed twice"), "{refused}");
}

#[tokio::test]
async fn waiting_ends_at_the_deadline_with_the_last_report() {
    let meta = Meta::start(config()).await;

    let not_yet = meta
        .sim
        .wait_for(std::time::Duration::from_millis(20), |report| report.accepted > 0)
        .await
        .unwrap_err();

    assert_eq!(not_yet.0.accepted, 0);
}

#[tokio::test]
async fn serving_on_a_listener_ends_when_told_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(simulator::serve(listener, config(), stop.clone()));

    let ask = || client().get(format!("http://{addr}/_sim/health")).send();
    assert_eq!(ask().await.unwrap().status(), StatusCode::OK);
    stop.cancel();

    tokio::time::timeout(SOON, serving)
        .await
        .expect("it ends")
        .unwrap()
        .unwrap();
    assert!(ask().await.is_err());
}

#[tokio::test]
async fn a_handle_outlives_the_simulator() {
    let sim: Running = Simulator::start(config()).await.unwrap();
    let handle = sim.handle();

    sim.shutdown().await;

    assert!(handle.report().ok);
}
