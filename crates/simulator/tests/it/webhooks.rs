//! Webhooks as a receiver sees them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use simulator::{Config, Fault, FaultKind, Inbound, Webhooks};

use crate::caller::{ANA, BOB, Meta, NUMBER, SOON, config, template, text};
use crate::receiver::Receiver;

async fn start(change: impl FnOnce(&mut Config)) -> (Meta, Receiver) {
    let mut config = config();
    let receiver = Receiver::start(&config.app_secret).await;
    config.webhook_url = Some(receiver.url.clone());
    change(&mut config);
    (Meta::start(config).await, receiver)
}

fn told(statuses: &[Value]) -> Vec<&str> {
    statuses
        .iter()
        .map(|status| status["status"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn sent_delivered_and_read_follow_with_signature_opaque_string_and_price() {
    let (meta, receiver) = start(|config| config.webhooks.concurrency = 1).await;

    let wamid = meta.accepted(&template(ANA, "a")).await;
    let statuses = receiver.wait_for_statuses(3).await;

    assert_eq!(told(&statuses), ["sent", "delivered", "read"]);
    for status in &statuses {
        assert_eq!(status["id"], json!(wamid));
        assert_eq!(status["recipient_id"], "14155550100");
        assert_eq!(status["biz_opaque_callback_data"], "1.a.1.mac");
        assert!(status["timestamp"].as_str().unwrap().parse::<u64>().is_ok());
    }
    assert_eq!(statuses[0]["pricing"]["category"], "utility");
    assert!(receiver.deliveries().iter().all(|delivery| delivery.signature_ok));

    let report = meta.sim.wait_for_webhooks(SOON).await.unwrap();
    let one_each = ["delivered", "read", "sent"].map(|name| (name.to_owned(), 1));
    assert_eq!(report.webhooks.by_status, BTreeMap::from(one_each));
}

#[tokio::test]
async fn what_is_not_answered_with_200_comes_again() {
    let (meta, receiver) = start(|config| config.webhooks.concurrency = 1).await;
    receiver.answer_next(&[500, 204, 301]);

    meta.accepted(&template(ANA, "a")).await;

    assert_eq!(receiver.wait_for_statuses(3).await.len(), 3);
    let report = meta.sim.wait_for_webhooks(SOON).await.unwrap();
    assert_eq!(report.webhooks.posts_failed, 3);
    assert!(report.webhooks.posts_retried >= 1, "{:?}", report.webhooks);
    assert_eq!((report.webhooks.delivered, report.webhooks.given_up), (3, 0));
}

#[tokio::test]
async fn a_receiver_that_is_down_long_enough_is_given_up() {
    let (meta, receiver) = start(|config| config.webhooks.give_up_after_ms = 0).await;
    receiver.answer_next(&[500; 3]);

    meta.accepted(&template(ANA, "a")).await;

    let report = meta
        .sim
        .wait_for(SOON, |report| report.webhooks.given_up + report.webhooks.delivered == 3)
        .await
        .unwrap();
    assert!(report.webhooks.given_up > 0);
    assert_eq!(report.webhooks.pending, 0);
}

#[tokio::test]
async fn many_updates_share_a_post() {
    let webhooks = Webhooks {
        batch_max: 1_000,
        batch_flush_ms: 300,
        read_ratio: 0.0,
        ..config().webhooks
    };
    let (meta, receiver) = start(|config| config.webhooks = webhooks).await;

    for nth in 0..10 {
        meta.accepted(&template(ANA, &format!("m{nth}"))).await;
    }

    assert_eq!(receiver.wait_for_statuses(20).await.len(), 20);
    assert!(
        receiver.deliveries().len() < 20,
        "{} POSTs for 20 updates",
        receiver.deliveries().len()
    );
}

#[tokio::test]
async fn the_sent_webhook_comes_before_the_answer_when_so_configured() {
    let (meta, receiver) = start(|config| {
        config.webhooks.sent_before_response = true;
        config.webhooks.sent_after = simulator::Delay::Fixed(60_000);
    })
    .await;

    meta.accepted(&template(ANA, "a")).await;

    assert_eq!(told(&receiver.statuses()).first(), Some(&"sent"));
}

#[tokio::test]
async fn inbound_messages_of_any_type_become_webhooks() {
    let (meta, receiver) = start(|_| {}).await;
    let reply = json!({ "type": "button_reply", "button_reply": { "id": "a", "title": "Yes" } });

    let text_id = meta.sim.inbound(&Inbound::text(NUMBER, ANA, "hi")).unwrap();
    meta.sim
        .inbound(&Inbound::new(NUMBER, BOB, "interactive", reply.clone()))
        .unwrap();

    receiver.wait_for(|_| receiver.messages().len() >= 2).await;
    let messages = receiver.messages();
    let of = |kind: &str| messages.iter().find(|message| message["type"] == kind).unwrap();
    assert_eq!(
        (&of("text")["id"], &of("text")["text"]["body"]),
        (&json!(text_id), &json!("hi"))
    );
    assert_eq!(of("text")["from"], "14155550100");
    assert_eq!(of("interactive")["interactive"], reply);
    assert_eq!(meta.sim.report().inbound, 2);
}

#[tokio::test]
async fn a_bad_signature_comes_once_and_then_a_good_one() {
    let (meta, receiver) = start(|config| config.faults = vec![Fault::new(FaultKind::BadSignature).times(1)]).await;

    meta.accepted(&template(ANA, "a")).await;

    assert_eq!(receiver.wait_for_statuses(3).await.len(), 3);
    assert!(receiver.deliveries().iter().any(|delivery| !delivery.signature_ok));
}

#[tokio::test]
async fn status_faults_drop_double_and_fail() {
    let (meta, receiver) = start(|config| {
        config.faults = vec![
            Fault::new(FaultKind::DeliveredDropped).to(ANA),
            Fault::new(FaultKind::Duplicated { times: 2 }).to(ANA),
            Fault::new(FaultKind::Failed { code: 131_026 }).to(BOB),
        ];
    })
    .await;

    meta.accepted(&template(ANA, "a")).await;
    meta.accepted(&template(BOB, "b")).await;
    receiver.wait_for_statuses(7).await;
    meta.sim.wait_for_webhooks(SOON).await.unwrap();

    let statuses = receiver.statuses();
    let mut told = told(&statuses);
    told.sort_unstable();
    assert_eq!(told, ["failed", "read", "read", "read", "sent", "sent", "sent"]);
}

#[tokio::test]
async fn a_reaction_is_only_sent() {
    let (meta, receiver) = start(|_| {}).await;
    meta.sim.inbound(&Inbound::text(NUMBER, ANA, "hi")).unwrap();
    let mut reaction = text(ANA, "a");
    reaction["type"] = "reaction".into();
    reaction["reaction"] = json!({ "message_id": "wamid.x", "emoji": "👍" });

    meta.accepted(&reaction).await;
    meta.sim.wait_for_webhooks(SOON).await.unwrap();

    assert_eq!(told(&receiver.statuses()), ["sent"]);
}

#[tokio::test]
async fn the_user_id_of_an_inbound_message_can_be_answered() {
    let (meta, receiver) = start(|_| {}).await;
    meta.sim.inbound(&Inbound::text(NUMBER, ANA, "hi")).unwrap();
    receiver.wait_for(|_| !receiver.messages().is_empty()).await;

    let mut answer = text(ANA, "a");
    answer["to"] = Value::Null;
    answer["recipient"] = receiver.messages()[0]["from_user_id"].clone();
    meta.accepted(&answer).await;
    let statuses = receiver.wait_for_statuses(3).await;

    assert!(
        meta.sim.report().ok,
        "the window is open for the user, however addressed"
    );
    assert_eq!(statuses[0]["recipient_user_id"], answer["recipient"]);
    assert!(statuses[0].get("recipient_id").is_none());
}
