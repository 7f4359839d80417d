//! Events for those who come and ask: from any number on, with what else is known of their messages.

use std::collections::HashMap;

use domain::event::{Data, Details, Event};
use domain::{MessageId, OrganizationId};
use serde_json::Value;
use uuid::Uuid;

use super::{Change, Subject, changes, count_of};
use crate::statement::{Statement, statement};
use crate::{Error, Store};

const PAGE: Statement = statement!("events/page", "reading events");
const DETAILS: Statement = statement!("events/details", "reading the messages of events");

/// The next events behind a number.
#[derive(Debug, Default)]
pub struct Page {
    slug: String,
    changes: Vec<Change>,
    people: HashMap<Uuid, Person>,
}

#[derive(Debug)]
struct Person {
    to: String,
    from: String,
    metadata: Value,
}

impl Store {
    /// At most `limit` events of an organization behind the number `after`, in their order.
    pub async fn events_after(&self, organization: OrganizationId, after: i64, limit: usize) -> Result<Page, Error> {
        let client = self.client().await?;
        let rows = PAGE.rows(&client, &[&organization.0, &after, &count_of(limit)]).await?;
        let Some(first) = rows.first() else {
            return Ok(Page::default());
        };
        let all = rows.iter().flat_map(changes);
        let changes: Vec<Change> = all.filter(|change| change.sequence > after).take(limit).collect();
        let mut ids: Vec<Uuid> = changes
            .iter()
            .filter_map(|change| match &change.subject {
                Subject::Message { id, .. } => Some(id.0),
                Subject::Other(_) => None,
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let people = if ids.is_empty() {
            Vec::new()
        } else {
            DETAILS.rows(&client, &[&ids]).await?
        };
        let person = |row: &tokio_postgres::Row| {
            let person = Person {
                to: row.get("recipient"),
                from: row.get("phone"),
                metadata: row.get::<_, Option<Value>>("metadata").unwrap_or(Value::Null),
            };
            (row.get("id"), person)
        };
        Ok(Page {
            slug: first.get("slug"),
            changes,
            people: people.iter().map(person).collect(),
        })
    }
}

impl Page {
    /// The number of the last event; `None` when there is none.
    pub fn last(&self) -> Option<i64> {
        self.changes.last().map(|change| change.sequence)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The events, in their order.
    pub fn events(&self) -> impl Iterator<Item = Event<'_>> {
        self.changes.iter().map(|change| {
            let data = match &change.subject {
                Subject::Message { id, reason, flow } => {
                    Data::message(&change.kind, *id, reason.as_deref(), *flow, self.details(*id))
                }
                Subject::Other(data) => Data::Other(data),
            };
            Event::new(&self.slug, change.sequence, &change.kind, change.at, data)
        })
    }

    fn details(&self, id: MessageId) -> Option<Details<'_>> {
        self.people.get(&id.0).map(|person| Details {
            to: &person.to,
            from: &person.from,
            metadata: &person.metadata,
        })
    }
}
