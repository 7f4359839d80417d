//! Meta's table of template components and their parameters.

use serde_json::Value;

use super::free_form::{FILE, LOCATION, one_source};
use super::interactive::{ORDER_DETAILS, ORDER_STATUS, PRODUCT, SECTIONS, sections};
use super::schema::Rule::{self, Alphanumeric, AnyObject, Digits, Int, List, Object, Text, Word};
use super::schema::{Field, check, may, need};
use crate::graph_error::GraphError;

/// Where Meta documents no limit, this one only keeps bodies small.
const LOOSE: usize = 32_768;
const LARGE: i64 = i64::MAX;

const PARAMETER_NAME: Field = may("parameter_name", Text(LOOSE));

const OFFER: Rule = Object(&[
    need("type", Word(&["limited_time_offer"])),
    need(
        "limited_time_offer",
        Object(&[need("expiration_time_ms", Int(1, LARGE))]),
    ),
]);
const STATUS: Rule = Object(&[
    need("type", Word(&["order_status"])),
    need("order_status", ORDER_STATUS),
]);
const CURRENCY: Rule = Object(&[
    need("fallback_value", Text(LOOSE)),
    need("code", Text(3)),
    need("amount_1000", Int(-LARGE, LARGE)),
]);
const DATE_TIME: Rule = Object(&[need("fallback_value", Text(LOOSE))]);
const CALL: Rule = Object(&[
    need("type", Word(&["ttl_minutes", "payload"])),
    may("ttl_minutes", Int(1, 43_200)),
    may("payload", Text(512)),
]);

const fn action(rule: Rule) -> [Field; 2] {
    [need("type", Word(&["action"])), need("action", rule)]
}

const FLOW: Rule = Object(&[may("flow_token", Text(LOOSE)), may("flow_action_data", AnyObject)]);
const CATALOG: Rule = Object(&[may("thumbnail_product_retailer_id", Text(LOOSE))]);
const PRODUCTS: Rule = Object(&[
    may("thumbnail_product_retailer_id", Text(LOOSE)),
    need("sections", SECTIONS),
]);
const ORDER: Rule = Object(&[need("order_details", ORDER_DETAILS)]);

/// Checks the components of a template or, `in_card`, of a card.
pub(super) fn check_list(components: &Value, in_card: bool) -> Result<(), GraphError> {
    let Some(components) = components.as_array() else {
        return Err(GraphError::bad_value("Param template['components'] must be an array"));
    };
    for (n, component) in components.iter().enumerate() {
        let path = format!("template['components'][{n}]");
        check(&component["type"], Text(64), &format!("{path}['type']"))?;
        let kind = component["type"].as_str().unwrap_or_default().to_ascii_lowercase();
        let parameters = &component["parameters"];
        match kind.as_str() {
            "header" => each(parameters, &path, header)?,
            "body" => each(parameters, &path, body)?,
            "button" => button(component, &path)?,
            "limited_time_offer" if !in_card => each(parameters, &path, |value, path| check(value, OFFER, path))?,
            "order_status" if !in_card => each(parameters, &path, |value, path| check(value, STATUS, path))?,
            "carousel" if !in_card => carousel(component, &path)?,
            _ => {
                return Err(GraphError::bad_value(format!(
                    "Param {path}['type'] is not a component: {kind}"
                )));
            }
        }
    }
    Ok(())
}

fn each(
    parameters: &Value,
    path: &str,
    check_one: impl Fn(&Value, &str) -> Result<(), GraphError>,
) -> Result<(), GraphError> {
    match parameters {
        Value::Null => Ok(()),
        Value::Array(list) => list.iter().enumerate().try_for_each(|(n, parameter)| {
            check(
                &parameter["type"],
                Text(64),
                &format!("{path}['parameters'][{n}]['type']"),
            )?;
            check_one(parameter, &format!("{path}['parameters'][{n}]"))
        }),
        _ => Err(GraphError::bad_value(format!(
            "Param {path}['parameters'] must be an array"
        ))),
    }
}

fn header(parameter: &Value, path: &str) -> Result<(), GraphError> {
    let kind = parameter["type"].as_str().unwrap_or_default().to_ascii_lowercase();
    let rule = match kind.as_str() {
        "text" => return text(parameter, 60, path),
        "image" => const { Object(&[need("type", Text(64)), need("image", FILE)]) },
        "video" => const { Object(&[need("type", Text(64)), need("video", FILE)]) },
        "document" => const { Object(&[need("type", Text(64)), need("document", FILE)]) },
        "location" => const { Object(&[need("type", Text(64)), need("location", LOCATION)]) },
        "product" => const { Object(&[need("type", Text(64)), need("product", PRODUCT)]) },
        _ => {
            return Err(GraphError::bad_value(format!(
                "Param {path}['type'] is not a header: {kind}"
            )));
        }
    };
    check(parameter, rule, path)?;
    match kind.as_str() {
        "image" | "video" | "document" => one_source(&parameter[kind.as_str()], path),
        _ => Ok(()),
    }
}

fn body(parameter: &Value, path: &str) -> Result<(), GraphError> {
    match parameter["type"]
        .as_str()
        .unwrap_or_default()
        .to_ascii_lowercase()
        .as_str()
    {
        "text" => text(parameter, LOOSE, path),
        "currency" => check(
            parameter,
            const { Object(&[need("type", Text(64)), need("currency", CURRENCY), PARAMETER_NAME]) },
            path,
        ),
        "date_time" => check(
            parameter,
            const { Object(&[need("type", Text(64)), need("date_time", DATE_TIME), PARAMETER_NAME]) },
            path,
        ),
        other => Err(GraphError::bad_value(format!(
            "Param {path}['type'] is not a parameter: {other}"
        ))),
    }
}

fn text(parameter: &Value, most: usize, path: &str) -> Result<(), GraphError> {
    check(
        parameter,
        const { Object(&[need("type", Text(64)), need("text", Text(LOOSE)), PARAMETER_NAME]) },
        path,
    )?;
    check(&parameter["text"], Text(most), path)
}

fn button(component: &Value, path: &str) -> Result<(), GraphError> {
    check(&component["index"], Digits(0, 9), &format!("{path}['index']"))?;
    check(&component["sub_type"], Text(64), &format!("{path}['sub_type']"))?;
    let sub_type = component["sub_type"].as_str().unwrap_or_default().to_ascii_lowercase();
    let (rule, most) = match sub_type.as_str() {
        "url" => (
            const { Object(&[need("type", Word(&["text"])), need("text", Text(2000))]) },
            1,
        ),
        "quick_reply" => (
            const { Object(&[need("type", Word(&["payload"])), need("payload", Text(LOOSE))]) },
            1,
        ),
        "copy_code" => (
            const {
                Object(&[
                    need("type", Word(&["coupon_code"])),
                    need("coupon_code", Alphanumeric(20)),
                ])
            },
            1,
        ),
        "flow" => (Object(const { &action(FLOW) }), 1),
        "catalog" => (Object(const { &action(CATALOG) }), 1),
        "mpm" => (Object(const { &action(PRODUCTS) }), 1),
        "order_details" => (Object(const { &action(ORDER) }), 1),
        "voice_call" => (CALL, 2),
        _ => {
            return Err(GraphError::bad_value(format!(
                "Param {path}['sub_type'] is not a button: {sub_type}"
            )));
        }
    };
    let parameters = component["parameters"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if !(1..=most).contains(&parameters.len()) {
        return Err(GraphError::of(132_012).with_details(format!("{path}: a {sub_type} button takes {most}")));
    }
    for (n, parameter) in parameters.iter().enumerate() {
        check(parameter, rule, &format!("{path}['parameters'][{n}]"))?;
        if sub_type == "mpm" {
            sections(&parameter["action"]["sections"])?;
        }
    }
    Ok(())
}

fn carousel(component: &Value, path: &str) -> Result<(), GraphError> {
    check(
        &component["cards"],
        List(2, 10, &AnyObject),
        &format!("{path}['cards']"),
    )?;
    for (n, card) in component["cards"].as_array().into_iter().flatten().enumerate() {
        if card["card_index"].as_u64() != u64::try_from(n).ok() {
            return Err(GraphError::bad_value(format!(
                "Param {path}['cards'][{n}]['card_index'] must be {n}"
            )));
        }
        check_list(&card["components"], true)?;
    }
    Ok(())
}
