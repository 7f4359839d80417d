//! Messages to tap on. One frame (header, body, footer, action), and a file per family of actions.
//!
//! Limits are Meta's ("Interactive messages", read 2025 to 2026); what differs between kinds is in `Frame`.

mod address;
mod call_to_action;
mod carousel;
mod flow;
mod list;
mod orders;
mod products;
mod reply_buttons;

use serde::Serialize;

use super::media::Media;
use super::reader::{At, Fields};

pub use carousel::{MAX_CARDS, MIN_CARDS};
pub use orders::{OrderDetails, OrderStatus};
pub use products::{MAX_ID as MAX_PRODUCT_ID, Product, Section};

/// Every kind, in the order of Meta's documentation.
pub const KINDS: &[&str] = &[
    "button",
    "list",
    "cta_url",
    "flow",
    "product",
    "product_list",
    "catalog_message",
    "location_request_message",
    "address_message",
    "voice_call",
    "call_permission_request",
    "carousel",
    "request_contact_info",
    "order_details",
    "order_status",
];

/// Meta's limit for the text of a header, in characters.
pub const MAX_HEADER: usize = 60;
/// Meta's limit for a footer, in characters.
pub const MAX_FOOTER: usize = 60;
/// Meta's limit for the body of all kinds but lists, in characters.
pub const MAX_BODY: usize = 1024;
/// Meta's limit for the body of a list, in characters.
pub const MAX_LIST_BODY: usize = 4096;

/// `interactive`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Interactive {
    /// One of [`KINDS`].
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Above the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Words>,
    /// Below the body, in small print.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footer: Option<Words>,
    /// What to tap on.
    pub action: Action,
}

/// `{"text": …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Words {
    /// The words.
    pub text: String,
}

/// `{"type": "text", "text": …}` or `{"type": "image", "image": {…}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Header {
    /// Up to 60 characters.
    Text {
        /// The words.
        text: String,
        /// More of them, up to 60 characters.
        #[serde(skip_serializing_if = "Option::is_none")]
        sub_text: Option<String>,
    },
    /// A picture.
    Image {
        /// The file.
        image: Media,
    },
    /// A video.
    Video {
        /// The file.
        video: Media,
    },
    /// A document.
    Document {
        /// The file.
        document: Media,
    },
}

/// What to tap on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Action {
    /// `button`.
    ReplyButtons(reply_buttons::ReplyButtons),
    /// `list`.
    List(list::List),
    /// `cta_url`.
    Link(Named<call_to_action::Link>),
    /// `voice_call`.
    VoiceCall(Named<call_to_action::VoiceCall>),
    /// `location_request_message`, `call_permission_request`, `request_contact_info`: a name and nothing else.
    Bare {
        /// Meta's name of the action.
        name: &'static str,
    },
    /// `flow`.
    Flow(Named<Box<flow::Flow>>),
    /// `product`.
    Product(products::Product),
    /// `product_list`.
    Products(products::Products),
    /// `catalog_message`.
    Catalog(products::Catalog),
    /// `address_message`.
    Address(Named<address::Address>),
    /// `carousel`.
    Carousel(carousel::Carousel),
    /// `order_details`.
    OrderDetails(Named<Box<orders::OrderDetails>>),
    /// `order_status`.
    OrderStatus(Named<orders::OrderStatus>),
}

/// An action with its name and parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named<P> {
    /// Meta's name of the action.
    pub name: &'static str,
    /// What it needs.
    pub parameters: P,
}

/// What stands around the action of a kind.
struct Frame {
    header: HeaderRule,
    body: BodyRule,
    footer: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum HeaderRule {
    None,
    Any,
    TextOnly,
    TextNeeded,
}

#[derive(Clone, Copy)]
enum BodyRule {
    Optional(usize),
    Needed(usize),
}

impl Frame {
    fn of(kind: &str) -> Self {
        use BodyRule::{Needed, Optional};
        use HeaderRule::{Any, None, TextNeeded, TextOnly};
        let (header, body, footer) = match kind {
            "list" => (TextOnly, Needed(MAX_LIST_BODY), true),
            "button" | "cta_url" | "flow" | "order_details" => (Any, Needed(MAX_BODY), true),
            "product" => (None, Optional(MAX_BODY), true),
            "product_list" => (TextNeeded, Needed(MAX_BODY), true),
            "address_message" | "order_status" => (Any, Needed(MAX_BODY), true),
            "carousel" => (None, Needed(MAX_BODY), false),
            // A catalog, a question for a place, a number or a call.
            _ => (None, Needed(MAX_BODY), true),
        };
        Self { header, body, footer }
    }
}

impl Interactive {
    pub(super) fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let kind = fields.need("type").word(KINDS);
            let Some(kind) = kind else {
                // Without a kind nothing can be said of the rest.
                for name in ["header", "body", "footer", "action"] {
                    fields.find(name);
                }
                return None;
            };
            let frame = Frame::of(kind);
            let header = frame.header(fields, kind);
            let body = match frame.body {
                BodyRule::Needed(most) => Words::read(fields.need("body"), most),
                BodyRule::Optional(most) => fields.find("body").and_then(|at| Words::read(at, most)),
            };
            let footer = match frame.footer {
                true => fields.find("footer").and_then(|at| Words::read(at, MAX_FOOTER)),
                false => refuse(fields, "footer", kind),
            };
            let action = Action::read(kind, fields.need("action"));
            Some(Self {
                kind,
                header,
                body,
                footer,
                action: action?,
            })
        })
    }
}

impl Frame {
    fn header(&self, fields: &Fields<'_>, kind: &str) -> Option<Header> {
        match self.header {
            HeaderRule::None => refuse(fields, "header", kind),
            HeaderRule::TextNeeded => Header::read(fields.need("header"), &["text"]),
            HeaderRule::TextOnly => fields.find("header").and_then(|at| Header::read(at, &["text"])),
            HeaderRule::Any => fields
                .find("header")
                .and_then(|at| Header::read(at, &["text", "image", "video", "document"])),
        }
    }
}

fn refuse<T>(fields: &Fields<'_>, name: &'static str, kind: &str) -> Option<T> {
    if let Some(at) = fields.find(name) {
        at.fault(format!("nothing: a message of type {kind} has no {name}"));
    }
    None
}

impl Words {
    fn read(at: At<'_>, most: usize) -> Option<Self> {
        at.object(|fields| {
            Some(Self {
                text: fields.need("text").text(most)?,
            })
        })
    }
}

impl Header {
    fn read(at: At<'_>, kinds: &[&'static str]) -> Option<Self> {
        at.object(|fields| {
            let kind = fields.need("type").word(kinds)?;
            match kind {
                "image" => Some(Self::Image {
                    image: Media::read_bare(kind, fields.need("image"))?,
                }),
                "video" => Some(Self::Video {
                    video: Media::read_bare(kind, fields.need("video"))?,
                }),
                "document" => Some(Self::Document {
                    document: Media::read_bare(kind, fields.need("document"))?,
                }),
                _ => {
                    let text = fields.need("text").text(MAX_HEADER);
                    let sub_text = fields.find("sub_text").and_then(|at| at.text(MAX_HEADER));
                    Some(Self::Text { text: text?, sub_text })
                }
            }
        })
    }
}

impl Action {
    fn read(kind: &'static str, at: At<'_>) -> Option<Self> {
        match kind {
            "button" => reply_buttons::ReplyButtons::read(at).map(Self::ReplyButtons),
            "list" => list::List::read(at).map(Self::List),
            "cta_url" => Named::read(at, kind, call_to_action::Link::read).map(Self::Link),
            "voice_call" => Named::read(at, kind, call_to_action::VoiceCall::read).map(Self::VoiceCall),
            "location_request_message" => bare(at, "send_location"),
            "flow" => Named::read(at, kind, |at| flow::Flow::read(at).map(Box::new)).map(Self::Flow),
            "product" => products::Product::read(at).map(Self::Product),
            "product_list" => products::Products::read(at).map(Self::Products),
            "catalog_message" => products::Catalog::read(at).map(Self::Catalog),
            "address_message" => Named::read(at, kind, address::Address::read).map(Self::Address),
            "carousel" => carousel::Carousel::read(at).map(Self::Carousel),
            "order_details" => Named::read(at, "review_and_pay", |at| orders::OrderDetails::read(at).map(Box::new))
                .map(Self::OrderDetails),
            "order_status" => Named::read(at, "review_order", orders::OrderStatus::read).map(Self::OrderStatus),
            named_alike => bare(at, named_alike),
        }
    }
}

impl<P> Named<P> {
    fn read(at: At<'_>, name: &'static str, read: impl Fn(At<'_>) -> Option<P>) -> Option<Self> {
        at.object(|fields| {
            let name = fields.need("name").word(&[name]);
            let parameters = read(fields.need("parameters"));
            Some(Self {
                name: name?,
                parameters: parameters?,
            })
        })
    }
}

fn bare(at: At<'_>, name: &'static str) -> Option<Action> {
    at.object(|fields| {
        Some(Action::Bare {
            name: fields.need("name").word(&[name])?,
        })
    })
}
