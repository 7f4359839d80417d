//! Deliveries that cannot be kept are set aside, as they came and with the reason.

use broker::{Delivery, Outgoing, Publisher, Topology};

use crate::answer::{Answer, request_id};

/// Longest header of ours, in characters: a reason is read by people.
const LONGEST: usize = 1000;

/// The copy of a delivery that is set aside: the body untouched, its headers (but no key) kept, the reason on top.
pub(super) fn copy(delivery: &Delivery, answer: &Answer, topology: &Topology) -> Outgoing {
    let properties = &delivery.properties;
    let mut copy = Outgoing::to_queue(&topology.queues.rejected, request_id(), delivery.body.clone());
    copy.correlation_id.clone_from(&properties.correlation_id);
    if let Some(content_type) = &properties.content_type {
        copy.content_type.clone_from(content_type);
    }
    let kept = properties
        .headers
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("x-api-key"));
    copy.headers = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    let message = answer.body["error"]["message"].as_str().unwrap_or_default();
    copy = copy
        .header("x-error-code", answer.error_code().unwrap_or_default())
        .header("x-error", message.chars().take(LONGEST).collect::<String>())
        .header("x-routing-key", delivery.routing_key.as_str());
    for (name, value) in [
        ("x-message-id", &properties.message_id),
        ("x-user-id", &properties.user_id),
    ] {
        if let Some(value) = value {
            copy = copy.header(name, value.as_str());
        }
    }
    copy
}

/// Publishes copies; what is not confirmed stays in `copies`. True when none is left.
pub(super) async fn publish(publisher: &Publisher, copies: &mut Vec<Outgoing>) -> bool {
    let published = publisher.publish(copies.clone()).await;
    let mut published = published.iter();
    copies.retain(|_| !published.next().is_some_and(|copy| copy.is_confirmed()));
    copies.is_empty()
}
