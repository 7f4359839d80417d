//! What people write to us, and what they say about being written to.
//!
//! Meta delivers at least once: only a message that is new opens the service window and is searched for stop and start words.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::stop_words::{Wish, wish};
use domain::{MessageId, NumberId, Recipient};
use meta::webhook::{InboundMessage, Preference, UserIdUpdate, UserPreference};
use store::Error;
use store::receipts::{Application, Choice, Inbound, SenderNumber};

use crate::apply::{Applied, Element};
use crate::people;
use crate::statuses::Stopped;

/// The category of [`UserPreference`] that is about being written to.
const MARKETING: &str = "marketing_messages";

/// What people said, and by what they go.
#[derive(Default)]
pub(crate) struct Told<'a> {
    pub(crate) messages: Vec<(&'a Element, &'a InboundMessage)>,
    pub(crate) preferences: Vec<(&'a Element, &'a UserPreference)>,
    pub(crate) user_ids: Vec<(&'a Element, &'a UserIdUpdate)>,
}

/// Applies inbound messages, preferences and new user ids, and what statuses told of people who stopped marketing.
pub(crate) async fn apply(
    tx: &Application<'_>,
    told: &Told<'_>,
    stopped: &[Stopped],
    applied: &mut Applied,
) -> Result<(), Error> {
    let Told {
        messages,
        preferences,
        user_ids,
    } = told;
    if messages.is_empty() && preferences.is_empty() && user_ids.is_empty() && stopped.is_empty() {
        return Ok(());
    }
    let tenants = Tenants::load(tx, told).await?;
    people::renamed(tx, &tenants, user_ids, applied).await?;
    let said = new_messages(tx, &tenants, messages, applied).await?;
    let by: Vec<Option<Recipient>> = preferences.iter().map(|(_, preference)| preference.person()).collect();
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
    choices.extend(preferences.iter().zip(&by).filter_map(|((element, preference), by)| {
        tenants
            .choice(element, preference, by.as_ref())
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

    let names = people::names(tx, &known).await?;
    let mut opening: Vec<(i64, &str, DateTime<Utc>)> = Vec::with_capacity(known.len());
    for (number, row, _) in known.iter().filter(|(_, _, message)| message.opens_window) {
        opening.push((row.number_id, row.recipient, row.at));
        // The window is between two people, by whatever name the one goes.
        let others = people::others(&names, number.organization_id, row.recipient, row.at);
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
        let all =
            std::iter::once(row.recipient).chain(people::others(&names, number.organization_id, row.recipient, row.at));
        choices.extend(all.map(|recipient| Said {
            organization_id: number.organization_id,
            recipient: recipient.to_owned(),
            stop: wish == Wish::Stop,
            at: row.at,
        }));
    }
    Ok(choices)
}

/// What a new message says about being written to.
struct Said {
    organization_id: i64,
    recipient: String,
    stop: bool,
    at: DateTime<Utc>,
}

/// Whose numbers and accounts a batch speaks of.
pub(crate) struct Tenants {
    numbers: HashMap<String, SenderNumber>,
    organizations: HashMap<String, i64>,
}

impl Tenants {
    async fn load(tx: &Application<'_>, told: &Told<'_>) -> Result<Self, Error> {
        let mut numbers: HashSet<&str> = HashSet::new();
        let mut wabas: HashSet<&str> = HashSet::new();
        numbers.extend(
            told.messages
                .iter()
                .map(|(_, message)| message.phone_number_id.as_str()),
        );
        for (_, said) in &told.preferences {
            numbers.extend(said.phone_number_id.as_deref());
            wabas.insert(&said.waba_id);
        }
        for (_, update) in &told.user_ids {
            numbers.extend(update.phone_number_id.as_deref());
            wabas.insert(&update.waba_id);
        }
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

    /// Whose a number is, or else an account.
    pub(crate) fn organization(&self, phone_number_id: Option<&str>, waba_id: &str) -> Option<i64> {
        let of_number = phone_number_id.and_then(|id| self.numbers.get(id));
        of_number
            .map(|number| number.organization_id)
            .or_else(|| self.organizations.get(waba_id).copied())
    }

    /// What a preference says; `None` where it is about something else.
    fn choice<'a>(
        &self,
        element: &Element,
        said: &UserPreference,
        by: Option<&'a Recipient>,
    ) -> Result<Option<Choice<'a>>, &'static str> {
        let stop = match said.value {
            Preference::Stop => true,
            Preference::Resume => false,
            Preference::Other(_) => return Ok(None),
        };
        if said.category != MARKETING {
            return Ok(None);
        }
        let organization_id = self
            .organization(said.phone_number_id.as_deref(), &said.waba_id)
            .ok_or("user_preferences: said to an account that is not declared here")?;
        let recipient =
            by.ok_or("user_preferences: from a person of whom Meta tells neither the phone number nor an id")?;
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
