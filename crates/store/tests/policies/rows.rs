//! Rows of a tenant, as the door would keep them.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Category, Lane, MessageId, Recipient};
use store::intake::{Batch, Footprint, NewAnswer, NewMessage, Start};
use testkit::seed::{self, Tenant};

/// A marketing message that is due.
pub(crate) fn row(tenant: &Tenant, recipient: usize, now: DateTime<Utc>) -> NewMessage {
    NewMessage {
        id: MessageId::new(now),
        organization: tenant.organization,
        number: tenant.number,
        scope: tenant.scope,
        recipient: Recipient::parse(&seed::recipient(recipient)).unwrap(),
        lane: Lane::Rt,
        category: Category::Marketing,
        template: None,
        flow: None,
        scheduled_at: None,
        expires_at: now + TimeDelta::days(1),
        resend: false,
        price: None,
        start: Start::Queued { wake_at: now },
        content: "{}".to_owned(),
        metadata: None,
        webhook_url: None,
        traceparent: None,
        key: None,
        fallback: None,
        edge_at: None,
        test: false,
        flags: Vec::new(),
        footprint: Footprint::default(),
    }
}

pub(crate) fn batch(messages: Vec<NewMessage>) -> Batch {
    Batch {
        messages,
        ..Batch::default()
    }
}

/// A batch under an idempotency key.
pub(crate) fn keyed(tenant: &Tenant, key: &str, mut messages: Vec<NewMessage>) -> Batch {
    for message in &mut messages {
        message.key = Some(key.to_owned());
    }
    let answer = NewAnswer {
        organization: tenant.organization,
        key: key.to_owned(),
        request_hash: [0; 32],
        status: 202,
        answer: "{}".to_owned(),
    };
    Batch {
        answers: vec![answer],
        ..batch(messages)
    }
}
