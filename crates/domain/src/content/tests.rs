use super::*;
use proptest::prelude::*;

/// A request body: its stored form, or the field that is wrong.
fn check(body: Value) -> Result<Value, String> {
    Content::read(body.as_object().unwrap())
        .map(|content| content.to_json(None))
        .map_err(|errors| errors[0].field.clone())
}

#[test]
fn a_text_may_be_written_three_ways() {
    let stored = Ok(json!({"type": "text", "text": {"body": "Hello"}}));
    assert_eq!(check(json!({"type": "text", "text": {"body": "Hello"}})), stored);
    assert_eq!(check(json!({"type": "text", "body": "Hello"})), stored);
    assert_eq!(check(json!({"body": "Hello"})), stored);
}

#[test]
fn each_wrong_field_is_named() {
    for (body, field) in [
        (json!({}), "type"),
        (json!({"type": 1}), "type"),
        (json!({"type": "telegram"}), "type"),
        (json!({"type": "text"}), "text.body"),
        (json!({"type": "text", "text": "Hello"}), "text"),
        (json!({"type": "text", "text": {"body": ""}}), "text.body"),
        (json!({"type": "text", "text": {"body": "é".repeat(4097)}}), "text.body"),
        (json!({"body": 5}), "body"),
        (
            json!({"type": "text", "text": {"body": "x", "preview_url": "yes"}}),
            "text.preview_url",
        ),
        (json!({"type": "template"}), "template"),
        (
            json!({"type": "template", "template": {"name": "Order Update"}}),
            "template.name",
        ),
        (
            json!({"type": "template", "template": {"name": "a"}}),
            "template.language.code",
        ),
        (
            json!({"type": "template", "template": {"name": "a", "language": {"code": "en_US"}, "components": {}}}),
            "template.components",
        ),
        (json!({"type": "image"}), "image"),
    ] {
        assert_eq!(check(body.clone()), Err(field.to_owned()), "{body}");
    }
}

#[test]
fn a_template_keeps_metas_form() {
    let stored = json!({"type": "template", "template": {"name": "order_update", "language": {"code": "en_US"},
        "components": [{"type": "body", "parameters": [{"type": "text", "text": "Ana"}]}]}});
    assert_eq!(check(stored.clone()), Ok(stored.clone()));
    assert_eq!(TemplateContent::from_json(&stored).unwrap().name, "order_update");
}

#[test]
fn a_reply_quotes() {
    let content = Content::read(json!({"body": "Hi"}).as_object().unwrap()).unwrap();
    assert_eq!(
        content.to_json(Some("wamid.A"))["context"],
        json!({"message_id": "wamid.A"})
    );
}

proptest! {
    #[test]
    fn a_text_within_the_limit_is_taken(text in "\\PC{1,50}", pad in 0..4046_usize) {
        let text = format!("{text}{}", "x".repeat(pad));
        let read = check(json!({"body": text}));
        prop_assert!(read.is_ok());
    }
}
