//! What a person wrote: an element of `messages`.

use chrono::{DateTime, Utc};
use domain::{Recipient, Wamid};
use serde::Deserialize;

use crate::lenient;

/// One inbound message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundMessage {
    /// Meta's id of the WABA.
    pub waba_id: String,
    /// The sender number it was written to.
    pub phone_number_id: String,
    /// Meta's id of the message.
    pub wamid: Wamid,
    /// Who wrote. Absent for a person with a username whose number may not be known.
    pub from: Option<Recipient>,
    /// Their business-scoped user id.
    pub from_user_id: Option<String>,
    /// When, by Meta's clock.
    pub at: DateTime<Utc>,
    /// Meta's `type`: `text`, `image`, `button`, `reaction` …
    pub kind: String,
    /// The words: a text's body, or the label or payload of the button that was tapped. STOP is looked for in these.
    pub text: Option<String>,
    /// Whether it opens the service window: it does where a person did something that is a message.
    pub opens_window: bool,
    /// The message it answers.
    pub context_id: Option<String>,
    /// With `system`: by what the person goes from now on, in the place of what they went by. A new phone number, a new user id, or both.
    pub moved_to: Vec<Recipient>,
    /// The element as it came, in JSON.
    pub raw: String,
}

/// A person of `contacts`, which stands beside `messages`.
#[derive(Deserialize)]
pub(super) struct Contact {
    #[serde(default, deserialize_with = "lenient::recipient")]
    wa_id: Option<Recipient>,
    #[serde(default, deserialize_with = "lenient::optional_text")]
    user_id: Option<String>,
}

impl InboundMessage {
    /// Who wrote: the phone number, or else the user id; `None` where Meta tells neither.
    pub fn person(&self) -> Option<Recipient> {
        let user_id = || Recipient::parse_any(self.from_user_id.as_deref()?).ok();
        self.from.clone().or_else(user_id)
    }

    pub(super) fn read(
        waba_id: &str,
        phone_number_id: &str,
        contacts: &[Contact],
        raw: &str,
    ) -> Result<Self, serde_json::Error> {
        let wire: Wire = serde_json::from_str(raw)?;
        let opens_window = wire.opens_window();
        let text = wire.text();
        let same_person = |contact: &&Contact| {
            (wire.from.is_some() && contact.wa_id == wire.from)
                || (wire.from_user_id.is_some() && contact.user_id == wire.from_user_id)
        };
        let contact = contacts.iter().find(same_person);
        let moved_to = wire.moved_to();
        Ok(Self {
            waba_id: waba_id.to_owned(),
            phone_number_id: phone_number_id.to_owned(),
            wamid: wire.id,
            from: wire.from.or_else(|| contact?.wa_id.clone()),
            from_user_id: wire.from_user_id.or_else(|| contact?.user_id.clone()),
            at: wire.timestamp,
            kind: wire.kind,
            text,
            opens_window,
            context_id: wire.context.and_then(|context| context.id),
            moved_to,
            raw: raw.to_owned(),
        })
    }
}

#[derive(Deserialize)]
struct Wire {
    id: Wamid,
    #[serde(deserialize_with = "lenient::time")]
    timestamp: DateTime<Utc>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "lenient::recipient")]
    from: Option<Recipient>,
    #[serde(default, deserialize_with = "lenient::optional_text")]
    from_user_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional_text")]
    group_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    context: Option<Context>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    text: Option<TextBody>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    button: Option<Button>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    interactive: Option<Interactive>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    system: Option<System>,
}

#[derive(Deserialize)]
struct System {
    #[serde(default, deserialize_with = "lenient::recipient")]
    wa_id: Option<Recipient>,
    #[serde(default, deserialize_with = "lenient::optional_text")]
    user_id: Option<String>,
}

#[derive(Deserialize)]
struct Context {
    id: Option<String>,
}

#[derive(Deserialize)]
struct TextBody {
    body: String,
}

#[derive(Deserialize)]
struct Button {
    #[serde(default, deserialize_with = "lenient::optional_text")]
    text: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional_text")]
    payload: Option<String>,
}

#[derive(Deserialize)]
struct Interactive {
    #[serde(default, deserialize_with = "lenient::or_default")]
    button_reply: Option<Reply>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    list_reply: Option<Reply>,
}

#[derive(Deserialize)]
struct Reply {
    title: String,
}

impl Wire {
    /// The names that are new: Meta repeats those that stay.
    fn moved_to(&self) -> Vec<Recipient> {
        let Some(system) = self.system.as_ref().filter(|_| self.kind == "system") else {
            return Vec::new();
        };
        let number = system.wa_id.clone().filter(|number| Some(number) != self.from.as_ref());
        let user_id = system
            .user_id
            .as_deref()
            .filter(|id| Some(*id) != self.from_user_id.as_deref());
        let user_id = user_id.and_then(|id| Recipient::parse_any(id).ok());
        number.into_iter().chain(user_id).collect()
    }

    fn text(&self) -> Option<String> {
        let body = self.text.as_ref().map(|text| &text.body);
        let button = self
            .button
            .as_ref()
            .and_then(|button| button.text.as_ref().or(button.payload.as_ref()));
        let reply = self
            .interactive
            .as_ref()
            .and_then(|reply| reply.button_reply.as_ref().or(reply.list_reply.as_ref()));
        body.or(button).or_else(|| reply.map(|reply| &reply.title)).cloned()
    }

    /// The kinds that are a message of a person. A kind this version does not know opens nothing: better to wait for a
    /// template than to have Meta refuse with 131047. Reactions, edits, revokes and `system` are not documented to open it.
    /// A window is between two, so what is written in a group opens none.
    fn opens_window(&self) -> bool {
        self.group_id.is_none()
            && matches!(
                self.kind.as_str(),
                "text"
                    | "image"
                    | "video"
                    | "document"
                    | "audio"
                    | "sticker"
                    | "location"
                    | "contacts"
                    | "button"
                    | "interactive"
                    | "order"
            )
    }
}
