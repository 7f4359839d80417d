//! Parameters of a template's buttons, by kind of button.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::content::interactive::{MAX_PRODUCT_ID, OrderDetails, Section};
use crate::content::reader::{At, Fields};

/// Every kind of button that takes parameters, in the order of Meta's documentation.
pub const SUB_TYPES: &[&str] = &[
    "url",
    "quick_reply",
    "copy_code",
    "flow",
    "catalog",
    "mpm",
    "voice_call",
    "order_details",
];

/// The last of ten buttons.
const MAX_INDEX: i64 = 9;
/// Longest address, with the suffix, in characters.
const MAX_URL: usize = 2000;
/// Longest payload of a quick reply, in characters; from other libraries, Meta documents none.
const MAX_PAYLOAD: usize = 128;
/// Longest coupon code.
const MAX_COUPON: usize = 20;
/// Longest token of a flow, in characters; Meta documents none.
const MAX_TOKEN: usize = 200;
/// Longest payload of a call button, in characters.
const MAX_CALL_PAYLOAD: usize = 512;
/// How long a call button may work, in minutes: 30 days.
const MAX_TTL_MINUTES: i64 = 43_200;

/// A button and its parameters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Button {
    /// One of [`SUB_TYPES`].
    pub sub_type: &'static str,
    /// Place among the template's buttons, from `"0"`.
    pub index: String,
    parameters: Vec<Parameter>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Parameter {
    Text { text: String },
    Payload { payload: String },
    CouponCode { coupon_code: String },
    Action { action: Action },
    TtlMinutes { ttl_minutes: i64 },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum Action {
    Flow {
        #[serde(skip_serializing_if = "Option::is_none")]
        flow_token: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        flow_action_data: Option<Map<String, Value>>,
    },
    Products {
        #[serde(skip_serializing_if = "Option::is_none")]
        thumbnail_product_retailer_id: Option<String>,
        sections: Vec<Section>,
    },
    Catalog {
        #[serde(skip_serializing_if = "Option::is_none")]
        thumbnail_product_retailer_id: Option<String>,
    },
    Order {
        order_details: Box<OrderDetails>,
    },
}

impl Button {
    pub(super) fn read(fields: &Fields<'_>) -> Option<Self> {
        let sub_type = fields.need("sub_type").word(SUB_TYPES);
        let index = index(&fields.need("index"));
        let parameters = fields.need("parameters");
        let sub_type = sub_type?;
        let parameters = match sub_type {
            // How long it works, what comes back, or both.
            "voice_call" => parameters.list(1..=2, |at| Parameter::read(sub_type, at)),
            _ => parameters.list(1..=1, |at| Parameter::read(sub_type, at)),
        };
        Some(Self {
            sub_type,
            index: index?.to_string(),
            parameters: parameters?,
        })
    }
}

fn index(at: &At<'_>) -> Option<i64> {
    let index = match at.value() {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    };
    let index = index.filter(|index| (0..=MAX_INDEX).contains(index));
    if index.is_none() {
        at.fault(format!("the place of the button, 0 to {MAX_INDEX}"));
    }
    index
}

impl Parameter {
    fn read(sub_type: &str, at: At<'_>) -> Option<Self> {
        at.object(|fields| match sub_type {
            "url" => {
                fields.need("type").word(&["text"])?;
                let text = fields.need("text").text(MAX_URL)?;
                Some(Self::Text { text })
            }
            "quick_reply" => {
                fields.need("type").word(&["payload"])?;
                let payload = fields.need("payload").text(MAX_PAYLOAD)?;
                Some(Self::Payload { payload })
            }
            "copy_code" => {
                fields.need("type").word(&["coupon_code"])?;
                let is_code = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
                let code = fields.need("coupon_code");
                let coupon_code = code.text_that(MAX_COUPON, is_code, "letters and digits")?;
                Some(Self::CouponCode { coupon_code })
            }
            "voice_call" => match fields.need("type").word(&["ttl_minutes", "payload"])? {
                "ttl_minutes" => Some(Self::TtlMinutes {
                    ttl_minutes: fields.need("ttl_minutes").integer(1..=MAX_TTL_MINUTES)?,
                }),
                _ => Some(Self::Payload {
                    payload: fields.need("payload").text(MAX_CALL_PAYLOAD)?,
                }),
            },
            _ => {
                fields.need("type").word(&["action"])?;
                let action = fields.need("action").object(|fields| Action::read(sub_type, fields))?;
                Some(Self::Action { action })
            }
        })
    }
}

impl Action {
    fn read(sub_type: &str, fields: &Fields<'_>) -> Option<Self> {
        let thumbnail = || {
            let at = fields.find("thumbnail_product_retailer_id");
            at.and_then(|at| at.text(MAX_PRODUCT_ID))
        };
        match sub_type {
            "flow" => Some(Self::Flow {
                flow_token: fields.find("flow_token").and_then(|at| at.text(MAX_TOKEN)),
                flow_action_data: fields.find("flow_action_data").and_then(At::any_object),
            }),
            "catalog" => Some(Self::Catalog {
                thumbnail_product_retailer_id: thumbnail(),
            }),
            "mpm" => {
                let thumbnail_product_retailer_id = thumbnail();
                let sections = Section::read_all(fields.need("sections"));
                Some(Self::Products {
                    thumbnail_product_retailer_id,
                    sections: sections?,
                })
            }
            _ => Some(Self::Order {
                order_details: Box::new(OrderDetails::read(fields.need("order_details"))?),
            }),
        }
    }
}
