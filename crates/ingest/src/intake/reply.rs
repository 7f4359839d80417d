//! The answer to a publisher that asked for one.

use broker::{Delivery, Outgoing, Topology};
use chrono::{DateTime, Utc};
use serde_json::json;

use crate::answer::{Answer, request_id};

/// The reply, when one is wanted and does not go into a queue of ours.
pub(super) fn to(delivery: &Delivery, answer: &Answer, topology: &Topology, now: DateTime<Utc>) -> Option<Outgoing> {
    let properties = &delivery.properties;
    let reply_to = properties
        .reply_to
        .as_ref()
        .filter(|queue| !queue.is_empty() && !topology.owns(queue))?;
    let id = request_id();
    let body = json!({"status": answer.status, "body": answer.body_for(&id, now)});
    let reply = Outgoing::reply(reply_to, properties.correlation_id.clone(), id, body.to_string());
    let reply = reply.header("status", answer.status.to_string());
    Some(if answer.replayed {
        reply.header("idempotency-replayed", "true")
    } else {
        reply
    })
}
