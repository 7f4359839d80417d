//! One to three buttons that answer with their id.

use std::collections::HashSet;

use serde::Serialize;

use crate::content::reader::At;

/// Most buttons.
const MAX_BUTTONS: usize = 3;
/// Longest id, in characters.
const MAX_ID: usize = 256;
/// Longest label, in characters.
const MAX_TITLE: usize = 20;

/// `{"buttons": [{"type": "reply", "reply": {"id", "title"}}]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplyButtons {
    buttons: Vec<Button>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Button {
    r#type: &'static str,
    reply: Reply,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Reply {
    id: String,
    title: String,
}

impl ReplyButtons {
    pub(super) fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let list = fields.need("buttons");
            let buttons = list.clone().list(1..=MAX_BUTTONS, Button::read)?;
            for part in [|reply: &Reply| reply.id.clone(), |reply: &Reply| reply.title.clone()] {
                let different: HashSet<String> = buttons.iter().map(|button| part(&button.reply)).collect();
                if different.len() < buttons.len() {
                    list.fault("buttons whose ids and titles differ from each other");
                    break;
                }
            }
            Some(Self { buttons })
        })
    }
}

impl Button {
    fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let r#type = fields.need("type").word(&["reply"]);
            let reply = fields.need("reply").object(|fields| {
                let is_trimmed = |text: &str| text.trim() == text;
                let id = fields
                    .need("id")
                    .text_that(MAX_ID, is_trimmed, "an id without spaces at its ends");
                let title = fields.need("title").text(MAX_TITLE);
                Some(Reply { id: id?, title: title? })
            });
            Some(Self {
                r#type: r#type?,
                reply: reply?,
            })
        })
    }
}
