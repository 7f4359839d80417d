//! Messages from users: they open the customer service window and become webhooks.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::addressee::user_id;
use super::{Referee, day_ns};
use crate::Error;
use crate::fault::Target;
use crate::webhook::plan;
use crate::webhook::update::{Scheduled, Update};

/// Inbound entries that are no user action, or not known to be one, open no window.
const OPENS_NO_WINDOW: [&str; 5] = ["reaction", "system", "unsupported", "edit", "revoke"];

/// A message from a user, to be injected.
///
/// Its content stands under the name of its type, as in Meta's webhook:
/// `{"phone_number_id": "1", "from": "+14155550100", "type": "button", "button": {"payload": "X", "text": "Yes"}}`.
/// A plain string will do for `text` and `button`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inbound {
    /// The number written to.
    pub phone_number_id: String,
    /// The user's phone number.
    pub from: String,
    /// `text`, `button`, `interactive`, `image`, …
    #[serde(rename = "type", default = "text")]
    pub kind: String,
    /// The user has a username and hides the number: webhooks tell the business-scoped user id only.
    #[serde(default)]
    pub hide_number: bool,
    /// Profile name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `{"id": "wamid…", "from": "…"}` of the message replied to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
    /// The content under the name of the type, and any further fields of the message (`referral`, …).
    #[serde(flatten)]
    pub content: Map<String, Value>,
}

fn text() -> String {
    "text".into()
}

impl Inbound {
    /// A text message.
    pub fn text(phone_number_id: impl Into<String>, from: impl Into<String>, body: impl Into<String>) -> Self {
        Self::new(phone_number_id, from, "text", json!({ "body": body.into() }))
    }

    /// A message of any type with its content.
    pub fn new(
        phone_number_id: impl Into<String>,
        from: impl Into<String>,
        kind: impl Into<String>,
        content: Value,
    ) -> Self {
        let kind = kind.into();
        Self {
            phone_number_id: phone_number_id.into(),
            from: from.into(),
            hide_number: false,
            name: None,
            context: None,
            content: Map::from_iter([(kind.clone(), content)]),
            kind,
        }
    }

    /// The element of `messages[]`.
    fn message(&self, wamid: &str, digits: &str, timestamp_s: i64, user_ids: bool) -> Result<Value, Error> {
        let mut message = Map::new();
        if !self.hide_number {
            message.insert("from".into(), digits.into());
        }
        if user_ids || self.hide_number {
            message.insert("from_user_id".into(), user_id(digits).into());
        }
        message.insert("id".into(), wamid.into());
        message.insert("timestamp".into(), timestamp_s.to_string().into());
        message.insert("type".into(), self.kind.as_str().into());
        if let Some(context) = &self.context {
            message.insert("context".into(), context.clone());
        }
        message.extend(self.content.clone());
        let content = match (self.kind.as_str(), message.remove(&self.kind)) {
            ("text", Some(Value::String(body))) => json!({ "body": body }),
            ("button", Some(Value::String(label))) => json!({ "payload": label, "text": label }),
            (_, Some(content)) => content,
            (_, None) => return Err(Error::NoContent(self.kind.clone())),
        };
        message.insert(self.kind.clone(), content);
        Ok(message.into())
    }
}

impl Referee {
    /// Takes a message from a user: opens the window, counts it, and plans its webhook.
    ///
    /// # Errors
    /// [`Error::UnknownNumber`], [`Error::NoContent`] or [`Error::NotAPhoneNumber`]; nothing has happened then.
    pub(crate) fn inbound(&mut self, inbound: &Inbound, now_ns: u64) -> Result<(Arc<str>, Vec<Scheduled>), Error> {
        let digits = inbound.from.trim_start_matches('+');
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::NotAPhoneNumber);
        }
        if self.number(&inbound.phone_number_id).is_none() {
            return Err(Error::UnknownNumber(inbound.phone_number_id.clone()));
        }
        self.latest_ns = self.latest_ns.max(now_ns);
        let config = Arc::clone(&self.config);
        let user_ids = config.webhooks.user_ids;
        let wamid: Arc<str> = self.mint.next(digits).into();
        let message = inbound.message(&wamid, digits, self.clock.wall_ms(now_ns) / 1_000, user_ids)?;

        self.tally.inbound += 1;
        let until_ns = self.latest_ns.saturating_add(day_ns(&config));
        let state = self.number(&inbound.phone_number_id).expect("looked up above");
        state.inbound += 1;
        if !OPENS_NO_WINDOW.contains(&inbound.kind.as_str()) {
            state.open_window(&digits.into(), until_ns);
            state.open_window(&user_id(digits).into(), until_ns); // the same user, should the answer go to the id
        }
        let number = Arc::clone(&state.number);
        if config.limits.count_inbound {
            let fullest = state.measure_inbound(now_ns);
            let last_seq = self.ledger.len() as u64;
            self.judge_throughput(&inbound.phone_number_id, fullest, now_ns, last_seq);
        }
        if config.webhook_url.is_none() {
            return Ok((wamid, Vec::new()));
        }

        let contact = (inbound.kind != "system").then(|| {
            let mut contact = json!({
                "profile": { "name": inbound.name.as_deref().unwrap_or("Simulated User") },
            });
            if !inbound.hide_number {
                contact["wa_id"] = digits.into();
            }
            if user_ids || inbound.hide_number {
                contact["user_id"] = user_id(digits).into();
            }
            Arc::new(contact)
        });
        let planned = vec![Scheduled {
            due_ns: now_ns,
            update: Update::Inbound {
                number,
                contact,
                message: Arc::new(message),
            },
            bad_signature: false,
            tried: None,
        }];
        let target = Target {
            phone_number_id: &inbound.phone_number_id,
            recipient: digits,
        };
        let twists = self.faults.all(target, &mut self.rng, |kind| {
            kind.twist().filter(|twist| twist.strikes_inbound())
        });
        let updates = plan::twisted(planned, &twists, &mut self.rng);
        self.count_planned(&updates);
        Ok((wamid, updates))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_stands_under_the_name_of_its_type() {
        let tap: Inbound = serde_json::from_value(json!({
            "phone_number_id": "1", "from": "+14155550100", "type": "button", "button": "Yes", "context": { "id": "wamid.a" },
        }))
        .unwrap();

        let message = tap.message("wamid.b", "14155550100", 1_750_000_000, false).unwrap();

        assert_eq!(
            message,
            json!({
                "from": "14155550100", "id": "wamid.b", "timestamp": "1750000000", "type": "button",
                "context": { "id": "wamid.a" }, "button": { "payload": "Yes", "text": "Yes" },
            })
        );
    }

    #[test]
    fn a_type_without_content_is_an_error() {
        let empty: Inbound =
            serde_json::from_value(json!({ "phone_number_id": "1", "from": "1", "type": "interactive" })).unwrap();

        assert!(
            matches!(empty.message("wamid.b", "1", 0, false), Err(Error::NoContent(kind)) if kind == "interactive")
        );
    }
}
