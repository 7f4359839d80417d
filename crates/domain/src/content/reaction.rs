//! An emoji on a message.

use serde::Serialize;

use super::reader::At;
use super::{MAX_WAMID, is_wamid};

/// Most code points of one emoji; the longest sequences (families, flags of regions) have some ten.
const MAX_EMOJI: usize = 16;

/// `reaction`. Meta reports no more than `sent` for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reaction {
    /// The message that is reacted to.
    pub message_id: String,
    /// One emoji; empty takes the reaction back.
    pub emoji: String,
}

impl Reaction {
    pub(super) fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let message_id = fields.need("message_id");
            let message_id = message_id.text_that(MAX_WAMID, is_wamid, "Meta's id of a message, as in wamid.…");
            let emoji = fields.need("emoji");
            let is_emoji = |text: &str| {
                text.is_empty()
                    || (text.chars().count() <= MAX_EMOJI
                        && !text.is_ascii()
                        && !text
                            .chars()
                            .any(|c| c.is_ascii_alphabetic() || c.is_whitespace() || c.is_control()))
            };
            let read = emoji.value().as_str().filter(|text| is_emoji(text));
            if read.is_none() {
                emoji.fault("one emoji, or an empty text to take the reaction back");
            }
            Some(Self {
                message_id: message_id?,
                emoji: read?.to_owned(),
            })
        })
    }
}
