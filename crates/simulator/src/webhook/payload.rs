//! The JSON of a webhook: entries by WABA, changes by number, as in Meta's envelope.

use serde::Serialize;
use serde_json::Value;

use super::update::{Scheduled, Status, Update};
use crate::config::Number;
use crate::graph_error::GraphError;

#[derive(Serialize)]
struct Envelope<'a> {
    object: &'static str,
    entry: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<i64>,
    changes: Vec<Change<'a>>,
}

#[derive(Serialize)]
struct Change<'a> {
    value: Said<'a>,
    field: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Said<'a> {
    OfNumber(ChangeValue<'a>),
    OfAccount(&'a Value),
}

#[derive(Serialize)]
struct ChangeValue<'a> {
    messaging_product: &'static str,
    metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    contacts: Vec<Contact<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<&'a Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    statuses: Vec<StatusObject<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    display_phone_number: &'a str,
    phone_number_id: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Contact<'a> {
    OfInbound(&'a Value),
    OfStatus {
        #[serde(skip_serializing_if = "Option::is_none")]
        wa_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        user_id: Option<&'a str>,
    },
}

#[derive(Serialize)]
struct StatusObject<'a> {
    id: &'a str,
    status: Status,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    biz_opaque_callback_data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pricing: Option<Pricing<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<[Value; 1]>,
}

#[derive(Serialize)]
struct Pricing<'a> {
    billable: bool,
    pricing_model: &'static str,
    r#type: &'static str,
    category: &'a str,
}

/// Packs a batch into one body. `with_contacts` shows `contacts[]` beside statuses too.
pub(crate) fn pack(batch: &[Scheduled], with_contacts: bool) -> Vec<u8> {
    let mut envelope = Envelope {
        object: "whatsapp_business_account",
        entry: Vec::new(),
    };
    for scheduled in batch {
        add(&mut envelope, &scheduled.update, with_contacts);
    }
    serde_json::to_vec(&envelope).expect("strings and numbers always become JSON")
}

fn add<'a>(envelope: &mut Envelope<'a>, update: &'a Update, with_contacts: bool) {
    if let Update::Account {
        waba_id,
        field,
        at,
        value,
    } = update
    {
        envelope.entry.push(Entry {
            id: waba_id,
            time: Some(*at),
            changes: vec![Change {
                value: Said::OfAccount(value),
                field,
            }],
        });
        return;
    }
    let Some(number) = update.number() else { return };
    let value = value_for(envelope, update, number);
    match update {
        Update::Account { .. } => {}
        Update::Inbound { contact, message, .. } => {
            value.contacts.extend(contact.as_deref().map(Contact::OfInbound));
            value.messages.push(message);
        }
        Update::Status {
            of,
            status,
            at_ms,
            code,
            priced,
        } => {
            let failed = *status == Status::Failed;
            let (wa_id, user_id) = (of.wa_id.as_deref(), of.user_id.as_deref());
            if with_contacts && !failed {
                value.contacts.push(Contact::OfStatus { wa_id, user_id });
            }
            value.statuses.push(StatusObject {
                id: &of.wamid,
                status: *status,
                timestamp: (at_ms / 1_000).to_string(),
                recipient_id: wa_id,
                // Meta leaves it out of `failed` when the message went to a phone number.
                recipient_user_id: user_id.filter(|_| !failed || wa_id.is_none()),
                biz_opaque_callback_data: of.opaque.as_deref(),
                pricing: priced.then(|| Pricing {
                    billable: true,
                    pricing_model: "PMP",
                    r#type: "regular",
                    category: &of.category,
                }),
                errors: code.map(|code| [GraphError::of(code).in_status()]),
            });
        }
    }
}

/// The `value` of this update's WABA and number; statuses and messages do not share one.
fn value_for<'e, 'a>(
    envelope: &'e mut Envelope<'a>,
    update: &'a Update,
    number: &'a Number,
) -> &'e mut ChangeValue<'a> {
    let inbound = matches!(update, Update::Inbound { .. });
    let entry = match envelope
        .entry
        .iter()
        .position(|entry| entry.id == number.waba_id && entry.time.is_none())
    {
        Some(place) => &mut envelope.entry[place],
        None => {
            envelope.entry.push(Entry {
                id: &number.waba_id,
                time: None,
                changes: Vec::new(),
            });
            envelope.entry.last_mut().expect("an entry was pushed just now")
        }
    };
    let fits = |change: &Change<'_>| match &change.value {
        Said::OfNumber(value) => {
            value.metadata.phone_number_id == number.phone_number_id && value.messages.is_empty() != inbound
        }
        Said::OfAccount(_) => false,
    };
    let place = entry.changes.iter().position(fits).unwrap_or_else(|| {
        entry.changes.push(Change {
            value: Said::OfNumber(ChangeValue {
                messaging_product: "whatsapp",
                metadata: Metadata {
                    display_phone_number: number.digits(),
                    phone_number_id: &number.phone_number_id,
                },
                contacts: Vec::new(),
                messages: Vec::new(),
                statuses: Vec::new(),
            }),
            field: "messages",
        });
        entry.changes.len() - 1
    });
    match &mut entry.changes[place].value {
        Said::OfNumber(value) => value,
        Said::OfAccount(_) => unreachable!("only what is said of a number fits"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::webhook::update::Outbound;

    fn status(phone_number_id: &str, status: Status, code: Option<i64>) -> Scheduled {
        Scheduled {
            due_ns: 0,
            update: Update::Status {
                of: Arc::new(Outbound {
                    wamid: "wamid.x".into(),
                    number: Arc::new(Number::new(phone_number_id, "+15550001111", "10")),
                    wa_id: Some("14155550100".into()),
                    user_id: Some("US.7".into()),
                    opaque: Some("1.a.1.m".into()),
                    category: "utility".into(),
                }),
                status,
                at_ms: 1_750_000_000_999,
                code,
                priced: code.is_none(),
            },
            bad_signature: false,
            tried: None,
        }
    }

    fn packed(batch: &[Scheduled]) -> Value {
        serde_json::from_slice(&pack(batch, true)).unwrap()
    }

    #[test]
    fn a_status_reads_as_meta_writes_it() {
        assert_eq!(
            packed(&[status("106", Status::Delivered, None)]),
            json!({ "object": "whatsapp_business_account", "entry": [{ "id": "10", "changes": [{ "field": "messages", "value": {
                "messaging_product": "whatsapp",
                "metadata": { "display_phone_number": "15550001111", "phone_number_id": "106" },
                "contacts": [{ "wa_id": "14155550100", "user_id": "US.7" }],
                "statuses": [{
                    "id": "wamid.x",
                    "status": "delivered",
                    "timestamp": "1750000000",
                    "recipient_id": "14155550100",
                    "recipient_user_id": "US.7",
                    "biz_opaque_callback_data": "1.a.1.m",
                    "pricing": { "billable": true, "pricing_model": "PMP", "type": "regular", "category": "utility" },
                }],
            } }] }] })
        );
    }

    #[test]
    fn a_failure_has_its_error_and_no_contact() {
        let value = &packed(&[status("106", Status::Failed, Some(131_026))])["entry"][0]["changes"][0]["value"];

        assert_eq!(value["statuses"][0]["errors"][0]["code"], 131_026);
        assert!(value.get("contacts").is_none());
        assert!(value["statuses"][0].get("recipient_user_id").is_none());
    }

    #[test]
    fn a_batch_is_grouped_by_account_and_number() {
        let inbound = Scheduled {
            due_ns: 0,
            update: Update::Inbound {
                number: Arc::new(Number::new("106", "+15550001111", "10")),
                contact: None,
                message: Arc::new(json!({ "id": "wamid.in" })),
            },
            bad_signature: false,
            tried: None,
        };
        let body = packed(&[
            status("106", Status::Sent, None),
            status("107", Status::Sent, None),
            inbound,
            status("106", Status::Read, None),
        ]);

        let changes = body["entry"][0]["changes"].as_array().unwrap();
        let sizes: Vec<_> = changes
            .iter()
            .map(|change| {
                let count = |list: &str| change["value"][list].as_array().map_or(0, Vec::len);
                (
                    change["value"]["metadata"]["phone_number_id"].as_str().unwrap(),
                    count("statuses"),
                    count("messages"),
                )
            })
            .collect();
        assert_eq!(sizes, [("106", 2, 0), ("107", 1, 0), ("106", 0, 1)]);
    }
}
