//! Two to ten cards side by side: pictures with a link or quick replies, or products.

use std::collections::HashSet;

use serde::Serialize;

use super::Named;
use super::call_to_action::Link;
use super::products::Product;
use crate::content::media::Media;
use crate::content::reader::{At, Fields};

/// Fewest cards.
pub const MIN_CARDS: usize = 2;
/// Most cards.
pub const MAX_CARDS: usize = 10;
/// Longest words of a card, in characters.
const MAX_CARD_BODY: usize = 160;
/// Most line breaks in the words of a card.
const MAX_LINE_BREAKS: usize = 2;
/// Most quick replies of a card. Meta documents no number; it is that of reply buttons.
const MAX_BUTTONS: usize = 3;
/// Longest id and label of a quick reply, in characters.
const MAX_REPLY: usize = 20;

/// `{"cards": […]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Carousel {
    cards: Vec<Card>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Card {
    card_index: usize,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<Header>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<super::Words>,
    action: CardAction,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Header {
    Image { image: Media },
    Video { video: Media },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum CardAction {
    Link(Named<Link>),
    QuickReplies { buttons: Vec<QuickReply> },
    Product(Product),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct QuickReply {
    r#type: &'static str,
    quick_reply: Reply,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Reply {
    id: String,
    title: String,
}

impl Carousel {
    pub(super) fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let list = fields.need("cards");
            let cards = list.clone().list(MIN_CARDS..=MAX_CARDS, Card::read)?;
            for (place, card) in cards.iter().enumerate() {
                if card.card_index != place {
                    list.fault(format!("cards in order: cards[{place}].card_index has to be {place}"));
                    return None;
                }
            }
            let kinds: HashSet<(u8, usize)> = cards.iter().map(|card| card.action.kind()).collect();
            if kinds.len() > 1 {
                list.fault("the same kind and number of buttons on all cards");
            }
            let catalogs: HashSet<&str> = cards.iter().filter_map(|card| card.action.catalog_id()).collect();
            if catalogs.len() > 1 {
                list.fault("products of one catalog");
            }
            let replies = cards.iter().flat_map(|card| card.action.reply_ids());
            let count = replies.clone().count();
            if replies.collect::<HashSet<_>>().len() < count {
                list.fault("quick replies whose ids differ from each other");
            }
            Some(Self { cards })
        })
    }
}

impl Card {
    fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let index = fields.need("card_index").integer(0..=MAX_CARDS as i64 - 1);
            let r#type = fields.need("type").word(&["cta_url", "product", "quick_reply"])?;
            if r#type == "product" {
                return Some(Self {
                    card_index: usize::try_from(index?).ok()?,
                    r#type,
                    header: None,
                    body: None,
                    action: CardAction::Product(Product::read(fields.need("action"))?),
                });
            }
            let header = Header::read(fields.need("header"));
            let body = fields.find("body").and_then(|at| {
                at.object(|fields| {
                    let is_short = |text: &str| text.matches('\n').count() <= MAX_LINE_BREAKS;
                    let expected = "at most 2 line breaks";
                    Some(super::Words {
                        text: fields.need("text").text_that(MAX_CARD_BODY, is_short, expected)?,
                    })
                })
            });
            let action = fields.need("action").object(CardAction::read);
            Some(Self {
                card_index: usize::try_from(index?).ok()?,
                r#type,
                header: Some(header?),
                body,
                action: action?,
            })
        })
    }
}

impl Header {
    fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| match fields.need("type").word(&["image", "video"])? {
            "image" => Some(Self::Image {
                image: Media::read_bare("image", fields.need("image"))?,
            }),
            _ => Some(Self::Video {
                video: Media::read_bare("video", fields.need("video"))?,
            }),
        })
    }
}

impl CardAction {
    fn read(fields: &Fields<'_>) -> Option<Self> {
        if !fields.has("buttons") {
            let name = fields.need("name").word(&["cta_url"]);
            let parameters = Link::read(fields.need("parameters"));
            return Some(Self::Link(Named {
                name: name?,
                parameters: parameters?,
            }));
        }
        let buttons = fields.need("buttons").list(1..=MAX_BUTTONS, |item| {
            item.object(|fields| {
                let r#type = fields.need("type").word(&["quick_reply"]);
                let reply = fields.need("quick_reply").object(|fields| {
                    let (id, title) = (fields.need("id").text(MAX_REPLY), fields.need("title").text(MAX_REPLY));
                    Some(Reply { id: id?, title: title? })
                });
                Some(QuickReply {
                    r#type: r#type?,
                    quick_reply: reply?,
                })
            })
        });
        Some(Self::QuickReplies { buttons: buttons? })
    }

    fn kind(&self) -> (u8, usize) {
        match self {
            Self::Link(_) => (0, 1),
            Self::QuickReplies { buttons } => (1, buttons.len()),
            Self::Product(_) => (2, 1),
        }
    }

    fn catalog_id(&self) -> Option<&str> {
        match self {
            Self::Product(product) => Some(product.catalog_id()),
            Self::Link(_) | Self::QuickReplies { .. } => None,
        }
    }

    fn reply_ids(&self) -> impl Iterator<Item = &str> + Clone {
        let buttons = match self {
            Self::QuickReplies { buttons } => buttons.as_slice(),
            Self::Link(_) | Self::Product(_) => &[],
        };
        buttons.iter().map(|button| button.quick_reply.id.as_str())
    }
}
