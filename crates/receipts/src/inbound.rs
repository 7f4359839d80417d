//! What people write to us, and what they say about being written to.
//!
//! Meta delivers at least once: only a message that is new opens the service window and is searched for stop and start words.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::stop_words::{Wish, wish};
use domain::{MessageId, NumberId, Recipient};
use meta::webhook::{InboundMessage, Preference, UserPreference};
use store::Error;
use store::receipts::{Application, Choice, Inbound, OtherName, SenderNumber};

use crate::apply::{Applied, Element};
use crate::statuses::Stopped;

/// The category of [`UserPreference`] that is about being written to.
const MARKETING: &str = "marketing_messages";

/// Applies inbound messages and preferences, and what statuses told of people who stopped marketing.
pub(crate) async fn apply(
    tx: &Application<'_>,
    messages: &[(&Element, &InboundMessage)],
    preferences: &[(&Element, &UserPreference)],
    stopped: &[Stopped],
    applied: &mut Applied,
) -> Result<(), Error> {
    if messages.is_empty() && preferences.is_empty() && stopped.is_empty() {
        return Ok(());
    }
    let tenants = Tenants::load(tx, messages, preferences).await?;
    let said = new_messages(tx, &tenants, messages, applied).await?;
    let mut choices: Vec<Choice<'_>> = said
        .iter()
        .map(|said| Choice {
            organization_id: said.organization_id,
            recipient: &said.recipient,
            stop: said.stop,
            at: said.at,
            source: "stop_word",
            marketing_only: false,
        })
        .collect();
    choices.extend(preferences.iter().filter_map(|(element, preference)| {
        tenants
            .choice(element, preference)
            .map_err(|reason| applied.refuse(element.place, reason, None))
            .ok()
            .flatten()
    }));
    choices.extend(stopped.iter().map(|stopped| Choice {
        organization_id: stopped.organization_id,
        recipient: &stopped.recipient,
        stop: true,
        at: stopped.at,
        source: "meta_131050",
        marketing_only: true,
    }));
    if !choices.is_empty() {
        applied.tally.add("choice", choices.len() as u64);
        tx.keep_choices(&choices).await?;
    }
    Ok(())
}

/// Keeps messages and opens windows. Returns what the new ones say about being written to.
async fn new_messages(
    tx: &Application<'_>,
    tenants: &Tenants,
    messages: &[(&Element, &InboundMessage)],
    applied: &mut Applied,
) -> Result<Vec<Said>, Error> {
    let people: Vec<Option<Recipient>> = messages.iter().map(|(_, message)| message.person()).collect();
    let mut known: Vec<(&SenderNumber, Inbound<'_>, &InboundMessage)> = Vec::with_capacity(messages.len());
    for ((element, message), person) in messages.iter().zip(&people) {
        match (tenants.numbers.get(&message.phone_number_id), person) {
            (None, _) => {
                let reason = "messages.messages: written to a sender number that is not declared here";
                applied.refuse(element.place, reason, Some(&message.raw));
            }
            (Some(_), None) => {
                let reason = "messages.messages: from a person of whom Meta tells neither the phone number nor an id";
                applied.refuse(element.place, reason, Some(&message.raw));
            }
            (Some(number), Some(from)) => {
                let inbound = Inbound {
                    number_id: number.id,
                    wamid: message.wamid.as_str(),
                    recipient: from.as_str(),
                    // A clock of Meta's that is ahead must not make the window longer.
                    at: message.at.min(element.received_at),
                    received_at: element.received_at,
                    kind: &message.kind,
                    content: &message.raw,
                    id: MessageId::new(element.received_at),
                    user_id: message.from_user_id.as_deref(),
                };
                known.push((number, inbound, message));
            }
        }
    }
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Inbound<'_>> = known.iter().map(|(_, row, _)| row.clone()).collect();
    let mut new: HashSet<(i64, String)> = tx.keep_inbound(&rows).await?.into_iter().collect();
    // The same message twice in one batch acts once.
    known.retain(|(number, row, _)| new.remove(&(number.id, row.wamid.to_owned())));

    let names = names(tx, &known).await?;
    let mut opening: Vec<(i64, &str, DateTime<Utc>)> = Vec::with_capacity(known.len());
    for (number, row, _) in known.iter().filter(|(_, _, message)| message.opens_window) {
        opening.push((row.number_id, row.recipient, row.at));
        // The window is between two people, by whatever name the one goes.
        let others = others(&names, number.organization_id, row.recipient);
        opening.extend(others.map(|other| (row.number_id, other, row.at)));
    }
    if !opening.is_empty() {
        tx.open_windows(&opening).await?;
    }
    applied.tally.add("new_inbound", known.len() as u64);
    applied
        .received
        .extend(known.iter().map(|(number, row, _)| (NumberId(number.id), row.at)));
    let mut choices = Vec::new();
    for (number, row, message) in &known {
        let Some(wish) = message.text.as_deref().and_then(wish) else {
            continue;
        };
        let all = std::iter::once(row.recipient).chain(others(&names, number.organization_id, row.recipient));
        choices.extend(all.map(|recipient| Said {
            organization_id: number.organization_id,
            recipient: recipient.to_owned(),
            stop: wish == Wish::Stop,
            at: row.at,
        }));
    }
    Ok(choices)
}

/// Keeps that a number and a user id are one person, and reads by what else these people are known.
async fn names(
    tx: &Application<'_>,
    known: &[(&SenderNumber, Inbound<'_>, &InboundMessage)],
) -> Result<Vec<OtherName>, Error> {
    let pairs: Vec<(i64, &str, &str)> = known
        .iter()
        .filter_map(|(number, row, _)| Some((number.organization_id, row.recipient, row.user_id?)))
        .filter(|(_, recipient, user_id)| recipient != user_id)
        .collect();
    if !pairs.is_empty() {
        tx.keep_names(&pairs).await?;
    }
    let people: Vec<(i64, &str)> = known
        .iter()
        .map(|(number, row, _)| (number.organization_id, row.recipient))
        .collect();
    tx.other_names(&people).await
}

fn others<'a>(names: &'a [OtherName], organization_id: i64, recipient: &'a str) -> impl Iterator<Item = &'a str> {
    names
        .iter()
        .filter(move |name| name.organization_id == organization_id && name.recipient == recipient)
        .map(|name| name.other.as_str())
}

/// What a new message says about being written to.
struct Said {
    organization_id: i64,
    recipient: String,
    stop: bool,
    at: DateTime<Utc>,
}

/// Whose numbers and accounts a batch speaks of.
struct Tenants {
    numbers: HashMap<String, SenderNumber>,
    organizations: HashMap<String, i64>,
}

impl Tenants {
    async fn load(
        tx: &Application<'_>,
        messages: &[(&Element, &InboundMessage)],
        preferences: &[(&Element, &UserPreference)],
    ) -> Result<Self, Error> {
        let of_messages = messages.iter().map(|(_, message)| message.phone_number_id.as_str());
        let of_preferences = preferences
            .iter()
            .filter_map(|(_, said)| said.phone_number_id.as_deref());
        let numbers: HashSet<&str> = of_messages.chain(of_preferences).collect();
        let wabas: HashSet<&str> = preferences.iter().map(|(_, said)| said.waba_id.as_str()).collect();
        let numbers = tx.numbers(&numbers.into_iter().collect::<Vec<_>>()).await?;
        let organizations = match wabas.is_empty() {
            true => Vec::new(),
            false => tx.organizations(&wabas.into_iter().collect::<Vec<_>>()).await?,
        };
        Ok(Self {
            numbers: numbers
                .into_iter()
                .map(|number| (number.phone_number_id.clone(), number))
                .collect(),
            organizations: organizations.into_iter().collect(),
        })
    }

    /// What a preference says; `None` where it is about something else.
    fn choice<'a>(&self, element: &Element, said: &'a UserPreference) -> Result<Option<Choice<'a>>, &'static str> {
        let stop = match said.value {
            Preference::Stop => true,
            Preference::Resume => false,
            Preference::Other(_) => return Ok(None),
        };
        if said.category != MARKETING {
            return Ok(None);
        }
        let of_number = said.phone_number_id.as_ref().and_then(|id| self.numbers.get(id));
        let organization_id = of_number
            .map(|number| number.organization_id)
            .or_else(|| self.organizations.get(&said.waba_id).copied())
            .ok_or("user_preferences: said to an account that is not declared here")?;
        let recipient = said
            .recipient
            .as_ref()
            .ok_or("user_preferences: from a person whose phone number Meta does not tell")?;
        Ok(Some(Choice {
            organization_id,
            recipient: recipient.as_str(),
            stop,
            at: said.at.min(element.received_at),
            source: "user_preferences",
            marketing_only: true,
        }))
    }
}
