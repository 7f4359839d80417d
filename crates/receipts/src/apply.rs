//! Applies a batch of updates inside a transaction: all together, kind by kind in the order of locks, and in ever smaller parts where
//! the database refuses a value, until only the bad elements are left out.

use chrono::{DateTime, Utc};
use domain::opaque::Signer;
use domain::{NumberId, TemplateId};
use meta::webhook::Update;
use store::Error;
use store::receipts::{Application, TierChange};

use crate::statuses::Told;
use crate::tally::Tally;
use crate::{accounts, hearing, inbound, numbers, statuses, templates, told};

/// One update of one body.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub(crate) place: Place,
    pub(crate) received_at: DateTime<Utc>,
    pub(crate) update: Update,
}

/// Where an element stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The body, by its place in the batch.
    pub(crate) body: usize,
    /// Its place among the updates of the body.
    pub(crate) element: usize,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// Elements that cannot be applied.
    pub(crate) refused: Vec<Refused>,
    /// Messaging limits that have more room now.
    pub(crate) raised: Vec<TierChange>,
    /// New inbound messages: the number that got each, and when by Meta's clock.
    pub(crate) received: Vec<(NumberId, DateTime<Utc>)>,
    /// Templates of which something may wait for their new status.
    pub(crate) templates: Vec<TemplateId>,
    /// Accounts of which a webhook named a template that is not known.
    pub(crate) unknown_templates: Vec<String>,
    pub(crate) tally: Tally,
}

/// An element that cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) place: Place,
    /// Without anything it says.
    pub(crate) reason: String,
    pub(crate) raw: Option<String>,
}

impl Applied {
    pub(crate) fn refuse(&mut self, place: Place, reason: impl Into<String>, raw: Option<&str>) {
        self.refused.push(Refused {
            place,
            reason: reason.into(),
            raw: raw.map(str::to_owned),
        });
    }

    fn merge(&mut self, other: Self) {
        self.refused.extend(other.refused);
        self.raised.extend(other.raised);
        self.received.extend(other.received);
        self.templates.extend(other.templates);
        self.unknown_templates.extend(other.unknown_templates);
        self.tally.merge(other.tally);
    }
}

/// Applies all elements but those that cannot be. Where the database refuses a value, the batch is halved until the element that
/// holds it stands alone; it costs some twenty statements per bad element, and the good ones nothing.
pub(crate) async fn apply(tx: &mut Application<'_>, signer: &Signer, elements: &[Element]) -> Result<Applied, Error> {
    let mut applied = Applied::default();
    let mut parts = vec![elements];
    while let Some(part) = parts.pop() {
        let attempt = tx.part().await?;
        match (together(&attempt, signer, part).await, part) {
            (Ok(new), _) => {
                attempt.commit().await?;
                applied.merge(new);
            }
            (Err(error), [one]) if error.is_about_data() => {
                let state = error.sql_state().map_or("", |state| state.code());
                let reason = format!("{error}: PostgreSQL refuses a value of it ({state})");
                applied.refuse(one.place, reason, raw(&one.update));
            }
            (Err(error), _) if error.is_about_data() => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
            (Err(error), _) => return Err(error),
        }
    }
    Ok(applied)
}

/// Applies all elements, or none.
async fn together(tx: &Application<'_>, signer: &Signer, elements: &[Element]) -> Result<Applied, Error> {
    let mut applied = Applied::default();
    let batch = Batch::sort(elements, &mut applied);

    numbers::apply(tx, &batch.qualities, &batch.capabilities, &mut applied).await?;
    templates::apply(tx, &batch.templates, &mut applied).await?;
    accounts::apply(tx, &batch.accounts, &mut applied).await?;
    told::apply(tx, elements, &mut applied).await?;
    let told = statuses::apply(tx, signer, &batch.statuses, &mut applied).await?;
    inbound::apply(tx, &batch.people, &told.stopped, &mut applied).await?;
    if !told.delivered_late.is_empty() {
        let extended = tx.extend_members(&told.delivered_late).await?;
        applied.tally.add("extended_membership", extended);
    }
    hearing::apply(tx, elements).await?;
    Ok(applied)
}

/// The elements of a batch, by kind.
#[derive(Default)]
struct Batch<'a> {
    statuses: Vec<Told<'a>>,
    people: inbound::Told<'a>,
    templates: Vec<(&'a Element, templates::Change<'a>)>,
    qualities: Vec<(&'a Element, &'a meta::webhook::NumberQuality)>,
    capabilities: Vec<(&'a Element, &'a meta::webhook::Capability)>,
    accounts: Vec<(&'a Element, &'a meta::webhook::AccountUpdate)>,
}

impl<'a> Batch<'a> {
    fn sort(elements: &'a [Element], applied: &mut Applied) -> Self {
        let mut batch = Self::default();
        for element in elements {
            match &element.update {
                Update::Status(status) => batch.statuses.push(Told {
                    place: element.place,
                    received_at: element.received_at,
                    status,
                }),
                Update::Inbound(message) => batch.people.messages.push((element, message)),
                Update::UserPreference(preference) => batch.people.preferences.push((element, preference)),
                Update::UserId(update) => batch.people.user_ids.push((element, update)),
                Update::TemplateStatus(update) => batch.templates.push((element, templates::Change::Status(update))),
                Update::TemplateQuality(update) => batch.templates.push((element, templates::Change::Quality(update))),
                Update::TemplateCategory(update) => {
                    batch.templates.push((element, templates::Change::Category(update)));
                }
                Update::NumberQuality(update) => batch.qualities.push((element, update)),
                Update::Capability(update) => batch.capabilities.push((element, update)),
                Update::AccountUpdate(update) => batch.accounts.push((element, update)),
                // Kept in the body and counted; there is nothing to apply.
                Update::Other { .. } => {}
                Update::ValueError { error, waba_id, .. } => {
                    applied.tally.count("number_error");
                    tracing::warn!(
                        waba.id = waba_id,
                        error.code = error.code,
                        "Meta reports error {} about a sender number of account {waba_id}",
                        error.code
                    );
                }
                Update::Malformed { field, reason, raw } => {
                    applied.refuse(element.place, format!("{field}: {reason}"), Some(raw));
                }
            }
        }
        batch
    }
}

/// The element as it came, where the update still has it.
fn raw(update: &Update) -> Option<&str> {
    match update {
        Update::Inbound(message) => Some(&message.raw),
        Update::AccountUpdate(update) => Some(&update.raw),
        Update::Other { raw, .. } | Update::Malformed { raw, .. } => Some(raw),
        Update::Status(_)
        | Update::TemplateStatus(_)
        | Update::TemplateQuality(_)
        | Update::TemplateCategory(_)
        | Update::UserPreference(_)
        | Update::UserId(_)
        | Update::NumberQuality(_)
        | Update::Capability(_)
        | Update::ValueError { .. } => None,
    }
}

/// The name of an update's kind, for metrics.
pub(crate) fn kind(update: &Update) -> &'static str {
    match update {
        Update::Status(_) => "status",
        Update::Inbound(_) => "inbound",
        Update::TemplateStatus(_) => "template_status",
        Update::TemplateQuality(_) => "template_quality",
        Update::TemplateCategory(_) => "template_category",
        Update::UserPreference(_) => "user_preference",
        Update::UserId(_) => "user_id",
        Update::NumberQuality(_) => "number_quality",
        Update::Capability(_) => "capability",
        Update::AccountUpdate(_) => "account",
        Update::ValueError { .. } => "number_error",
        Update::Other { .. } => "other",
        Update::Malformed { .. } => "malformed",
    }
}
