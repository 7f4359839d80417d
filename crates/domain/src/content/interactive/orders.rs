//! Orders that are paid in the chat: India and Brazil. What the payment service needs is passed on unread.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::content::reader::At;

/// Longest reference of an order, in characters.
const MAX_REFERENCE: usize = 35;
/// Longest other text, in characters; Meta documents none but for some.
const MAX_TEXT: usize = 500;
/// Most items of an order; Meta documents none.
const MAX_ITEMS: usize = 999;
/// Amounts are whole hundredths of the currency.
const OFFSET: i64 = 100;
/// The largest amount that survives as a number in JSON.
const MAX_VALUE: i64 = 9_007_199_254_740_991;

/// What is to be paid.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrderDetails {
    reference_id: String,
    r#type: &'static str,
    currency: String,
    total_amount: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<Order>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_configuration: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_settings: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beneficiaries: Option<Value>,
}

/// How far an order is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderStatus {
    reference_id: String,
    order: Progress,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Progress {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Order {
    status: &'static str,
    items: Vec<Item>,
    subtotal: Amount,
    tax: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipping: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discount: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    catalog_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration: Option<Map<String, Value>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Item {
    #[serde(skip_serializing_if = "Option::is_none")]
    retailer_id: Option<String>,
    name: String,
    amount: Amount,
    quantity: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sale_amount: Option<Amount>,
}

/// `{"value": 1100, "offset": 100}` is 11.00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Amount {
    value: i64,
    offset: i64,
}

impl OrderDetails {
    pub(in crate::content) fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let reference_id = reference(fields.need("reference_id"));
            let r#type = fields.need("type").word(&["digital-goods", "physical-goods"]);
            let is_currency = |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
            let currency = fields
                .need("currency")
                .text_that(3, is_currency, "a currency of ISO 4217, as in INR");
            let total_amount = Amount::read(fields.need("total_amount"));
            let order = fields.find("order").and_then(Order::read);
            let text = |name| fields.find(name).and_then(|at| at.text(MAX_TEXT));
            let list = |name| {
                let at: At<'_> = fields.find(name)?;
                if !at.value().is_array() {
                    at.fault("a list, as Meta's payments take it");
                }
                Some(at.value().clone())
            };
            let (payment_type, payment_configuration) = (text("payment_type"), text("payment_configuration"));
            let (payment_settings, beneficiaries) = (list("payment_settings"), list("beneficiaries"));
            Some(Self {
                reference_id: reference_id?,
                r#type: r#type?,
                currency: currency?,
                total_amount: total_amount?,
                order,
                payment_type,
                payment_configuration,
                payment_settings,
                beneficiaries,
            })
        })
    }
}

impl OrderStatus {
    pub(in crate::content) fn read(at: At<'_>) -> Option<Self> {
        const STATUSES: &[&str] = &[
            "pending",
            "processing",
            "partially_shipped",
            "shipped",
            "completed",
            "canceled",
        ];
        at.object(|fields| {
            let reference_id = reference(fields.need("reference_id"));
            let order = fields.need("order").object(|fields| {
                let status = fields.need("status").word(STATUSES);
                let description = fields.find("description").and_then(|at| at.text(120));
                Some(Progress {
                    status: status?,
                    description,
                })
            });
            Some(Self {
                reference_id: reference_id?,
                order: order?,
            })
        })
    }
}

impl Order {
    fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let status = fields.need("status").word(&["pending"]);
            let items = fields.need("items").list(1..=MAX_ITEMS, Item::read);
            let subtotal = Amount::read(fields.need("subtotal"));
            let tax = fields.need("tax").any_object();
            let object = |name| fields.find(name).and_then(At::any_object);
            let (shipping, discount, expiration) = (object("shipping"), object("discount"), object("expiration"));
            let catalog_id = fields.find("catalog_id").and_then(|at| at.text(MAX_TEXT));
            Some(Self {
                status: status?,
                items: items?,
                subtotal: subtotal?,
                tax: tax?,
                shipping,
                discount,
                catalog_id,
                expiration,
            })
        })
    }
}

impl Item {
    fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let retailer_id = fields.find("retailer_id").and_then(|at| at.text(MAX_TEXT));
            let name = fields.need("name").text(60);
            let amount = Amount::read(fields.need("amount"));
            let quantity = fields.need("quantity").integer(1..=MAX_VALUE);
            let sale_amount = fields.find("sale_amount").and_then(Amount::read);
            Some(Self {
                retailer_id,
                name: name?,
                amount: amount?,
                quantity: quantity?,
                sale_amount,
            })
        })
    }
}

impl Amount {
    fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let value = fields.need("value").integer(0..=MAX_VALUE);
            let offset = fields.need("offset").integer(OFFSET..=OFFSET);
            Some(Self {
                value: value?,
                offset: offset?,
            })
        })
    }
}

fn reference(at: At<'_>) -> Option<String> {
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    at.text_that(MAX_REFERENCE, is_plain, "letters, digits, _, - and .")
}
