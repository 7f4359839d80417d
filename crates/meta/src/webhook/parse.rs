//! Walks through a delivery: entries, their changes, the elements of each. Every list is taken apart unread first, so
//! that each element can fail alone.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;

use super::inbound::Contact;
use super::{AccountUpdate, InboundMessage, StatusUpdate, Update, UserIdUpdate, UserPreference};
use crate::lenient;

/// The delivery as a whole is not a webhook of Meta's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("reading a webhook: {reason}; Meta sends a JSON object with a list named entry")]
pub struct ParseError {
    /// What is wrong, without anything it holds.
    reason: String,
}

/// Every update of a delivery, in the order of the delivery.
pub fn parse(raw: &[u8]) -> Result<Vec<Update>, ParseError> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        entry: Vec<&'a RawValue>,
    }

    // Bytes that are no UTF-8 inside one text must not cost the other updates.
    let text = String::from_utf8_lossy(raw);
    // A list would be read as the fields in their order.
    if !text.trim_start().starts_with('{') {
        let reason = "no JSON object".to_owned();
        return Err(ParseError { reason });
    }
    let envelope: Envelope<'_> = serde_json::from_str(&text).map_err(|error| ParseError { reason: reason(&error) })?;
    let mut updates = Updates(Vec::new());
    for entry in envelope.entry {
        updates.entry(entry);
    }
    Ok(updates.0)
}

struct Updates(Vec<Update>);

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(deserialize_with = "lenient::text")]
    id: String,
    #[serde(default, deserialize_with = "lenient::optional_time")]
    time: Option<DateTime<Utc>>,
    #[serde(borrow)]
    changes: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    field: Cow<'a, str>,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// The value of field `messages`; the lists unread.
#[derive(Deserialize)]
struct Messages<'a> {
    #[serde(default, deserialize_with = "lenient::or_default")]
    metadata: Metadata,
    #[serde(default, borrow)]
    contacts: Option<&'a RawValue>,
    #[serde(default, borrow)]
    messages: Option<&'a RawValue>,
    #[serde(default, borrow)]
    statuses: Option<&'a RawValue>,
    #[serde(default, borrow)]
    errors: Option<&'a RawValue>,
    #[serde(default, borrow)]
    user_preferences: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default, deserialize_with = "lenient::optional_text")]
    phone_number_id: Option<String>,
}

impl Updates {
    fn entry(&mut self, raw: &RawValue) {
        match serde_json::from_str::<Entry<'_>>(raw.get()) {
            Ok(entry) => {
                for change in &entry.changes {
                    self.change(&entry, change);
                }
            }
            Err(error) => self.malformed("entry", reason(&error), raw),
        }
    }

    fn change(&mut self, entry: &Entry<'_>, raw: &RawValue) {
        let change: Change<'_> = match serde_json::from_str(raw.get()) {
            Ok(change) => change,
            Err(error) => return self.malformed("changes", reason(&error), raw),
        };
        // The common fields of what is told about a WABA.
        macro_rules! about_the_waba {
            ($variant:ident) => {
                self.element(&change.field, change.value, |value| {
                    let mut update: Box<super::$variant> = read(value)?;
                    (update.waba_id, update.at) = (entry.id.clone(), entry.time);
                    Ok(Update::$variant(update))
                })
            };
        }
        match change.field.as_ref() {
            "messages" | "user_preferences" => self.messages(entry, &change),
            // Meta's own sample of a quality update comes under the name of a status update.
            "message_template_status_update" if is_about_quality(change.value) => about_the_waba!(TemplateQuality),
            "message_template_status_update" => about_the_waba!(TemplateStatus),
            "message_template_quality_update" => about_the_waba!(TemplateQuality),
            "template_category_update" => about_the_waba!(TemplateCategory),
            "phone_number_quality_update" => about_the_waba!(NumberQuality),
            "business_capability_update" => about_the_waba!(Capability),
            "account_update" => self.element(&change.field, change.value, |value| {
                let mut update: Box<AccountUpdate> = read(value)?;
                (update.waba_id, update.at) = (entry.id.clone(), entry.time);
                value.get().clone_into(&mut update.raw);
                Ok(Update::AccountUpdate(update))
            }),
            "user_id_update" => self.user_ids(entry, &change),
            _ => self.other(entry, &change),
        }
    }

    fn other(&mut self, entry: &Entry<'_>, change: &Change<'_>) {
        self.0.push(Update::Other {
            field: change.field.as_ref().to_owned(),
            waba_id: entry.id.clone(),
            at: entry.time,
            raw: change.value.get().to_owned(),
        });
    }

    fn user_ids(&mut self, entry: &Entry<'_>, change: &Change<'_>) {
        #[derive(Deserialize)]
        struct Value<'a> {
            #[serde(default, deserialize_with = "lenient::or_default")]
            metadata: Metadata,
            #[serde(default, borrow)]
            user_id_update: Option<&'a RawValue>,
        }

        let value: Value<'_> = match serde_json::from_str(change.value.get()) {
            Ok(value) => value,
            Err(error) => return self.malformed(&change.field, reason(&error), change.value),
        };
        if value.user_id_update.is_none() {
            return self.other(entry, change);
        }
        self.list("user_id_update", value.user_id_update, |raw| {
            let mut update: Box<UserIdUpdate> = read(raw)?;
            update.waba_id.clone_from(&entry.id);
            update.phone_number_id.clone_from(&value.metadata.phone_number_id);
            Ok(Update::UserId(update))
        });
    }

    fn messages(&mut self, entry: &Entry<'_>, change: &Change<'_>) {
        let value: Messages<'_> = match serde_json::from_str(change.value.get()) {
            Ok(value) => value,
            Err(error) => return self.malformed(&change.field, reason(&error), change.value),
        };
        let lists = [value.statuses, value.messages, value.errors, value.user_preferences];
        if lists.iter().all(Option::is_none) {
            // Something that this version does not read: it stays in sight, like a field that is not known.
            return self.other(entry, change);
        }
        let number = value.metadata.phone_number_id;
        let contacts = contacts(value.contacts);
        let of_a_number = || {
            number
                .clone()
                .ok_or_else(|| "metadata.phone_number_id is missing".to_owned())
        };

        self.list("messages.statuses", value.statuses, |raw| {
            let mut status: Box<StatusUpdate> = read(raw)?;
            (status.waba_id, status.phone_number_id) = (entry.id.clone(), of_a_number()?);
            Ok(Update::Status(status))
        });
        self.list("messages.messages", value.messages, |raw| {
            InboundMessage::read(&entry.id, &of_a_number()?, &contacts, raw.get())
                .map(|message| Update::Inbound(Box::new(message)))
                .map_err(|error| reason(&error))
        });
        self.list("messages.errors", value.errors, |raw| {
            let error = read(raw)?;
            Ok(Update::ValueError {
                waba_id: entry.id.clone(),
                phone_number_id: number.clone(),
                error,
            })
        });
        self.list("user_preferences", value.user_preferences, |raw| {
            let mut preference: Box<UserPreference> = read(raw)?;
            (preference.waba_id, preference.phone_number_id) = (entry.id.clone(), number.clone());
            Ok(Update::UserPreference(preference))
        });
    }

    fn list(&mut self, field: &str, raw: Option<&RawValue>, read: impl Fn(&RawValue) -> Result<Update, String>) {
        let Some(raw) = raw else { return };
        match serde_json::from_str::<Vec<&RawValue>>(raw.get()) {
            Ok(elements) => elements
                .into_iter()
                .for_each(|element| self.element(field, element, &read)),
            Err(error) => self.malformed(field, reason(&error), raw),
        }
    }

    fn element(&mut self, field: &str, raw: &RawValue, read: impl Fn(&RawValue) -> Result<Update, String>) {
        match read(raw) {
            Ok(update) => self.0.push(update),
            Err(reason) => self.malformed(field, reason, raw),
        }
    }

    fn malformed(&mut self, field: &str, reason: String, raw: &RawValue) {
        self.0.push(Update::Malformed {
            field: field.to_owned(),
            reason,
            raw: raw.get().to_owned(),
        });
    }
}

fn contacts(raw: Option<&RawValue>) -> Vec<Contact> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default()
}

fn read<T: DeserializeOwned>(raw: &RawValue) -> Result<T, String> {
    serde_json::from_str(raw.get()).map_err(|error| reason(&error))
}

fn is_about_quality(value: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Quality {
        #[serde(rename = "new_quality_score")]
        _new: IgnoredAny,
    }

    serde_json::from_str::<Quality>(value.get()).is_ok()
}

/// What is wrong, without what it holds: serde's own texts quote the value, which may be somebody's phone number.
fn reason(error: &serde_json::Error) -> String {
    let place = format!("line {} column {}", error.line(), error.column());
    if error.classify() != serde_json::error::Category::Data {
        return format!("no readable JSON at {place}");
    }
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" at {place}")).unwrap_or(&text);
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected} at {place}"),
        None if text.starts_with("missing field") => format!("{text} at {place}"),
        None => format!("unusable value at {place}"),
    }
}

#[cfg(test)]
mod tests;
