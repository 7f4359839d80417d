use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn composed(content: &str, opaque: &str) -> Vec<u8> {
    compose(&to(), content, opaque).unwrap().body
}

fn to() -> Recipient {
    Recipient::parse("+15550001111").unwrap()
}

#[test]
fn a_text_message_has_exactly_these_bytes() {
    let body = composed(r#"{"type":"text","text":{"body":"hi"}}"#, "1.ABC.1.xyz");

    let expected = r#"{"messaging_product":"whatsapp","recipient_type":"individual","to":"+15550001111","type":"text","text":{"body":"hi"},"biz_opaque_callback_data":"1.ABC.1.xyz"}"#;
    assert_eq!(String::from_utf8(body).unwrap(), expected);
}

#[test]
fn content_is_passed_on_as_it_was_written() {
    let content = r#" { "context" : {"message_id":"wamid.A"} , "type":"template", "template":{"name":"a","language":{"code":"en_US"},"components":[{"type":"body","parameters":[{"type":"text","text":"\u00e9 \ud83d\ude00 1.0e2"}]}]} } "#;

    let body = String::from_utf8(composed(content, "x")).unwrap();

    assert!(
        body.contains(r#""context":{"message_id":"wamid.A"},"type":"template","template":{"name":"a","#),
        "{body}"
    );
    assert!(body.contains(r#""text":"\u00e9 \ud83d\ude00 1.0e2""#), "{body}");
}

#[test]
fn content_that_is_no_message_is_refused() {
    let key = |key: &str| ComposeError::Key { key: key.to_owned() };
    for (content, error) in [
        ("{}", ComposeError::NoType),
        (r#"{"type":"text"}"#, ComposeError::NoType),
        (r#"{"type":"type"}"#, ComposeError::NoType),
        (r#"{"type":7,"7":{}}"#, ComposeError::NoType),
        (r#"{"type":"image","text":{"body":"hi"}}"#, ComposeError::NoType),
        (r#"{"type":"text","text":{},"to":"+15550002222"}"#, key("to")),
        (r#"{"type":"text","text":{},"t\u006f":"+15550002222"}"#, key("to")),
        (
            r#"{"type":"text","text":{},"biz_opaque_callback_data":"1.X"}"#,
            key("biz_opaque_callback_data"),
        ),
        (r#"{"type":"text","text":{},"status":"read"}"#, key("status")),
        (r#"{"type":"text","text":{},"text":{}}"#, key("text")),
    ] {
        assert_eq!(compose(&to(), content, "x"), Err(error), "{content}");
    }
    for content in [
        "",
        "null",
        "[]",
        "7",
        r#"{"type":"text","text":{}"#,
        r#"{"type":"text","text":{}}}"#,
        "{\"a\":tru}",
    ] {
        assert!(
            matches!(compose(&to(), content, "x"), Err(ComposeError::NotAnObject { .. })),
            "{content}"
        );
    }
}

#[test]
fn callback_data_longer_than_meta_echoes_is_refused() {
    let content = r#"{"type":"text","text":{}}"#;

    assert!(compose(&to(), content, &"é".repeat(OPAQUE_CAP)).is_ok());
    assert_eq!(
        compose(&to(), content, &"x".repeat(OPAQUE_CAP + 1)),
        Err(ComposeError::OpaqueTooLong)
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(any::<String>(), inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_composed_reads_back_as_what_went_in(
        digits in "[1-9][0-9]{6,14}", kind in "\\PC{1,12}", object in any_json(), opaque in ".{0,128}",
    ) {
        prop_assume!(kind != "type" && !RESERVED.contains(&kind.as_str()));
        let to = Recipient::from_digits(&digits).unwrap();
        let content = json!({"type": kind, kind.clone(): object, "context": {"message_id": "wamid.A"}});
        prop_assume!(kind != "context");

        let body = compose(&to, &content.to_string(), &opaque).unwrap().body;

        let mut expected = content;
        expected["messaging_product"] = json!("whatsapp");
        expected["recipient_type"] = json!("individual");
        expected["to"] = json!(format!("+{digits}"));
        expected["biz_opaque_callback_data"] = json!(opaque);
        prop_assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    }

    #[test]
    fn whatever_the_content_the_body_is_json_or_an_error(content in ".{0,64}") {
        if let Ok(composed) = compose(&to(), &content, "x") {
            prop_assert!(serde_json::from_slice::<Value>(&composed.body).is_ok());
        }
    }
}

#[test]
fn a_product_policy_is_for_the_marketing_messages_api() {
    let plain = r#"{"type":"template","template":{"name":"sale","language":{"code":"en_US"}}}"#;
    let marketing = plain.replacen('{', r#"{"product_policy":"STRICT","#, 1);

    assert_eq!(compose(&to(), plain, "x").unwrap().edge, Edge::Messages);
    assert_eq!(compose(&to(), &marketing, "x").unwrap().edge, Edge::MarketingMessages);
}

#[test]
fn a_user_id_has_a_field_of_its_own() {
    let to = Recipient::parse_any("US.13491208655302741918").unwrap();

    let body = compose(&to, r#"{"type":"text","text":{"body":"hi"}}"#, "x")
        .unwrap()
        .body;

    let expected = r#"{"messaging_product":"whatsapp","recipient_type":"individual","recipient":"US.13491208655302741918","type":"text","text":{"body":"hi"},"biz_opaque_callback_data":"x"}"#;
    assert_eq!(String::from_utf8(body).unwrap(), expected);
}
