use serde_json::{Value, json};

use super::super::{ParameterFormat, Shape};
use super::*;

/// Whether components fit a template: the field that does not.
#[track_caller]
fn check(template: &Value, components: Value, expected: Result<(), &str>) {
    let shape = Shape::from_components(template, ParameterFormat::Positional);
    let parameters = Parameters::from_components(&components).unwrap();
    let got = parameters.fit(&shape).map_err(|mismatch| mismatch.field);
    assert_eq!(got, expected.map_err(str::to_owned), "{components}");
}

fn button(sub_type: &str, index: usize, parameter: Value) -> Value {
    json!({"type": "button", "sub_type": sub_type, "index": index.to_string(), "parameters": [parameter]})
}

#[test]
fn buttons_that_are_not_there_or_of_another_kind_get_no_parameter() {
    let template = json!([{"type": "BODY", "text": "Hi"}, {"type": "BUTTONS", "buttons": [
        {"type": "QUICK_REPLY", "text": "Yes"}, {"type": "COPY_CODE", "example": "X"}, {"type": "FLOW"}]}]);
    let coupon = button("copy_code", 1, json!({"type": "coupon_code", "coupon_code": "SAVE"}));
    let payload = |index| button("quick_reply", index, json!({"type": "payload", "payload": "x"}));

    check(&template, json!([coupon]), Ok(()));
    check(&template, json!([coupon, payload(0)]), Ok(()));
    check(&template, json!([coupon, payload(1)]), Err("template.buttons[1]"));
    check(&template, json!([coupon, payload(7)]), Err("template.buttons[7]"));
    check(&template, json!([payload(0)]), Err("template.buttons[1]"));
}

#[test]
fn a_one_time_code_comes_twice_and_is_short() {
    let template =
        json!([{"type": "BODY", "text": "*{{1}}* is your code."}, {"type": "BUTTONS", "buttons": [{"type": "OTP"}]}]);
    let with = |body: &str, again: &str| {
        let text = |text: &str| json!({"type": "text", "text": text});
        json!([{"type": "body", "parameters": [text(body)]}, button("url", 0, text(again))])
    };

    check(&template, with("123456", "123456"), Ok(()));
    check(&template, with("123456", "654321"), Err("template.buttons[0]"));
    let (fits, long) = ("1".repeat(15), "1".repeat(16));
    check(&template, with(&fits, &fits), Ok(()));
    check(&template, with(&long, &long), Err("template.body"));
}

#[test]
fn an_offer_that_ends_says_when_and_has_short_codes() {
    let offer = |ends: bool| {
        json!([{"type": "BODY", "text": "Hi"},
            {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Now!", "has_expiration": ends}},
            {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE"}]}])
    };
    let end = json!({"type": "limited_time_offer", "parameters": [{"type": "limited_time_offer",
        "limited_time_offer": {"expiration_time_ms": 1}}]});
    let coupon = |length: usize| {
        let code = "A".repeat(length);
        button("copy_code", 0, json!({"type": "coupon_code", "coupon_code": code}))
    };

    check(&offer(true), json!([end, coupon(15)]), Ok(()));
    check(
        &offer(true),
        json!([end, coupon(16)]),
        Err("template.limited_time_offer"),
    );
    check(&offer(true), json!([coupon(15)]), Err("template.limited_time_offer"));
    check(&offer(false), json!([coupon(20)]), Ok(()));
    check(
        &offer(false),
        json!([end, coupon(15)]),
        Err("template.limited_time_offer"),
    );
}

#[test]
fn a_body_is_measured_filled_in() {
    let text = "x".repeat(1000);
    let template = json!([{"type": "BODY", "text": format!("{text}{{{{1}}}}{{{{1}}}}")}]);
    let filled =
        |length: usize| json!([{"type": "body", "parameters": [{"type": "text", "text": "é".repeat(length)}]}]);

    check(&template, filled(12), Ok(()));
    check(&template, filled(13), Err("template.body"));
    let offer = json!([{"type": "BODY", "text": "x".repeat(601)}, {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"has_expiration": false}}]);
    check(&offer, json!([]), Err("template.body"));
}

#[test]
fn components_newer_than_this_build_are_passed_over() {
    check(
        &json!([{"type": "BODY", "text": "Hi"}]),
        json!([{"type": "hologram", "parameters": []}]),
        Ok(()),
    );
}
