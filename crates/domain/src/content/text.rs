//! Plain words.

use serde::Serialize;

use super::reader::At;

/// Meta's limit for a text body, in characters.
pub const MAX_TEXT: usize = 4096;

/// `text`: words, with a preview of the first link in them if that is wished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Text {
    /// 1 to 4,096 characters.
    pub body: String,
    /// Shows a preview of the first link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview_url: Option<bool>,
}

impl Text {
    pub(super) fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let body = fields.need("body").text(MAX_TEXT);
            let preview_url = fields.find("preview_url").and_then(At::flag);
            Some(Self {
                body: body?,
                preview_url,
            })
        })
    }
}
