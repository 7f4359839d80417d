//! That webhooks of a number come at all: what the holds of uncertain messages hang on.
//!
//! Noted with what the webhooks say and not when they arrive: what still waits in the inbox has not been heard.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::hold;
use meta::webhook::Update;
use store::Error;
use store::receipts::Application;

use crate::apply::Element;

/// Notes which numbers were heard of, and when.
pub(crate) async fn apply(tx: &Application<'_>, elements: &[Element]) -> Result<(), Error> {
    let mut times: HashMap<&str, Vec<DateTime<Utc>>> = HashMap::new();
    for element in elements {
        if let Some(number) = number(&element.update) {
            times.entry(number).or_default().push(element.received_at);
        }
    }
    if times.is_empty() {
        return Ok(());
    }
    let ours = tx.numbers(&times.keys().copied().collect::<Vec<_>>()).await?;
    let mut stretches = Vec::new();
    for number in ours {
        let times = times.remove(number.phone_number_id.as_str()).unwrap_or_default();
        stretches.extend(
            hold::stretches(times)
                .into_iter()
                .map(|(first, last)| (number.id, first, last)),
        );
    }
    if stretches.is_empty() {
        return Ok(());
    }
    tx.hear(&stretches).await
}

/// The sender number that an update proves to be reached: what comes with the statuses of its messages, and what people write to it.
fn number(update: &Update) -> Option<&str> {
    match update {
        Update::Status(status) => Some(&status.phone_number_id),
        Update::Inbound(message) => Some(&message.phone_number_id),
        _ => None,
    }
}
