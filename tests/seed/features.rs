//! "Features", line by line: each kind of message goes through to Meta's stand-in, which checks it by itself.

use serde_json::{Value, json};

use crate::people::person;
use crate::pipeline::{Pipeline, SOON, hello, show};

/// Everything of these goes to somebody whose window is open, and is delivered.
async fn delivered(on: &Pipeline, contents: &[Value]) {
    for content in contents {
        let user = person();
        for tenant in on.twins.both() {
            on.wrote(tenant, &user, 0.1).await;
        }
        let mut body = content.clone();
        body["to"] = json!(user);
        let sent = on.twins.send(on, body).await;
        assert_eq!(sent.status, 202, "{content}: {}", sent.body);
        on.until_status(&on.twins.http, &sent.body["data"]["message_id"], &["delivered", "read"])
            .await;
        on.until_status(&on.twins.amqp, &sent.twin["data"]["message_id"], &["delivered", "read"])
            .await;
    }
}

#[test]
fn template_messages_pre_approved_message_templates_for_outbound_notifications() {
    show(async |on| {
        let body = |text: &str| json!({"type": "body", "parameters": [{"type": "text", "text": text}, {"type": "text", "text": "17"}]});
        let order = json!({"to": person(), "type": "template", "template": {"name": "order_update", "language": {"code": "en_US"}, "components": [body("Ana")]}});
        for message in [hello(&person()), order] {
            let sent = on.twins.send(&on, message).await;
            on.until_status(&on.twins.http, &sent.data(202)["message_id"], &["delivered", "read"])
                .await;
        }
    });
}

#[test]
fn session_messaging_free_form_replies_within_the_24_hour_conversation_window() {
    show(async |on| {
        delivered(
            &on,
            &[
                json!({"type": "text", "text": {"body": "Hello", "preview_url": false}}),
                json!({"body": "Hello"}),
            ],
        )
        .await;
    });
}

#[test]
fn rich_media_images_videos_documents_audio_stickers_and_location_sharing() {
    show(async |on| {
        let link = |name: &str| json!({"link": format!("https://example.com/{name}")});
        delivered(
            &on,
            &[
                json!({"type": "image", "image": link("a.jpg")}),
                json!({"type": "video", "video": link("a.mp4")}),
                json!({"type": "document", "document": {"link": "https://example.com/a.pdf", "filename": "a.pdf"}}),
                json!({"type": "audio", "audio": link("a.ogg")}),
                json!({"type": "sticker", "sticker": link("a.webp")}),
                json!({"type": "location", "location": {"latitude": 52.52, "longitude": 13.405, "name": "Berlin", "address": "Alexanderplatz"}}),
            ],
        )
        .await;
    });
}

#[test]
fn interactive_messages_buttons_list_pickers_and_quick_replies() {
    show(async |on| {
        let text = json!({"text": "Which one?"});
        let button = |id: &str, title: &str| json!({"type": "reply", "reply": {"id": id, "title": title}});
        let rows = json!([{"id": "r1", "title": "Small"}, {"id": "r2", "title": "Large", "description": "Really"}]);
        delivered(
            &on,
            &[
                json!({"type": "interactive", "interactive": {"type": "button", "body": text, "action": {"buttons": [button("y", "Yes"), button("n", "No")]}}}),
                json!({"type": "interactive", "interactive": {"type": "list", "body": text, "action": {"button": "Choose", "sections": [{"title": "Sizes", "rows": rows}]}}}),
            ],
        )
        .await;
    });
}

#[test]
fn read_receipts_know_when_messages_are_delivered_and_read() {
    show(async |on| {
        let sent = on.twins.send(&on, hello(&person())).await;

        let read = on
            .until_status(&on.twins.http, &sent.data(202)["message_id"], &["read"])
            .await;

        let at = |name: &str| {
            let text = read["timestamps"][name]
                .as_str()
                .unwrap_or_else(|| panic!("{name}: {read}"));
            chrono::DateTime::parse_from_rfc3339(text).unwrap()
        };
        assert!(
            at("sent_at") <= at("delivered_at") && at("delivered_at") <= at("read_at"),
            "{read}"
        );
    });
}

#[test]
fn catalog_and_product_messages_share_product_listings_directly_in_chat() {
    show(async |on| {
        let text = json!({"text": "Look"});
        let product = json!({"catalog_id": "77", "product_retailer_id": "sku-1"});
        let sections = json!([{"title": "New", "product_items": [{"product_retailer_id": "sku-1"}]}]);
        delivered(
            &on,
            &[
                json!({"type": "interactive", "interactive": {"type": "product", "body": text, "action": product}}),
                json!({"type": "interactive", "interactive": {"type": "product_list", "header": {"type": "text", "text": "Shop"}, "body": text, "action": {"catalog_id": "77", "sections": sections}}}),
                json!({"type": "interactive", "interactive": {"type": "catalog_message", "body": text, "action": {"name": "catalog_message", "parameters": {"thumbnail_product_retailer_id": "sku-1"}}}}),
            ],
        )
        .await;
        testkit::until(SOON, "a well-behaved run", async || {
            on.stack.meta.report().ok.then_some(())
        })
        .await;
    });
}
