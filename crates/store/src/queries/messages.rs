//! Messages with their attempts and what Meta told of them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use deadpool_postgres::Client;
use domain::{Delivery, FlowId, MessageId, OrganizationId, PublicStatus, Reason, State};
use futures_util::try_join;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::codes;
use crate::statement::{Statement, statement};
use crate::{Error, Store};

const MESSAGES: Statement = statement!("queries/messages", "reading messages");
const ATTEMPTS: Statement = statement!("queries/attempts", "reading attempts");
const EVENTS: Statement = statement!("queries/events", "reading what Meta told of messages");
const PROGRESS: Statement = statement!("queries/progress", "reading where messages are");

/// A message as the public may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageView {
    /// Its id.
    pub id: MessageId,
    /// The sender number, E.164.
    pub from: String,
    /// The recipient, E.164.
    pub to: String,
    /// The broadcast it belongs to.
    pub flow: Option<FlowId>,
    /// Not before then.
    pub scheduled_at: Option<DateTime<Utc>>,
    /// Not after then.
    pub expires_at: DateTime<Utc>,
    /// It goes to a stand-in for Meta.
    pub test: bool,
    /// Where it is.
    pub state: State,
    /// How far Meta says it came.
    pub delivery: Delivery,
    /// Why it does not go, or not yet.
    pub reason: Option<Reason>,
    /// What the fraud guard found, by the names of its checks.
    pub flags: Vec<String>,
    /// Meta's id.
    pub wamid: Option<String>,
    /// Of the last change of state.
    pub changed_at: DateTime<Utc>,
    /// When the last attempt was claimed.
    pub claimed_at: Option<DateTime<Utc>>,
    /// The stored content, JSON.
    pub content: Option<String>,
    /// The template that it falls back to, or fell back to.
    pub fallback: Option<FallbackView>,
    /// The caller's own.
    pub metadata: Option<Value>,
    /// Every POST, in order.
    pub attempts: Vec<AttemptView>,
    /// Everything Meta told, in the order of Meta's clock.
    pub events: Vec<EventView>,
}

/// The template of a session message whose window may close.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FallbackView {
    /// Its content, JSON.
    pub content: String,
    /// When it was taken, and the no that it answered; `None` while the message is still what it was.
    pub taken: Option<(DateTime<Utc>, Reason)>,
}

/// One POST.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptView {
    /// From 1.
    pub attempt: i32,
    /// When it was to leave.
    pub slot: DateTime<Utc>,
    /// When its outcome was known.
    pub ended_at: DateTime<Utc>,
    /// From leaving to the outcome, in milliseconds.
    pub post_ms: i32,
    /// `accepted`, `rejected` or `unknown`.
    pub outcome: String,
    /// Of Meta's answer, when there was one.
    pub http_status: Option<i16>,
    /// Meta's error, when there was one.
    pub error: Option<Value>,
}

/// One status webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct EventView {
    /// Meta's word.
    pub status: String,
    /// By Meta's clock.
    pub at: DateTime<Utc>,
    /// When we got it.
    pub received_at: DateTime<Utc>,
    /// The attempt it is about.
    pub attempt: i32,
    /// Meta's errors, when it failed.
    pub errors: Option<Value>,
}

/// Where a message is, and no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Its id.
    pub id: MessageId,
    /// Whether it has left the pipeline.
    pub left_the_pipeline: bool,
    /// The public word.
    pub status: PublicStatus,
    /// Why it does not go, or not yet.
    pub reason: Option<Reason>,
}

/// Which messages to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// With this public status.
    pub status: Option<PublicStatus>,
    /// Of this broadcast.
    pub flow: Option<FlowId>,
    /// To this person, E.164.
    pub to: Option<String>,
    /// From this number: E.164, or Meta's id of it.
    pub from: Option<String>,
    /// Created then or later.
    pub since: Option<DateTime<Utc>>,
    /// Created before then.
    pub until: Option<DateTime<Utc>>,
    /// Older than this one: the last of the page before.
    pub before: Option<MessageId>,
}

impl MessageView {
    /// When it was accepted: the time its id begins with.
    pub fn created_at(&self) -> DateTime<Utc> {
        let millis = i64::try_from(self.id.0.as_u128() >> 80).unwrap_or(0);
        DateTime::from_timestamp_millis(millis).unwrap_or_default()
    }

    /// The public word at `now`.
    pub fn status(&self, now: DateTime<Utc>) -> PublicStatus {
        PublicStatus::of(self.state, self.delivery, self.scheduled_at.is_some_and(|at| at > now))
    }
}

impl Store {
    /// One message of an organization.
    pub async fn message(
        &self,
        organization: OrganizationId,
        id: MessageId,
        now: DateTime<Utc>,
    ) -> Result<Option<MessageView>, Error> {
        let next = Uuid::from_u128(id.0.as_u128().saturating_add(1));
        let client = self.client().await?;
        let read = read(&client, organization, id.0..next, &Filter::default(), 1, now).await?;
        Ok(read.into_iter().next())
    }

    /// Messages of an organization, newest first, at most `limit`.
    pub async fn messages(
        &self,
        organization: OrganizationId,
        filter: &Filter,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<MessageView>, Error> {
        let from = filter.since.map_or(Uuid::nil(), floor);
        let until = filter.until.map_or(Uuid::max(), floor);
        let before = filter.before.map_or(until, |id| id.0.min(until));
        let client = self.client().await?;
        read(&client, organization, from..before, filter, limit, now).await
    }

    /// Where some messages of an organization are.
    pub async fn progress(
        &self,
        organization: OrganizationId,
        ids: &[MessageId],
        now: DateTime<Utc>,
    ) -> Result<Vec<Progress>, Error> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let client = self.client().await?;
        let rows = PROGRESS.rows(&client, &[&organization.0, &ids]).await?;
        let read = rows.iter().map(|row| {
            let (state, delivery) = codes(row)?;
            let scheduled_at: Option<DateTime<Utc>> = row.get("scheduled_at");
            Ok(Progress {
                id: MessageId(row.get("id")),
                left_the_pipeline: state.is_final(),
                status: PublicStatus::of(state, delivery, scheduled_at.is_some_and(|at| at > now)),
                reason: row.get::<_, Option<&str>>("reason").map(Reason::parse),
            })
        });
        read.collect()
    }
}

async fn read(
    client: &Client,
    organization: OrganizationId,
    ids: std::ops::Range<Uuid>,
    filter: &Filter,
    limit: u32,
    now: DateTime<Utc>,
) -> Result<Vec<MessageView>, Error> {
    let pairs = filter.status.map(|status| pairs_of(status, false));
    let pairs_waiting = filter.status.map(|status| pairs_of(status, true));
    let rows = MESSAGES
        .rows(
            client,
            &[
                &organization.0,
                &ids.start,
                &ids.end,
                &filter.flow.map(|flow| flow.0),
                &filter.to,
                &filter.from,
                &pairs,
                &pairs_waiting,
                &now,
                &i64::from(limit),
            ],
        )
        .await?;
    let mut messages = rows.iter().map(view).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<Uuid> = messages.iter().map(|message| message.id.0).collect();
    let (mut attempts, mut events) = try_join!(attempts(client, &ids), events(client, &ids))?;
    for message in &mut messages {
        message.attempts = attempts.remove(&message.id.0).unwrap_or_default();
        message.events = events.remove(&message.id.0).unwrap_or_default();
    }
    Ok(messages)
}

async fn attempts(client: &Client, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<AttemptView>>, Error> {
    let mut read: HashMap<_, Vec<_>> = HashMap::new();
    for row in ATTEMPTS.rows(client, &[&ids]).await? {
        read.entry(row.get("id")).or_default().push(AttemptView {
            attempt: row.get("attempt"),
            slot: row.get("slot"),
            ended_at: row.get("ended_at"),
            post_ms: row.get("post_ms"),
            outcome: row.get("outcome"),
            http_status: row.get("http_status"),
            error: row.get("error"),
        });
    }
    Ok(read)
}

async fn events(client: &Client, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<EventView>>, Error> {
    let mut read: HashMap<_, Vec<_>> = HashMap::new();
    for row in EVENTS.rows(client, &[&ids]).await? {
        read.entry(row.get("id")).or_default().push(EventView {
            status: row.get("status"),
            at: row.get("at"),
            received_at: row.get("received_at"),
            attempt: row.get("attempt"),
            errors: row.get("errors"),
        });
    }
    Ok(read)
}

fn view(row: &Row) -> Result<MessageView, Error> {
    let (state, delivery) = codes(row)?;
    Ok(MessageView {
        id: MessageId(row.get("id")),
        from: row.get("sender"),
        to: row.get("recipient"),
        flow: row.get::<_, Option<Uuid>>("flow_id").map(FlowId),
        scheduled_at: row.get("scheduled_at"),
        expires_at: row.get("expires_at"),
        test: row.get("test"),
        state,
        delivery,
        reason: row.get::<_, Option<&str>>("reason").map(Reason::parse),
        flags: row.get::<_, Option<Vec<String>>>("flags").unwrap_or_default(),
        wamid: row.get("wamid"),
        changed_at: row.get("changed_at"),
        claimed_at: row.get("claimed_at"),
        content: row.get("content"),
        fallback: row
            .get::<_, Option<String>>("fallback_content")
            .map(|content| FallbackView {
                content,
                taken: row
                    .get::<_, Option<DateTime<Utc>>>("fell_back_at")
                    .zip(row.get::<_, Option<&str>>("fell_back_for").map(Reason::parse)),
            }),
        metadata: row.get("metadata"),
        attempts: Vec::new(),
        events: Vec::new(),
    })
}

/// The smallest id of an instant; the same as `uuid_floor` of the migrations.
pub(crate) fn floor(at: DateTime<Utc>) -> Uuid {
    let millis = u128::try_from(at.timestamp_millis()).unwrap_or(0);
    Uuid::from_u128(millis.min((1 << 48) - 1) << 80)
}

/// Every pair of state and delivery that the public knows by this word, as `state * 10 + delivery`.
fn pairs_of(status: PublicStatus, waits_for_its_time: bool) -> Vec<i32> {
    let mut pairs = Vec::new();
    for state in State::ALL {
        for delivery in Delivery::ALL {
            if PublicStatus::of(state, delivery, waits_for_its_time) == status {
                pairs.push(i32::from(state.code()) * 10 + i32::from(delivery.code()));
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_delivery_is_found_under_exactly_one_public_word() {
        for waits in [true, false] {
            let mut pairs: Vec<i32> = PublicStatus::ALL
                .into_iter()
                .flat_map(|status| pairs_of(status, waits))
                .collect();
            pairs.sort_unstable();
            let all = pairs.len();
            pairs.dedup();

            assert_eq!((all, pairs.len()), (54, 54));
        }
    }

    #[test]
    fn the_floor_of_an_instant_is_below_every_id_of_it() {
        let at = DateTime::from_timestamp_millis(1_750_000_000_123).unwrap();

        assert!(floor(at) < MessageId::new(at).0);
        assert!(MessageId::new(at).0 < floor(at + chrono::TimeDelta::milliseconds(1)));
        assert_eq!(floor(DateTime::from_timestamp(-5, 0).unwrap()), Uuid::nil());
    }
}
