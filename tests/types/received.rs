//! One webhook of each type, and what is read from it: for the gates, and for customers.

use meta::webhook::{InboundMessage, StatusUpdate, Update};
use serde_json::{Value, json};

use crate::golden;

/// What an update means, exactly.
fn read(update: &Update) -> Value {
    match update {
        Update::Inbound(message) => inbound(message),
        Update::Status(status) => self::status(status),
        Update::ValueError {
            error, phone_number_id, ..
        } => {
            json!({"error": {"code": error.code, "title": error.title, "details": error.details}, "number": phone_number_id})
        }
        other => panic!("{other:?}"),
    }
}

fn inbound(message: &InboundMessage) -> Value {
    let element: Value = serde_json::from_str(&message.raw).unwrap();
    json!({
        "wamid": message.wamid.as_str(),
        "number": message.phone_number_id,
        "person": message.person().map(|person| person.as_str().to_owned()),
        "from": message.from.as_ref().map(domain::Recipient::as_str),
        "user_id": message.from_user_id,
        "at": message.at,
        "opens_window": message.opens_window,
        "may_stop": message.text,
        "told": domain::inbound::said(&element),
    })
}

fn status(status: &StatusUpdate) -> Value {
    json!({
        "wamid": status.wamid.as_str(),
        "number": status.phone_number_id,
        "delivery": status.delivery().map(|delivery| format!("{delivery:?}")),
        "at": status.at,
        "recipient": status.recipient_id.as_ref().map(domain::Recipient::as_str),
        "user_id": status.recipient_user_id,
        "opaque": status.opaque,
        "errors": status.errors.iter().map(|error| json!({"code": error.code, "title": error.title, "details": error.details})).collect::<Vec<_>>(),
        "pricing": status.pricing,
        "conversation": status.conversation,
    })
}

#[test]
fn each_webhook_is_read_as_it_was_meant() {
    golden::each_webhook_is_read("received", read);
}

#[test]
fn every_type_that_people_send_has_a_golden_file() {
    let folder = golden::folder().join("received");
    let answers = ["button_reply", "list_reply", "nfm_reply", "call_permission_reply"];
    let kinds = domain::inbound::KINDS.iter().filter(|kind| **kind != "interactive");
    let answers = answers.iter().map(|kind| format!("interactive.{kind}"));
    let statuses = ["sent", "delivered", "read", "played", "failed"]
        .iter()
        .map(|word| format!("status.{word}"));
    for name in kinds.map(|kind| (*kind).to_owned()).chain(answers).chain(statuses) {
        assert!(
            folder.join(&name).join("webhook.json").exists(),
            "{name} has no golden file"
        );
    }
}
