//! What Meta tells of accounts, numbers and templates, kept as it came, whether something was made of it or not.

use chrono::{DateTime, Utc};
use meta::webhook::Update;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store::Error;
use store::receipts::{Application, ToldOfAccount};

use crate::apply::{Applied, Element};

/// Fields that hold nothing of a person: kept whole. Of every other one that is not applied only the numbers of things in it are kept
/// here, and what it says stays in the inbox: echoes of what was written on a telephone, a telephone's history and address book, and
/// fields that are newer than this build.
const WHOLE: [&str; 8] = [
    "account_alerts",
    "account_review_update",
    "business_username_update",
    "message_template_components_update",
    "partner_solutions",
    "phone_number_name_update",
    "security",
    "template_correct_category_detection",
];

/// Fields after which Meta has something that is not known here.
const ASK_META: [&str; 4] = [
    "account_update",
    "message_template_components_update",
    "phone_number_name_update",
    "account_review_update",
];

/// Keeps what is told of accounts, and asks for a comparison where a webhook tells less than there is to know.
pub(crate) async fn apply(tx: &Application<'_>, elements: &[Element], applied: &mut Applied) -> Result<(), Error> {
    let mut told: Vec<ToldOfAccount> = elements.iter().filter_map(of).collect();
    told.sort_by(|one, other| one.fingerprint.cmp(&other.fingerprint));
    told.dedup_by(|one, other| one.fingerprint == other.fingerprint);
    let kept = tx.keep_account_events(&told).await?;
    applied.tally.add("account_event", kept);
    let mut wabas: Vec<&str> = told
        .iter()
        .filter(|event| ASK_META.contains(&event.field.as_str()))
        .map(|event| event.waba.as_str())
        .chain(applied.unknown_templates.iter().map(String::as_str))
        .collect();
    wabas.sort_unstable();
    wabas.dedup();
    for waba in wabas {
        tx.want_comparison(waba).await?;
    }
    Ok(())
}

fn of(element: &Element) -> Option<ToldOfAccount> {
    let raw = |raw: &str| serde_json::from_str::<Value>(raw).ok();
    let (waba, at, field, event, value) = match &element.update {
        Update::AccountUpdate(update) => (
            &update.waba_id,
            update.at,
            "account_update",
            Some(update.event.clone()),
            raw(&update.raw)?,
        ),
        Update::TemplateStatus(update) => (
            &update.waba_id,
            update.at,
            "message_template_status_update",
            Some(update.event.clone()),
            json!({"name": update.name, "language": update.language, "event": update.event, "reason": update.reason,
                "title": update.other.title, "description": update.other.description}),
        ),
        Update::TemplateQuality(update) => (
            &update.waba_id,
            update.at,
            "message_template_quality_update",
            Some(update.new.clone()),
            json!({"name": update.name, "language": update.language, "previous": update.previous, "new": update.new}),
        ),
        Update::TemplateCategory(update) => (
            &update.waba_id,
            update.at,
            "template_category_update",
            Some(update.new.clone()),
            json!({"name": update.name, "language": update.language, "previous": update.previous, "new": update.new,
                "upcoming": update.upcoming, "upcoming_at": update.upcoming_at}),
        ),
        Update::NumberQuality(update) => (
            &update.waba_id,
            update.at,
            "phone_number_quality_update",
            Some(update.event.clone()),
            json!({"event": update.event, "messaging_limit": update.tier().map(|tier| tier.to_string())}),
        ),
        Update::Capability(update) => (
            &update.waba_id,
            update.at,
            "business_capability_update",
            None,
            json!({"messaging_limit": update.tier().map(|tier| tier.to_string())}),
        ),
        Update::Other {
            field,
            waba_id,
            at,
            raw: text,
        } => {
            let value = raw(text)?;
            let event = value["event"]
                .as_str()
                .or_else(|| value["decision"].as_str())
                .filter(|_| WHOLE.contains(&field.as_str()))
                .map(str::to_owned);
            let value = match WHOLE.contains(&field.as_str()) {
                true => value,
                false => outline(&value, text),
            };
            (waba_id, *at, field.as_str(), event, value)
        }
        _ => return None,
    };
    let at = at.unwrap_or(element.received_at).min(element.received_at);
    Some(ToldOfAccount {
        waba: waba.clone(),
        at,
        received_at: element.received_at,
        field: field.to_owned(),
        fingerprint: fingerprint(waba, field, known_time(element), &value),
        event,
        value,
    })
}

/// How many things a value holds by each name, to whom it was told, and a mark that tells it from others of the same outline.
fn outline(value: &Value, text: &str) -> Value {
    let mut outline = serde_json::Map::new();
    for (name, things) in value.as_object().into_iter().flatten() {
        if let Some(things) = things.as_array() {
            outline.insert(name.clone(), json!(things.len()));
        }
    }
    if let Some(number) = value["metadata"]["phone_number_id"].as_str() {
        outline.insert("phone_number_id".to_owned(), json!(number));
    }
    let mark = Sha256::digest(text.as_bytes());
    let mark: String = mark.iter().map(|byte| format!("{byte:02x}")).collect();
    outline.insert("sha256".to_owned(), json!(mark));
    Value::Object(outline)
}

/// Meta's own time, which is the same in a repetition.
fn known_time(element: &Element) -> Option<DateTime<Utc>> {
    match &element.update {
        Update::AccountUpdate(update) => update.at,
        Update::TemplateStatus(update) => update.at,
        Update::TemplateQuality(update) => update.at,
        Update::TemplateCategory(update) => update.at,
        Update::NumberQuality(update) => update.at,
        Update::Capability(update) => update.at,
        Update::Other { at, .. } => *at,
        _ => None,
    }
}

fn fingerprint(waba: &str, field: &str, at: Option<DateTime<Utc>>, value: &Value) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [
        waba,
        field,
        &at.map(|at| at.to_rfc3339()).unwrap_or_default(),
        &value.to_string(),
    ] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().to_vec()
}
