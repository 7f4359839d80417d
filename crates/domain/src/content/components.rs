//! The components of a template message: what fills the placeholders of its parts.
//!
//! Here each component is checked by itself; whether they fit the stored template is for `template::fit` to say.
//! Meta's examples write words in either case and the index of a button as a text or a number; what is kept is always the same.

mod buttons;
mod parameters;

use serde::Serialize;
use serde_json::Value;

use super::FieldError;
use super::interactive::{MAX_CARDS, MIN_CARDS};
use super::reader::{At, Faults, Fields};
pub use buttons::{Button, SUB_TYPES};
pub use parameters::{BodyParameter, HEADER_KINDS, HeaderParameter, MAX_BODY_TEXT};

/// Every component, in the order of Meta's documentation.
pub const KINDS: &[&str] = &[
    "header",
    "body",
    "button",
    "limited_time_offer",
    "carousel",
    "order_status",
];

/// Most components: one of each part, and ten buttons.
const MAX_COMPONENTS: usize = 16;
/// Most placeholders of a body; more than fit into 1,024 characters.
const MAX_PARAMETERS: usize = 256;
/// The last moment that survives as a number in JSON, in milliseconds.
const MAX_MS: i64 = 9_007_199_254_740_991;

/// One component.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Component {
    /// A text, a file, a place or a product above the body.
    Header {
        /// One.
        parameters: Vec<HeaderParameter>,
    },
    /// The words.
    Body {
        /// One for each placeholder.
        parameters: Vec<BodyParameter>,
    },
    /// A button that needs a value.
    Button(Button),
    /// When the offer ends.
    LimitedTimeOffer {
        /// One.
        parameters: Vec<Offer>,
    },
    /// The cards.
    Carousel {
        /// As many as the template has.
        cards: Vec<Card>,
    },
    /// How far an order is.
    OrderStatus {
        /// One.
        parameters: Vec<Status>,
    },
}

/// `{"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offer {
    r#type: &'static str,
    limited_time_offer: Expiration,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Expiration {
    expiration_time_ms: i64,
}

/// `{"type": "order_status", "order_status": {"reference_id", "order": {"status", "description"}}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    r#type: &'static str,
    order_status: super::interactive::OrderStatus,
}

/// One card of a carousel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Card {
    card_index: i64,
    components: Vec<Component>,
}

/// Reads a list of components that stands at `path`, and gives it back in Meta's form.
///
/// # Errors
/// With everything that is wrong.
pub fn read(path: &str, components: &Value) -> Result<Vec<Value>, Vec<FieldError>> {
    let faults = Faults::default();
    let list = read_list(At::new(path, components, &faults));
    match (faults.into_vec(), list) {
        (faults, Some(list)) if faults.is_empty() => Ok(values(&list)),
        (faults, _) => Err(faults),
    }
}

pub(super) fn values(list: &[Component]) -> Vec<Value> {
    list.iter()
        .map(|component| serde_json::to_value(component).expect("a component is plain data, which always serializes"))
        .collect()
}

pub(super) fn read_list(at: At<'_>) -> Option<Vec<Component>> {
    let list = at.clone().list(0..=MAX_COMPONENTS, |at| Component::read(at, KINDS))?;
    once(&at, &list);
    Some(list)
}

/// Every part but buttons comes once, and each button once.
fn once(at: &At<'_>, list: &[Component]) {
    for (n, component) in list.iter().enumerate() {
        if list[..n].iter().any(|earlier| earlier.is_same_part(component)) {
            at.fault(format!("each part once; [{n}] is there already"));
        }
    }
}

impl Component {
    fn read(at: At<'_>, kinds: &[&'static str]) -> Option<Self> {
        at.object(|fields| match fields.need("type").word(kinds) {
            Some("header") => Some(Self::Header {
                parameters: fields.need("parameters").list(1..=1, HeaderParameter::read)?,
            }),
            Some("body") => Some(Self::Body {
                parameters: fields
                    .need("parameters")
                    .list(0..=MAX_PARAMETERS, BodyParameter::read)?,
            }),
            Some("button") => Button::read(fields).map(Self::Button),
            Some("limited_time_offer") => Some(Self::LimitedTimeOffer {
                parameters: fields.need("parameters").list(1..=1, Offer::read)?,
            }),
            Some("carousel") => {
                let list = fields.need("cards");
                let cards = list.clone().list(MIN_CARDS..=MAX_CARDS, Card::read)?;
                for (place, card) in cards.iter().enumerate() {
                    if usize::try_from(card.card_index) != Ok(place) {
                        list.fault(format!("cards in order: cards[{place}].card_index has to be {place}"));
                        return None;
                    }
                }
                Some(Self::Carousel { cards })
            }
            Some(_) => Some(Self::OrderStatus {
                parameters: fields.need("parameters").list(1..=1, Status::read)?,
            }),
            None => {
                pass_over(fields);
                None
            }
        })
    }

    fn is_same_part(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Button(one), Self::Button(other)) => one.index == other.index,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// Without a type nothing can be said of the rest.
fn pass_over(fields: &Fields<'_>) {
    for name in ["parameters", "sub_type", "index", "cards"] {
        fields.find(name);
    }
}

impl Card {
    fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let card_index = fields.need("card_index").integer(0..=MAX_CARDS as i64 - 1);
            let list = fields.need("components");
            let components = list.clone().list(0..=MAX_COMPONENTS, |at| {
                Component::read(at, &["header", "body", "button"])
            })?;
            once(&list, &components);
            Some(Self {
                card_index: card_index?,
                components,
            })
        })
    }
}

impl Offer {
    fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let r#type = fields.need("type").word(&["limited_time_offer"]);
            let expiration_time_ms = fields
                .need("limited_time_offer")
                .object(|fields| fields.need("expiration_time_ms").integer(1..=MAX_MS));
            Some(Self {
                r#type: r#type?,
                limited_time_offer: Expiration {
                    expiration_time_ms: expiration_time_ms?,
                },
            })
        })
    }
}

impl Status {
    fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let r#type = fields.need("type").word(&["order_status"]);
            let order_status = super::interactive::OrderStatus::read(fields.need("order_status"));
            Some(Self {
                r#type: r#type?,
                order_status: order_status?,
            })
        })
    }
}
