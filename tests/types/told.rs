//! Webhooks about accounts, numbers, templates and people's own settings: one of each field as Meta sends it, and what is read from it.
//! That each is applied, or kept in sight, is shown on a database: `cargo test -p receipts --test it fields`.

use meta::webhook::Update;
use serde_json::{Value, json};

use crate::golden;

/// Every field of Meta's that an account can subscribe to beside `messages`, and that is about messaging, with what comes of it.
pub(crate) const FIELDS: &[(&str, &str)] = &[
    ("account_alerts", "kept and shown"),
    (
        "account_review_update",
        "kept and shown; the account is compared with Meta",
    ),
    (
        "account_update",
        "a restriction, a ban or the end of the account closes its gate at once, and its messages wait; the rest is kept and shown",
    ),
    (
        "business_capability_update",
        "sets the messaging limit; a raised one wakes what waits for room",
    ),
    ("business_username_update", "kept and shown"),
    ("history", "counted and shown; what people wrote stays in the inbox"),
    (
        "message_template_components_update",
        "kept and shown; the template's text is fetched from Meta",
    ),
    (
        "message_template_quality_update",
        "sets the template's quality, at which campaigns pause",
    ),
    (
        "message_template_status_update",
        "opens and closes the template's gate at once: what waits goes on, waits or fails with the reason",
    ),
    ("messages", "read element by element, see above"),
    (
        "phone_number_name_update",
        "kept and shown; the number is compared with Meta",
    ),
    (
        "phone_number_quality_update",
        "sets the number's quality, its pace after an upgrade, and the messaging limit",
    ),
    ("security", "kept and shown"),
    (
        "smb_app_state_sync",
        "counted and shown; what it says stays in the inbox",
    ),
    (
        "smb_message_echoes",
        "counted and shown; what was written stays in the inbox",
    ),
    (
        "template_category_update",
        "sets the category, on which price and rules hang; an announced one is kept and shown",
    ),
    ("template_correct_category_detection", "kept and shown"),
    (
        "user_id_update",
        "STOP and service window of the old user id count for the new one",
    ),
    ("user_preferences", "stops or resumes marketing to the person"),
];

/// What comes of a field that is newer than this build.
const NEWER: &str = "counted and shown; what it says stays in the inbox";

/// What comes of a golden webhook's field.
pub(crate) fn comes_of(name: &str) -> &'static str {
    let field = name.split('.').next().unwrap_or(name);
    let known = FIELDS.iter().find(|(known, _)| *known == field && field != "messages");
    known.map_or(NEWER, |(_, what)| what)
}

/// What an update means, exactly.
fn read(update: &Update) -> Value {
    match update {
        Update::TemplateStatus(update) => json!({"template_status": {
            "waba": update.waba_id, "at": update.at, "template_id": update.template_id, "name": update.name, "language": update.language,
            "category": update.category, "event": update.event, "reason": update.reason,
            "title": update.other.title, "description": update.other.description}}),
        Update::TemplateQuality(update) => json!({"template_quality": {
            "waba": update.waba_id, "at": update.at, "template_id": update.template_id, "name": update.name, "language": update.language,
            "previous": update.previous, "new": update.new}}),
        Update::TemplateCategory(update) => json!({"template_category": {
            "waba": update.waba_id, "at": update.at, "template_id": update.template_id, "name": update.name, "language": update.language,
            "previous": update.previous, "new": update.new, "upcoming": update.upcoming, "upcoming_at": update.upcoming_at}}),
        Update::NumberQuality(update) => json!({"number_quality": {
            "waba": update.waba_id, "at": update.at, "phone": update.display_phone_number, "event": update.event,
            "messaging_limit": update.tier().map(|tier| tier.to_string())}}),
        Update::Capability(update) => json!({"capability": {
            "waba": update.waba_id, "at": update.at, "messaging_limit": update.tier().map(|tier| tier.to_string())}}),
        Update::AccountUpdate(update) => json!({"account": {
            "waba": update.waba_id, "at": update.at, "event": update.event,
            "restrictions": update.restrictions.iter().map(|one| json!({"kind": one.kind, "until": one.until})).collect::<Vec<_>>(),
            "ban": update.ban.as_ref().map(|ban| &ban.state), "violation": update.violation.as_ref().map(|violation| &violation.kind)}}),
        Update::UserPreference(said) => json!({"user_preference": {
            "waba": said.waba_id, "number": said.phone_number_id, "recipient": said.recipient.as_ref().map(domain::Recipient::as_str),
            "user_id": said.user_id, "category": said.category, "value": format!("{:?}", said.value), "at": said.at}}),
        Update::UserId(update) => json!({"user_id": {
            "waba": update.waba_id, "number": update.phone_number_id, "recipient": update.recipient.as_ref().map(domain::Recipient::as_str),
            "previous": update.user_id.previous.as_str(), "current": update.user_id.current.as_str(), "at": update.at}}),
        Update::Other {
            field,
            waba_id,
            at,
            raw,
        } => json!({"kept": {
            "waba": waba_id, "at": at, "field": field, "value": serde_json::from_str::<Value>(raw).unwrap()}}),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_webhook_of_an_account_is_read_as_it_was_meant() {
    golden::each_webhook_is_read("told", read);
}

#[test]
fn every_field_has_a_golden_file_and_every_golden_file_a_field() {
    let told = golden::told();
    for (field, _) in FIELDS.iter().filter(|(field, _)| *field != "messages") {
        let is_of = |name: &String| name == field || name.starts_with(&format!("{field}."));
        assert!(told.keys().any(is_of), "{field} has no golden file");
    }
    let newer = |name: &str| name.contains("something_newer");
    for name in told.keys().filter(|name| !newer(name)) {
        let field = name.split('.').next().unwrap();
        assert!(
            FIELDS.iter().any(|(known, _)| *known == field),
            "{name} is in no row of FIELDS"
        );
    }
    for (name, webhook) in told {
        let field = webhook["entry"][0]["changes"][0]["field"].as_str().unwrap();
        assert_eq!(name.split('.').next(), Some(field));
    }
}
