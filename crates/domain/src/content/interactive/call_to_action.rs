//! One button that opens an address or starts a call.

use serde::Serialize;

use crate::content::reader::At;

/// Longest label, in characters.
pub(super) const MAX_LABEL: usize = 20;
/// How long a call button may work, in minutes: 30 days.
const MAX_TTL_MINUTES: i64 = 43_200;
/// Longest payload of a call button, in characters.
const MAX_PAYLOAD: usize = 512;

/// `{"display_text", "url"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    display_text: String,
    url: String,
}

/// `{"display_text", "ttl_minutes", "payload"}`, all optional.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VoiceCall {
    #[serde(skip_serializing_if = "Option::is_none")]
    display_text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_minutes: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
}

impl Link {
    pub(super) fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let display_text = fields.need("display_text").text(MAX_LABEL);
            let url = fields.need("url").link();
            Some(Self {
                display_text: display_text?,
                url: url?,
            })
        })
    }
}

impl VoiceCall {
    pub(super) fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            Some(Self {
                display_text: fields.find("display_text").and_then(|at| at.text(MAX_LABEL)),
                ttl_minutes: fields
                    .find("ttl_minutes")
                    .and_then(|at| at.integer(1..=MAX_TTL_MINUTES)),
                payload: fields.find("payload").and_then(|at| at.text(MAX_PAYLOAD)),
            })
        })
    }
}
