//! What became of our messages.
//!
//! A status comes back with the callback string that its POST carried, signed by us: message and attempt. It proves that Meta
//! accepted that attempt, so the message is accepted, whatever the pipeline believed; a POST without an answer is resolved here.
//! How far the delivery came is the highest rank among all its events, so neither order nor repetition matters.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use domain::opaque::Signer;
use domain::{Delivery, MessageId, State, meta_error};
use meta::webhook::{StatusUpdate, StatusWord};
use serde_json::json;
use store::Error;
use store::receipts::{Application, Event, Locked, Name, Orphan, Proof};
use tracing::error;
use uuid::Uuid;

use crate::apply::{Applied, Place};
use crate::tally::Tally;

/// A place in the messaging limit lasts 24 hours and a minute from the slot. Delivered later than this, the rest of that minute is too
/// little for clocks that differ, and the place is extended; earlier, which is nearly always, nothing has to be written.
const PROMPT: TimeDelta = TimeDelta::seconds(30);
/// How far in the future a status may be, by clocks that differ.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::days(1);
/// Meta could not use a file of the message, of which it had said that it had it.
const MEDIA_UPLOAD_ERROR: i64 = 131_053;
/// Longer words and ids than these are nonsense.
const LONGEST_WORD: usize = 64;
const LONGEST_WAMID: usize = 1_000;

/// A status, and where it came from.
pub(crate) struct Told<'a> {
    pub(crate) place: Place,
    pub(crate) received_at: DateTime<Utc>,
    pub(crate) status: &'a StatusUpdate,
}

/// What statuses mean for more than their messages.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Messages that were delivered so late that their place in the messaging limit must be extended.
    pub(crate) delivered_late: Vec<(Uuid, DateTime<Utc>)>,
    /// People who stopped marketing, as Meta says of a message that failed for it.
    pub(crate) stopped: Vec<Stopped>,
}

/// Somebody who wants no marketing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// From whom.
    pub(crate) organization_id: i64,
    /// Who, E.164.
    pub(crate) recipient: String,
    /// When Meta said so.
    pub(crate) at: DateTime<Utc>,
}

/// Applies statuses.
pub(crate) async fn apply(
    tx: &Application<'_>,
    signer: &Signer,
    statuses: &[Told<'_>],
    applied: &mut Applied,
) -> Result<Outcome, Error> {
    let mut found = Found::default();
    let mut named: Vec<(&Told<'_>, MessageId, i32)> = Vec::with_capacity(statuses.len());
    for told in statuses {
        match (unusable(told), read(signer, told.status)) {
            (Some(reason), _) => applied.refuse(told.place, reason, None),
            (None, Some((id, attempt))) => named.push((told, id, attempt)),
            (None, None) => found.orphans.push(orphan(told, None)),
        }
    }

    let mut ids: Vec<Uuid> = named.iter().map(|(_, id, _)| id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let maybe_late: Vec<_> = named
        .iter()
        .filter(|(told, id, _)| {
            told.status.delivery() >= Some(Delivery::Delivered) && told.status.at > id.at() + PROMPT
        })
        .map(|(told, id, _)| (id.0, told.status.at))
        .collect();
    if !maybe_late.is_empty() {
        tx.lock_late_scopes(&maybe_late, PROMPT).await?;
    }
    let locked = if ids.is_empty() {
        Vec::new()
    } else {
        tx.lock_messages(&ids).await?
    };
    let locked: HashMap<Uuid, Locked> = locked.into_iter().map(|message| (message.id, message)).collect();
    for (told, id, attempt) in named {
        match locked.get(&id.0) {
            None => found.orphans.push(orphan(told, Some((id.0, attempt)))),
            // Our own signature on an attempt that was never made: a database that was set back, or a stolen key.
            Some(message) if attempt < 1 || attempt > message.attempt => {
                applied.refuse(
                    told.place,
                    "messages.statuses: names an attempt that was not made",
                    None,
                );
            }
            Some(message) => found.status(told, message, attempt),
        }
    }

    let proofs: Vec<Proof> = found.proofs.into_values().collect();
    if !found.events.is_empty() {
        tx.keep_events(&found.events).await?;
        tx.prove_accepted(&proofs, Delivery::Failed.code()).await?;
        if !found.paid.is_empty() {
            tx.spend_proven(&found.paid.into_iter().collect::<Vec<_>>()).await?;
        }
    }
    if !found.names.is_empty() {
        let names = found.names.iter();
        let names: Vec<Name<'_>> = names
            .map(|(organization_id, one, other)| Name {
                organization_id: *organization_id,
                one,
                other,
                moved_at: None,
            })
            .collect();
        found.tally.add("other_name", names.len() as u64);
        tx.keep_names(&names).await?;
    }
    if !found.without_file.is_empty() {
        let messages: Vec<Uuid> = found.without_file.into_iter().collect();
        found.tally.add("forgotten_upload", tx.forget_uploads(&messages).await?);
    }
    if !found.orphans.is_empty() {
        found.tally.add("orphan", found.orphans.len() as u64);
        tx.keep_orphans(&found.orphans).await?;
    }
    applied.tally.merge(found.tally);
    Ok(Outcome {
        delivered_late: found.late.into_iter().collect(),
        stopped: found.stopped,
    })
}

/// What the statuses of a batch come to.
#[derive(Default)]
struct Found {
    events: Vec<Event>,
    proofs: HashMap<Uuid, Proof>,
    orphans: Vec<Orphan>,
    late: HashMap<Uuid, DateTime<Utc>>,
    stopped: Vec<Stopped>,
    /// Attempts that may have to be paid for.
    paid: BTreeSet<(Uuid, i32)>,
    /// Numbers that WhatsApp writes otherwise than the caller did: Brazil's and Mexico's extra digit.
    names: BTreeSet<(i64, String, String)>,
    /// Messages whose files Meta could not use.
    without_file: BTreeSet<Uuid>,
    tally: Tally,
}

impl Found {
    fn status(&mut self, told: &Told<'_>, message: &Locked, attempt: i32) {
        let status = told.status;
        let delivery = status.delivery().unwrap_or(Delivery::None);
        self.events.push(Event {
            id: message.id,
            status: word(&status.word).to_owned(),
            at: status.at,
            attempt,
            received_at: told.received_at,
            errors: errors(status),
            pricing: status.pricing.as_ref().map(ToString::to_string),
        });
        let stopped = status
            .errors
            .iter()
            .any(|error| error.code == meta_error::STOPPED_MARKETING);
        if stopped && !message.test {
            self.stopped.push(Stopped {
                organization_id: message.organization_id,
                recipient: message.recipient.clone(),
                at: status.at.min(told.received_at),
            });
        }
        if status.errors.iter().any(|error| error.code == MEDIA_UPLOAD_ERROR) {
            self.without_file.insert(message.id);
        }
        if let Some(known_by) = status
            .recipient_id
            .as_ref()
            .filter(|known_by| known_by.as_str() != message.recipient && !message.test)
        {
            let name = (
                message.organization_id,
                message.recipient.clone(),
                known_by.as_str().to_owned(),
            );
            self.names.insert(name);
        }
        if let Some(reached) = reached_late(message, delivery, status.at) {
            let at = self.late.entry(message.id).or_insert(reached);
            *at = reached.min(*at);
        }
        if message.is_paid && (message.state != State::Accepted.code() || message.attempt > 1) {
            // An only attempt that is accepted already is paid for.
            self.paid.insert((message.id, attempt));
        }
        let first = !self.proofs.contains_key(&message.id);
        let proof = self.proofs.entry(message.id).or_insert_with(|| Proof {
            id: message.id,
            delivery: delivery.code(),
            wamid: message.wamid.clone().unwrap_or_else(|| status.wamid.0.clone()),
        });
        proof.delivery = proof.delivery.max(delivery.code());
        if proof.wamid != status.wamid.0 {
            self.tally.count("accepted_twice");
            error!(
                message.id = %message.id,
                wam.id = %status.wamid,
                attempt,
                "Meta accepted message {} twice: two attempts of it have ids of their own",
                message.id
            );
        }
        if first {
            self.tally_state(message, attempt);
        }
    }

    /// What the proof changes, seen from the state it finds.
    fn tally_state(&mut self, message: &Locked, attempt: i32) {
        match State::from_code(message.state) {
            Some(State::Uncertain | State::Unknown) => self.tally.count("resolved"),
            Some(State::Sending) => self.tally.count("before_our_record"),
            Some(State::Parked | State::Queued) => self.tally.count("accepted_after_all"),
            Some(State::Failed | State::Expired | State::Canceled) => self.tally.count("contradiction"),
            Some(State::Accepted) | None => {}
        }
        if attempt < message.attempt {
            self.tally.count("earlier_attempt");
        }
    }
}

/// The message and attempt that a status of ours names.
fn read(signer: &Signer, status: &StatusUpdate) -> Option<(MessageId, i32)> {
    signer.read(status.opaque.as_deref()?)
}

/// Why a status can mean nothing, if so.
fn unusable(told: &Told<'_>) -> Option<&'static str> {
    let status = told.status;
    if status.at.timestamp() <= 0 || status.at > told.received_at + CLOCKS_DIFFER {
        Some("messages.statuses: its time cannot be right")
    } else if word(&status.word).len() > LONGEST_WORD || status.wamid.as_str().len() > LONGEST_WAMID {
        Some("messages.statuses: its word or id is far too long")
    } else {
        None
    }
}

/// When the message reached its recipient, if this is news and its place in the messaging limit may be over before 24 hours are. A
/// `read` counts where no `delivered` came: Meta leaves that out when a message is read at once.
fn reached_late(message: &Locked, delivery: Delivery, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let news = delivery >= Delivery::Delivered && message.delivery < Delivery::Delivered.code();
    let late = message.claimed_at.is_none_or(|claimed_at| at > claimed_at + PROMPT);
    (news && message.counted && late).then_some(at)
}

/// Meta's word.
fn word(word: &StatusWord) -> &str {
    match word {
        StatusWord::Sent => "sent",
        StatusWord::Delivered => "delivered",
        StatusWord::Read => "read",
        StatusWord::Played => "played",
        StatusWord::Failed => "failed",
        StatusWord::Other(word) => word,
    }
}

fn errors(status: &StatusUpdate) -> Option<String> {
    let errors: Vec<_> = status
        .errors
        .iter()
        .map(|error| json!({"code": error.code, "title": error.title, "details": error.details}))
        .collect();
    (!errors.is_empty()).then(|| json!(errors).to_string())
}

/// Everything of a status that is needed to apply it later, as Meta writes it; not the person's number.
fn orphan(told: &Told<'_>, names: Option<(Uuid, i32)>) -> Orphan {
    let status = told.status;
    let errors: Vec<_> = status
        .errors
        .iter()
        .map(|error| json!({"code": error.code, "title": error.title, "error_data": {"details": error.details}}))
        .collect();
    let as_meta_writes_it = json!({
        "id": status.wamid,
        "status": word(&status.word),
        "timestamp": status.at.timestamp().to_string(),
        "biz_opaque_callback_data": status.opaque,
        "errors": errors,
        "pricing": status.pricing,
    });
    Orphan {
        received_at: told.received_at,
        wamid: status.wamid.0.clone(),
        names,
        status: as_meta_writes_it.to_string(),
    }
}
