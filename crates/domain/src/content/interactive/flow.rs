//! A form of several screens (a Flow of Meta's), opened by a button.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::content::reader::At;

/// Longest label of the button, in characters.
const MAX_CTA: usize = 30;
/// Longest id, name, token or screen, in characters; Meta documents none.
const MAX_NAME: usize = 200;

/// Parameters of a flow.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flow {
    flow_message_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_name: Option<String>,
    flow_cta: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_action_payload: Option<Payload>,
}

/// Which screen comes first, and with what.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Payload {
    screen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Map<String, Value>>,
}

impl Flow {
    pub(super) fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let version = fields.need("flow_message_version").word(&["3"]);
            if fields.has("flow_id") == fields.has("flow_name") {
                fields.fault("exactly one of flow_id and flow_name");
            }
            let flow_id = fields.find("flow_id").and_then(|at| at.text(MAX_NAME));
            let flow_name = fields.find("flow_name").and_then(|at| at.text(MAX_NAME));
            let cta = fields
                .need("flow_cta")
                .text_that(MAX_CTA, has_no_emoji, "a label without emoji");
            let mode = fields.find("mode").and_then(|at| at.word(&["draft", "published"]));
            let flow_token = fields.find("flow_token").and_then(|at| at.text(MAX_NAME));
            let flow_action = fields
                .find("flow_action")
                .and_then(|at| at.word(&["navigate", "data_exchange"]));
            let payload = fields.find("flow_action_payload");
            if let Some(payload) = payload.as_ref().filter(|_| flow_action == Some("data_exchange")) {
                payload.fault("nothing: only the action navigate has a payload");
            }
            let flow_action_payload = payload.and_then(Payload::read);
            Some(Self {
                flow_message_version: version?,
                flow_id,
                flow_name,
                flow_cta: cta?,
                mode,
                flow_token,
                flow_action,
                flow_action_payload,
            })
        })
    }
}

impl Payload {
    fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let screen = fields.need("screen").text(MAX_NAME);
            let data = fields.find("data");
            if let Some(data) = data
                .as_ref()
                .filter(|at| at.value().as_object().is_some_and(Map::is_empty))
            {
                data.fault("an object with something in it, or no data at all");
            }
            let data = data.and_then(At::any_object);
            Some(Self { screen: screen?, data })
        })
    }
}

/// The blocks that hold what people call emoji.
fn has_no_emoji(text: &str) -> bool {
    !text
        .chars()
        .any(|c| matches!(u32::from(c), 0x2600..=0x27BF | 0x1F000..=0x1FAFF | 0xFE0F | 0x20E3))
}
