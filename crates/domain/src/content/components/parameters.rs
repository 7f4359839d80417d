//! Parameters of a header and of a body.

use serde::Serialize;

use crate::content::interactive::Product;
use crate::content::location::Location;
use crate::content::media::Media;
use crate::content::reader::{At, Fields};

/// Every kind of parameter of a header, in the order of Meta's documentation.
pub const HEADER_KINDS: &[&str] = &["text", "image", "video", "document", "location", "product"];

/// Longest text for a placeholder of a body, in characters: the whole body may not be longer when it is filled in.
pub const MAX_BODY_TEXT: usize = 1024;
/// Longest text for the placeholder of a header, in characters.
const MAX_HEADER_TEXT: usize = 60;
/// Longest name of a placeholder, in characters; Meta documents none.
const MAX_NAME: usize = 100;
/// The largest amount that survives as a number in JSON.
const MAX_AMOUNT: i64 = 9_007_199_254_740_991;

/// What a header takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum HeaderParameter {
    /// For the placeholder of its text.
    Text(Text),
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
    /// A document; Meta takes PDF only.
    Document {
        /// The file.
        document: Media,
    },
    /// A place.
    Location {
        /// Where.
        location: Location,
    },
    /// A product of a catalog.
    Product {
        /// Which.
        product: Product,
    },
}

/// What a body takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BodyParameter {
    /// Words.
    Text(Text),
    /// An amount; WhatsApp writes it as is usual where the reader is.
    Currency {
        /// The amount.
        currency: Currency,
        /// Of the placeholder, in templates that name theirs.
        #[serde(skip_serializing_if = "Option::is_none")]
        parameter_name: Option<String>,
    },
    /// A time; Meta always shows the fallback.
    DateTime {
        /// The time.
        date_time: DateTime,
        /// Of the placeholder, in templates that name theirs.
        #[serde(skip_serializing_if = "Option::is_none")]
        parameter_name: Option<String>,
    },
}

/// Words for a placeholder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Text {
    /// The words.
    pub text: String,
    /// Of the placeholder, in templates that name theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter_name: Option<String>,
}

/// `{"fallback_value", "code", "amount_1000"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Currency {
    fallback_value: String,
    code: String,
    amount_1000: i64,
}

/// `{"fallback_value"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DateTime {
    fallback_value: String,
}

impl HeaderParameter {
    pub(super) fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let kind = fields.need("type").word(HEADER_KINDS)?;
            match kind {
                "text" => Text::read(fields, MAX_HEADER_TEXT).map(Self::Text),
                "image" => Some(Self::Image {
                    image: Media::read_bare(kind, fields.need(kind))?,
                }),
                "video" => Some(Self::Video {
                    video: Media::read_bare(kind, fields.need(kind))?,
                }),
                "document" => Some(Self::Document {
                    document: Media::read_bare(kind, fields.need(kind))?,
                }),
                "location" => Some(Self::Location {
                    location: Location::read(fields.need(kind))?,
                }),
                _ => Some(Self::Product {
                    product: Product::read(fields.need(kind))?,
                }),
            }
        })
    }
}

impl BodyParameter {
    pub(super) fn read(at: At<'_>) -> Option<Self> {
        at.object(
            |fields| match fields.need("type").word(&["text", "currency", "date_time"])? {
                "text" => Text::read(fields, MAX_BODY_TEXT).map(Self::Text),
                "currency" => {
                    let currency = fields.need("currency").object(|fields| {
                        let is_code =
                            |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
                        let fallback_value = fields.need("fallback_value").text(MAX_BODY_TEXT);
                        let code = fields
                            .need("code")
                            .text_that(3, is_code, "a currency of ISO 4217, as in USD");
                        let amount_1000 = fields.need("amount_1000").integer(-MAX_AMOUNT..=MAX_AMOUNT);
                        Some(Currency {
                            fallback_value: fallback_value?,
                            code: code?,
                            amount_1000: amount_1000?,
                        })
                    });
                    let parameter_name = parameter_name(fields);
                    Some(Self::Currency {
                        currency: currency?,
                        parameter_name,
                    })
                }
                _ => {
                    let date_time = fields.need("date_time").object(|fields| {
                        Some(DateTime {
                            fallback_value: fields.need("fallback_value").text(MAX_BODY_TEXT)?,
                        })
                    });
                    let parameter_name = parameter_name(fields);
                    Some(Self::DateTime {
                        date_time: date_time?,
                        parameter_name,
                    })
                }
            },
        )
    }
}

impl Text {
    fn read(fields: &Fields<'_>, most: usize) -> Option<Self> {
        let (text, parameter_name) = (fields.need("text").text(most), parameter_name(fields));
        Some(Self {
            text: text?,
            parameter_name,
        })
    }
}

fn parameter_name(fields: &Fields<'_>) -> Option<String> {
    let is_name = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    fields
        .find("parameter_name")
        .and_then(|at| at.text_that(MAX_NAME, is_name, "lowercase letters, digits and _"))
}
