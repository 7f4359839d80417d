use serde_json::{Value, json};

use super::super::ParameterFormat::{self, Named, Positional};
use super::super::Shape;
use super::*;

fn shape(components: &Value, format: ParameterFormat) -> Shape {
    Shape::from_components(components, format)
}

/// Parameters against a template: the components sent, or the field that is wrong.
fn check(params: Value, shape: &Shape) -> Result<Value, String> {
    let params = Parameters::read(Some(&params), shape).map_err(|mismatch| mismatch.field)?;
    params.fit(shape).map_err(|mismatch| mismatch.field)?;
    Ok(Value::Array(params.components().to_vec()))
}

#[test]
fn a_positional_body_takes_a_list_or_numbered_names_of_the_right_count() {
    let two = shape(&json!([{"type": "BODY", "text": "Hi {{1}}, order {{2}}"}]), Positional);
    let sent =
        json!([{"type": "body", "parameters": [{"type": "text", "text": "Ana"}, {"type": "text", "text": "17"}]}]);

    assert_eq!(check(json!(["Ana", 17]), &two), Ok(sent.clone()));
    assert_eq!(check(json!({"2": 17, "1": "Ana"}), &two), Ok(sent.clone()));
    assert_eq!(check(json!({"body": ["Ana", "17"]}), &two), Ok(sent));
    assert_eq!(check(json!(["Ana"]), &two), Err("template.body".into()));
    assert_eq!(check(json!(["Ana", "17", "x"]), &two), Err("template.body".into()));
    assert_eq!(check(json!(null), &two), Err("template.body".into()));
    assert_eq!(
        check(json!(["Ana", ""]), &two),
        Err("template.components[0].parameters[1].text".into())
    );
    assert_eq!(
        check(json!(["Ana", ["x"]]), &two),
        Err("template_params.body[1]".into())
    );
    assert_eq!(check(json!({"name": "Ana"}), &two), Err("template_params.body".into()));
    assert_eq!(check(json!("Ana"), &two), Err("template_params".into()));
}

#[test]
fn a_named_body_takes_its_names_in_any_order() {
    let named = shape(
        &json!([{"type": "BODY", "text": "Hi {{first_name}}, {{order}}"}]),
        Named,
    );

    assert!(check(json!({"order": 1, "first_name": "Ana"}), &named).is_ok());
    assert_eq!(
        check(json!({"order": 1, "name": "Ana"}), &named),
        Err("template.body".into())
    );
    assert_eq!(check(json!(["Ana", 1]), &named), Err("template.body".into()));
}

#[test]
fn a_named_placeholder_may_be_called_like_a_part() {
    let named = shape(&json!([{"type": "BODY", "text": "{{body}}"}]), Named);
    assert!(check(json!({"body": "x"}), &named).is_ok());
}

#[test]
fn headers_and_buttons_get_their_parameters() {
    let rich = shape(
        &json!([
            {"type": "HEADER", "format": "IMAGE"},
            {"type": "BODY", "text": "Hi {{1}}"},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY"}, {"type": "URL", "url": "https://x.example/{{1}}"}]}
        ]),
        Positional,
    );

    let sent = check(
        json!({"header": {"link": "https://x.example/a.png"}, "body": ["Ana"], "buttons": ["a1"]}),
        &rich,
    )
    .unwrap();

    assert_eq!(
        sent,
        json!([
            {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://x.example/a.png"}}]},
            {"type": "body", "parameters": [{"type": "text", "text": "Ana"}]},
            {"type": "button", "sub_type": "url", "index": "1", "parameters": [{"type": "text", "text": "a1"}]}
        ])
    );
    assert_eq!(
        check(json!({"body": ["Ana"], "buttons": ["a1"]}), &rich),
        Err("template.header".into())
    );
    assert_eq!(
        check(json!({"header": {"id": "1"}, "body": ["Ana"]}), &rich),
        Err("template.buttons[1]".into())
    );
    assert_eq!(
        check(json!({"header": {"id": "1"}, "body": ["Ana"], "buttons": []}), &rich),
        Err("template_params.buttons".into())
    );
    assert_eq!(check(sent, &rich).map(|_| ()), Ok(()), "Meta's own form passes through");
}

#[test]
fn a_template_without_placeholders_takes_none() {
    let plain = shape(&json!([{"type": "BODY", "text": "Hello"}]), Positional);

    assert_eq!(check(json!(null), &plain), Ok(json!([])));
    assert_eq!(check(json!([]), &plain), Ok(json!([])));
    assert_eq!(check(json!(["x"]), &plain), Err("template.body".into()));
}

#[test]
fn a_carousel_needs_all_its_cards_filled() {
    let card = json!({"components": [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "{{1}}"}]});
    let carousel = shape(
        &json!([{"type": "BODY", "text": "Look"}, {"type": "CAROUSEL", "cards": [card, card]}]),
        Positional,
    );
    let filled = |n: usize| {
        json!({"card_index": n, "components": [
            {"type": "header", "parameters": [{"type": "image", "image": {"id": "1"}}]},
            {"type": "body", "parameters": [{"type": "text", "text": "x"}]}
        ]})
    };

    assert!(
        check(
            json!([{"type": "carousel", "cards": [filled(0), filled(1)]}]),
            &carousel
        )
        .is_ok()
    );
    assert_eq!(
        check(
            json!([{"type": "carousel", "cards": [filled(0), filled(1), filled(2)]}]),
            &carousel
        ),
        Err("template.carousel".into())
    );
    let empty = json!({"card_index": 1, "components": []});
    assert_eq!(
        check(json!([{"type": "carousel", "cards": [filled(0), empty]}]), &carousel),
        Err("template.carousel.cards[1].body".into())
    );
}
