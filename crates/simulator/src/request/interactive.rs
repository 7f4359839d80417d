//! Meta's table of interactive messages: one row a kind, and what a table cannot say.

use std::collections::HashSet;

use serde_json::Value;

use super::free_form::{FILE, one_source};
use super::schema::Rule::{self, AnyList, AnyObject, Int, Link, List, Object, Text, Word};
use super::schema::{Field, check, may, need};
use crate::graph_error::GraphError;

/// Where Meta documents no limit, this one only keeps bodies small.
const LOOSE: usize = 4096;
const LARGE: i64 = i64::MAX;

const BODY: Rule = Object(&[need("text", Text(1024))]);
const LIST_BODY: Rule = Object(&[need("text", Text(4096))]);
const FOOTER: Field = may("footer", Object(&[need("text", Text(60))]));
const KIND: Field = need("type", Text(64));
const TEXT_HEADER: Rule = Object(&[
    need("type", Word(&["text"])),
    need("text", Text(60)),
    may("sub_text", Text(60)),
]);
const ANY_HEADER: Rule = Object(&[
    need("type", Word(&["text", "image", "video", "document"])),
    may("text", Text(60)),
    may("sub_text", Text(60)),
    may("image", FILE),
    may("video", FILE),
    may("document", FILE),
]);

const fn named(name: &'static [&'static str], parameters: &'static Rule) -> [Field; 2] {
    [need("name", Word(name)), need("parameters", *parameters)]
}

const LINK: Rule = Object(&[need("display_text", Text(20)), need("url", Link)]);
const VOICE_CALL: Rule = Object(&[
    may("display_text", Text(20)),
    may("ttl_minutes", Int(1, 43_200)),
    may("payload", Text(512)),
]);
const FLOW: Rule = Object(&[
    need("flow_message_version", Word(&["3"])),
    may("flow_id", Text(LOOSE)),
    may("flow_name", Text(LOOSE)),
    need("flow_cta", Text(30)),
    may("mode", Word(&["draft", "published"])),
    may("flow_token", Text(LOOSE)),
    may("flow_action", Word(&["navigate", "data_exchange"])),
    may(
        "flow_action_payload",
        Object(&[need("screen", Text(LOOSE)), may("data", AnyObject)]),
    ),
]);
pub(super) const PRODUCT: Rule = Object(&[
    need("catalog_id", Text(LOOSE)),
    need("product_retailer_id", Text(LOOSE)),
]);
pub(super) const SECTIONS: Rule = List(
    1,
    10,
    &Object(&[
        may("title", Text(24)),
        need(
            "product_items",
            List(1, 30, &Object(&[need("product_retailer_id", Text(LOOSE))])),
        ),
    ]),
);
const ADDRESS: Rule = Object(&[
    need("country", Word(&["IN"])),
    may("values", AnyObject),
    may(
        "saved_addresses",
        List(0, 100, &Object(&[need("id", Text(LOOSE)), need("value", AnyObject)])),
    ),
    may("validation_errors", AnyObject),
]);
const AMOUNT: Rule = Object(&[need("value", Int(0, LARGE)), need("offset", Int(100, 100))]);
const ITEM: Rule = Object(&[
    may("retailer_id", Text(LOOSE)),
    need("name", Text(LOOSE)),
    need("amount", AMOUNT),
    need("quantity", Int(1, LARGE)),
    may("sale_amount", AMOUNT),
]);
pub(super) const ORDER_DETAILS: Rule = Object(&[
    need("reference_id", Text(35)),
    need("type", Word(&["digital-goods", "physical-goods"])),
    need("currency", Text(3)),
    need("total_amount", AMOUNT),
    may(
        "order",
        Object(&[
            need("status", Word(&["pending"])),
            need("items", List(1, 999, &ITEM)),
            need("subtotal", AMOUNT),
            need("tax", AnyObject),
            may("shipping", AnyObject),
            may("discount", AnyObject),
            may("catalog_id", Text(LOOSE)),
            may("expiration", AnyObject),
        ]),
    ),
    may("payment_type", Text(LOOSE)),
    may("payment_configuration", Text(LOOSE)),
    may("payment_settings", AnyList),
    may("beneficiaries", AnyList),
]);
pub(super) const ORDER_STATUS: Rule = Object(&[
    need("reference_id", Text(35)),
    need(
        "order",
        Object(&[
            need(
                "status",
                Word(&[
                    "pending",
                    "processing",
                    "partially_shipped",
                    "shipped",
                    "completed",
                    "canceled",
                ]),
            ),
            may("description", Text(120)),
        ]),
    ),
]);
const REPLY: Rule = Object(&[
    need("type", Word(&["reply"])),
    need("reply", Object(&[need("id", Text(256)), need("title", Text(20))])),
]);
const ROW: Rule = Object(&[
    need("id", Text(200)),
    need("title", Text(24)),
    may("description", Text(72)),
]);
const LIST_ACTION: Rule = Object(&[
    need("button", Text(20)),
    need(
        "sections",
        List(
            1,
            10,
            &Object(&[may("title", Text(24)), need("rows", List(1, 10, &ROW))]),
        ),
    ),
]);
const CATALOG: Rule = Object(&[
    need("name", Word(&["catalog_message"])),
    may(
        "parameters",
        Object(&[may("thumbnail_product_retailer_id", Text(LOOSE))]),
    ),
]);
const CARDS: Rule = Object(&[need("cards", List(2, 10, &AnyObject))]);
const MEDIA_CARD: Rule = Object(&[
    need("card_index", Int(0, 9)),
    need("type", Text(64)),
    need("header", ANY_HEADER),
    may("body", Object(&[need("text", Text(160))])),
    need("action", AnyObject),
]);
const PRODUCT_CARD: Rule = Object(&[
    need("card_index", Int(0, 9)),
    need("type", Word(&["product"])),
    need("action", PRODUCT),
]);
const CARD_LINK: Rule = Object(&named(&["cta_url"], &LINK));
const CARD_REPLIES: Rule = Object(&[need(
    "buttons",
    List(
        1,
        3,
        &Object(&[
            need("type", Word(&["quick_reply"])),
            need("quick_reply", Object(&[need("id", Text(20)), need("title", Text(20))])),
        ]),
    ),
)]);

/// The row of a kind: what stands around its action, and the action.
fn row(kind: &str) -> Option<(Option<Field>, Field, Option<Field>, Rule)> {
    let any = Some(may("header", ANY_HEADER));
    let (body, footer) = (need("body", BODY), Some(FOOTER));
    Some(match kind {
        "button" => (
            any,
            body,
            footer,
            const { Object(&[need("buttons", List(1, 3, &REPLY))]) },
        ),
        "list" => (
            Some(may("header", TEXT_HEADER)),
            need("body", LIST_BODY),
            footer,
            LIST_ACTION,
        ),
        "cta_url" => (any, body, footer, Object(const { &named(&["cta_url"], &LINK) })),
        "flow" => (any, body, footer, Object(const { &named(&["flow"], &FLOW) })),
        "product" => (None, may("body", BODY), footer, PRODUCT),
        "product_list" => (
            Some(need("header", TEXT_HEADER)),
            body,
            footer,
            const { Object(&[need("catalog_id", Text(LOOSE)), need("sections", SECTIONS)]) },
        ),
        "catalog_message" => (None, body, footer, CATALOG),
        "location_request_message" => (
            None,
            body,
            footer,
            const { Object(&[need("name", Word(&["send_location"]))]) },
        ),
        "address_message" => (
            any,
            body,
            footer,
            Object(const { &named(&["address_message"], &ADDRESS) }),
        ),
        "voice_call" => (
            None,
            body,
            footer,
            Object(const { &named(&["voice_call"], &VOICE_CALL) }),
        ),
        "call_permission_request" => (
            None,
            body,
            footer,
            const { Object(&[need("name", Word(&["call_permission_request"]))]) },
        ),
        "request_contact_info" => (
            None,
            body,
            footer,
            const { Object(&[need("name", Word(&["request_contact_info"]))]) },
        ),
        "carousel" => (None, body, None, CARDS),
        "order_details" => (
            any,
            body,
            footer,
            Object(const { &named(&["review_and_pay"], &ORDER_DETAILS) }),
        ),
        "order_status" => (
            any,
            body,
            footer,
            Object(const { &named(&["review_order"], &ORDER_STATUS) }),
        ),
        _ => return None,
    })
}

/// Checks an `interactive` object.
pub(super) fn check_object(object: &Value) -> Result<(), GraphError> {
    check(&object["type"], Text(64), "interactive['type']")?;
    let kind = object["type"].as_str().unwrap_or_default();
    let Some((header, body, footer, action)) = row(kind) else {
        return Err(GraphError::bad_value(format!(
            "Param interactive['type'] is not a type: {kind}"
        )));
    };
    let fields: Vec<Field> = [Some(KIND), header, Some(body), footer, Some(need("action", action))]
        .into_iter()
        .flatten()
        .collect();
    super::schema::check_fields(object, &fields, "interactive")?;
    check_header(&object["header"], "interactive['header']")?;
    let action = &object["action"];
    match kind {
        "button" => different(action["buttons"].as_array(), |button| &button["reply"]["id"])
            .and_then(|()| different(action["buttons"].as_array(), |button| &button["reply"]["title"])),
        "list" => list(&action["sections"]),
        "product_list" => sections(&action["sections"]),
        "flow" => flow(&action["parameters"]),
        "carousel" => carousel(&action["cards"]),
        _ => Ok(()),
    }
}

/// What the header's type names has to be there, and a file has one source.
fn check_header(header: &Value, path: &str) -> Result<(), GraphError> {
    let Some(kind) = header["type"].as_str() else {
        return Ok(());
    };
    match &header[kind] {
        Value::Null => Err(GraphError::missing(&format!("{path}['{kind}']"))),
        file if kind != "text" => one_source(file, path),
        _ => Ok(()),
    }
}

fn different<'a>(items: Option<&'a Vec<Value>>, part: impl Fn(&'a Value) -> &'a Value) -> Result<(), GraphError> {
    let mut seen = HashSet::new();
    match items
        .into_iter()
        .flatten()
        .all(|item| seen.insert(part(item).to_string()))
    {
        true => Ok(()),
        false => Err(GraphError::bad_value("Buttons and rows must be unique")),
    }
}

fn list(sections: &Value) -> Result<(), GraphError> {
    let sections = sections.as_array().map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<Value> = sections
        .iter()
        .flat_map(|section| section["rows"].as_array().into_iter().flatten().cloned())
        .collect();
    if rows.len() > 10 {
        return Err(GraphError::bad_value("Total row count exceeds max allowed count: 10"));
    }
    titled(sections)?;
    different(Some(&rows), |row| &row["id"])
}

fn titled(sections: &[Value]) -> Result<(), GraphError> {
    match sections.len() > 1 && sections.iter().any(|section| section["title"].is_null()) {
        true => Err(GraphError::missing("sections['title']")),
        false => Ok(()),
    }
}

/// Sections of products: 30 in all.
pub(super) fn sections(sections: &Value) -> Result<(), GraphError> {
    let sections = sections.as_array().map(Vec::as_slice).unwrap_or_default();
    let count = |section: &Value| section["product_items"].as_array().map_or(0, Vec::len);
    if sections.iter().map(count).sum::<usize>() > 30 {
        return Err(GraphError::bad_value(
            "Total product count exceeds max allowed count: 30",
        ));
    }
    titled(sections)
}

fn flow(parameters: &Value) -> Result<(), GraphError> {
    if parameters["flow_id"].is_string() == parameters["flow_name"].is_string() {
        return Err(GraphError::bad_value(
            "Exactly one of flow_id and flow_name is required",
        ));
    }
    let payload = &parameters["flow_action_payload"];
    if payload.is_object() && parameters["flow_action"] == "data_exchange" {
        return Err(GraphError::bad_value("flow_action_payload is for the action navigate"));
    }
    match payload["data"].as_object() {
        Some(data) if data.is_empty() => Err(GraphError::bad_value("flow_action_payload['data'] must not be empty")),
        _ => Ok(()),
    }
}

fn carousel(cards: &Value) -> Result<(), GraphError> {
    let mut kinds = HashSet::new();
    let mut catalogs = HashSet::new();
    for (n, card) in cards.as_array().into_iter().flatten().enumerate() {
        let path = format!("interactive['action']['cards'][{n}]");
        if card["type"] == "product" {
            check(card, PRODUCT_CARD, &path)?;
            kinds.insert(("product", 1));
            catalogs.insert(card["action"]["catalog_id"].to_string());
        } else {
            check(card, MEDIA_CARD, &path)?;
            check_header(&card["header"], &path)?;
            if !matches!(card["header"]["type"].as_str(), Some("image" | "video")) {
                return Err(GraphError::bad_value(format!(
                    "Param {path}['header'] must be an image or a video"
                )));
            }
            let words = card["body"]["text"].as_str().unwrap_or_default();
            if words.lines().count() > 3 {
                return Err(GraphError::bad_value(format!(
                    "Param {path}['body'] has more than 2 line breaks"
                )));
            }
            match card["action"]["buttons"].as_array() {
                None => {
                    check(&card["action"], CARD_LINK, &path)?;
                    kinds.insert(("link", 1));
                }
                Some(buttons) => {
                    check(&card["action"], CARD_REPLIES, &path)?;
                    kinds.insert(("quick_reply", buttons.len()));
                }
            }
        }
        if card["card_index"].as_u64() != u64::try_from(n).ok() {
            return Err(GraphError::bad_value(format!("Param {path}['card_index'] must be {n}")));
        }
    }
    if kinds.len() > 1 || catalogs.len() > 1 {
        return Err(GraphError::bad_value(
            "All cards must have the same kind and number of buttons, and one catalog",
        ));
    }
    Ok(())
}
