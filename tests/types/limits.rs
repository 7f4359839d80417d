//! Meta's limits, one row each: what is as long as allowed goes, what is one longer is refused, with the path of the field.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::golden;

/// Golden request, JSON pointer of a text in it, most characters.
const TEXTS: &[(&str, &str, usize)] = &[
    ("text", "/text/body", 4096),
    ("image", "/image/caption", 1024),
    ("video", "/video/caption", 1024),
    ("document", "/document/caption", 1024),
    ("interactive.button", "/interactive/body/text", 1024),
    ("interactive.button", "/interactive/footer/text", 60),
    ("interactive.button", "/interactive/action/buttons/0/reply/id", 256),
    ("interactive.button", "/interactive/action/buttons/0/reply/title", 20),
    ("interactive.list", "/interactive/header/text", 60),
    ("interactive.list", "/interactive/body/text", 4096),
    ("interactive.list", "/interactive/footer/text", 60),
    ("interactive.list", "/interactive/action/button", 20),
    ("interactive.list", "/interactive/action/sections/0/title", 24),
    ("interactive.list", "/interactive/action/sections/0/rows/0/id", 200),
    ("interactive.list", "/interactive/action/sections/0/rows/0/title", 24),
    (
        "interactive.list",
        "/interactive/action/sections/0/rows/0/description",
        72,
    ),
    ("interactive.cta_url", "/interactive/body/text", 1024),
    ("interactive.cta_url", "/interactive/action/parameters/display_text", 20),
    ("interactive.flow", "/interactive/header/sub_text", 60),
    ("interactive.flow", "/interactive/body/text", 1024),
    ("interactive.product", "/interactive/body/text", 1024),
    ("interactive.product_list", "/interactive/header/text", 60),
    ("interactive.product_list", "/interactive/action/sections/0/title", 24),
    ("interactive.catalog_message", "/interactive/body/text", 1024),
    ("interactive.catalog_message", "/interactive/footer/text", 60),
    ("interactive.location_request_message", "/interactive/body/text", 1024),
    (
        "interactive.voice_call",
        "/interactive/action/parameters/display_text",
        20,
    ),
    ("interactive.voice_call", "/interactive/action/parameters/payload", 512),
    ("interactive.carousel", "/interactive/body/text", 1024),
    ("interactive.carousel", "/interactive/action/cards/0/body/text", 160),
    (
        "interactive.carousel",
        "/interactive/action/cards/0/action/parameters/display_text",
        20,
    ),
    (
        "interactive.carousel.quick_replies",
        "/interactive/action/cards/0/action/buttons/0/quick_reply/id",
        20,
    ),
    (
        "interactive.carousel.quick_replies",
        "/interactive/action/cards/0/action/buttons/0/quick_reply/title",
        20,
    ),
    (
        "interactive.order_status",
        "/interactive/action/parameters/order/description",
        120,
    ),
    ("template.header.text", "/template/components/0/parameters/0/text", 60),
    ("template.button.url", "/template/components/0/parameters/0/text", 2000),
    (
        "template.button.voice_call",
        "/template/components/0/parameters/1/payload",
        512,
    ),
    ("interactive.list", "/interactive/action/sections/1/title", 24),
    ("interactive.cta_url", "/interactive/footer/text", 60),
    ("interactive.flow", "/interactive/header/text", 60),
    ("interactive.flow", "/interactive/footer/text", 60),
    ("interactive.product", "/interactive/footer/text", 60),
    ("interactive.product_list", "/interactive/body/text", 1024),
    ("interactive.product_list", "/interactive/footer/text", 60),
    ("interactive.address_message", "/interactive/body/text", 1024),
    ("interactive.voice_call", "/interactive/body/text", 1024),
    ("interactive.call_permission_request", "/interactive/body/text", 1024),
    ("interactive.request_contact_info", "/interactive/body/text", 1024),
    ("interactive.carousel.quick_replies", "/interactive/body/text", 1024),
    ("interactive.carousel.products", "/interactive/body/text", 1024),
    ("interactive.order_details", "/interactive/body/text", 1024),
    ("interactive.order_details", "/interactive/footer/text", 60),
    ("interactive.order_status", "/interactive/body/text", 1024),
    (
        "template.button.mpm",
        "/template/components/0/parameters/0/action/sections/0/title",
        24,
    ),
];

/// The same for texts of letters and digits only.
const CODES: &[(&str, &str, usize)] = &[
    (
        "template.button.copy_code",
        "/template/components/0/parameters/0/coupon_code",
        20,
    ),
    (
        "interactive.order_details",
        "/interactive/action/parameters/reference_id",
        35,
    ),
    ("interactive.flow", "/interactive/action/parameters/flow_cta", 30),
];

/// The same, where Meta's own limit is not documented or concerns the filled-in text, so that the referee does not know it.
const OURS: &[(&str, &str, usize)] = &[
    ("document", "/document/filename", 240),
    ("location", "/location/name", 1000),
    ("location", "/location/address", 1000),
    ("contacts", "/contacts/0/name/formatted_name", 1000),
    ("interactive.product", "/interactive/action/product_retailer_id", 200),
    ("interactive.flow", "/interactive/action/parameters/flow_token", 200),
    ("template.body.named", "/template/components/0/parameters/0/text", 1024),
    (
        "interactive.address_message",
        "/interactive/action/parameters/values/in_pin_code",
        6,
    ),
    ("template.body", "/template/components/0/parameters/0/text", 1024),
    (
        "template.button.quick_reply",
        "/template/components/0/parameters/0/payload",
        128,
    ),
];

/// Golden request, JSON pointer of a list in it, fewest and most elements.
const LISTS: &[(&str, &str, usize, usize)] = &[
    ("contacts", "/contacts", 1, 257),
    ("interactive.button", "/interactive/action/buttons", 1, 3),
    ("interactive.list", "/interactive/action/sections/1/rows", 1, 8),
    (
        "interactive.product_list",
        "/interactive/action/sections/1/product_items",
        1,
        28,
    ),
    ("interactive.product_list", "/interactive/action/sections", 1, 10),
    (
        "template.button.mpm",
        "/template/components/0/parameters/0/action/sections",
        1,
        10,
    ),
    (
        "template.button.mpm",
        "/template/components/0/parameters/0/action/sections/1/product_items",
        1,
        28,
    ),
    ("interactive.carousel.products", "/interactive/action/cards", 2, 10),
    (
        "interactive.order_details",
        "/interactive/action/parameters/order/items",
        1,
        999,
    ),
    ("interactive.carousel", "/interactive/action/cards", 2, 10),
    ("template.carousel", "/template/components/0/cards", 2, 10),
];

/// Golden request, JSON pointer of an integer in it, least and most.
const INTEGERS: &[(&str, &str, i64, i64)] = &[
    (
        "interactive.voice_call",
        "/interactive/action/parameters/ttl_minutes",
        1,
        43_200,
    ),
    (
        "template.button.voice_call",
        "/template/components/0/parameters/0/ttl_minutes",
        1,
        43_200,
    ),
    ("template.button.url", "/template/components/0/index", 0, 9),
    ("location", "/location/longitude", -180, 180),
    ("location", "/location/latitude", -90, 90),
];

fn with(name: &str, pointer: &str, value: Value) -> Value {
    let mut body = golden::given()
        .remove(name)
        .unwrap_or_else(|| panic!("no golden {name}"))
        .body;
    *body
        .pointer_mut(pointer)
        .unwrap_or_else(|| panic!("{name} has no {pointer}")) = value;
    body
}

/// `/a/0/b` as `a[0].b`.
fn path(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        match part.parse::<usize>() {
            Ok(index) => path.push_str(&format!("[{index}]")),
            Err(_) if path.is_empty() => path.push_str(part),
            Err(_) => path.push_str(&format!(".{part}")),
        }
    }
    path
}

fn is_taken(body: &Value) {
    if let Err(errors) = golden::read(body) {
        panic!("refused: {errors:?} in {body}");
    }
    let (sent, _) = golden::composed(body);
    assert_eq!(simulator::validate(sent.as_bytes()), Ok(()), "{sent}");
}

/// Refused by us, for this field and nothing else, saying what is allowed. `referee` is to refuse it as well.
fn is_refused(body: &Value, pointer: &str, allowed: &str, referee: bool) {
    let errors = golden::read(body).expect_err("one too many is taken");
    let fields: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, [path(pointer)], "{errors:?}");
    assert!(
        errors[0].expected.contains(allowed),
        "{errors:?} does not say {allowed}"
    );
    if referee {
        let mut sent = body.clone();
        sent["messaging_product"] = json!("whatsapp");
        sent["to"] = json!("+16505550100");
        assert!(
            simulator::validate(sent.to_string().as_bytes()).is_err(),
            "the referee takes {sent}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn texts_end_where_meta_ends_them(row in 0..TEXTS.len(), letter in "[a-zà-ÿ一-龥😀-😎]", part in 0.0..1.0_f64) {
        let (name, pointer, most) = TEXTS[row];
        is_taken(&with(name, pointer, json!(letter.repeat(1 + (part * most as f64) as usize % most))));
        let beyond = most + 1 + (part * most as f64) as usize;
        is_refused(&with(name, pointer, json!(letter.repeat(beyond))), pointer, &most.to_string(), true);
        is_taken(&with(name, pointer, json!(letter.repeat(most))));
        is_refused(&with(name, pointer, json!(letter.repeat(most + 1))), pointer, &most.to_string(), true);
    }
}

#[test]
fn every_row_of_texts_holds_at_its_limit_and_breaks_beyond() {
    for (rows, referee) in [(TEXTS, true), (CODES, true), (OURS, false)] {
        for (name, pointer, most) in rows {
            is_taken(&with(name, pointer, json!("x".repeat(*most))));
            is_refused(
                &with(name, pointer, json!("x".repeat(most + 1))),
                pointer,
                &most.to_string(),
                referee,
            );
            if *name != "interactive.address_message" {
                is_refused(&with(name, pointer, json!("")), pointer, "1 to", true);
            }
        }
    }
}

#[test]
fn lists_have_as_many_elements_as_meta_takes() {
    for (name, pointer, least, most) in LISTS {
        let list = |count: usize| {
            let first = golden::given().remove(*name).unwrap().body.pointer(pointer).unwrap()[0].clone();
            let mut body = with(name, pointer, (0..count).map(|n| numbered(&first, n)).collect());
            // What makes elements differ must not make a reader of paths stumble.
            body["type"] = body["type"].clone();
            body
        };
        is_taken(&list(*least));
        is_taken(&list(*most));
        is_refused_somewhere(&list(most + 1));
        is_refused_somewhere(&list(least - 1));
    }
}

#[test]
fn a_list_has_ten_sections_at_most() {
    let list = |count: usize| {
        let section =
            |n: usize| json!({"title": format!("Section {n}"), "rows": [{"id": format!("r{n}"), "title": "Row"}]});
        with(
            "interactive.list",
            "/interactive/action/sections",
            (0..count).map(section).collect(),
        )
    };
    is_taken(&list(1));
    is_taken(&list(10));
    is_refused_somewhere(&list(0));
    is_refused_somewhere(&list(11));
}

/// The element with its ids and index made its own.
pub(crate) fn numbered(element: &Value, n: usize) -> Value {
    let mut element = element.clone();
    if element.get("card_index").is_some() {
        element["card_index"] = json!(n);
    }
    if element.get("id").is_some() {
        element["id"] = json!(format!("n{n}"));
    }
    if element.get("reply").is_some() {
        element["reply"] = json!({"id": format!("n{n}"), "title": format!("n{n}")});
    }
    element
}

fn is_refused_somewhere(body: &Value) {
    assert!(golden::read(body).is_err(), "taken: {body}");
    let mut sent = body.clone();
    sent["messaging_product"] = json!("whatsapp");
    sent["to"] = json!("+16505550100");
    assert!(
        simulator::validate(sent.to_string().as_bytes()).is_err(),
        "the referee takes {sent}"
    );
}

#[test]
fn integers_stay_between_metas_bounds() {
    for (name, pointer, least, most) in INTEGERS {
        is_taken(&with(name, pointer, json!(least)));
        is_taken(&with(name, pointer, json!(most)));
        is_refused_somewhere(&with(name, pointer, json!(most + 1)));
        is_refused_somewhere(&with(name, pointer, json!(least - 1)));
    }
}

#[test]
fn a_card_has_two_line_breaks_at_most() {
    let pointer = "/interactive/action/cards/0/body/text";
    is_taken(&with("interactive.carousel", pointer, json!("a\nb\nc")));
    is_refused(
        &with("interactive.carousel", pointer, json!("a\nb\nc\nd")),
        pointer,
        "2 line breaks",
        true,
    );
}
