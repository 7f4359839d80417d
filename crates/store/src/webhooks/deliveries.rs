//! Deliveries: left by the cursor, claimed, attempted by somebody else, recorded.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::event::{Data, Details, Event};
use domain::webhook::{Disabled, PROBE_AFTER, Secret, Standing};
use domain::{EndpointId, FlowId, MessageId};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{current_secret, open};
use crate::statement::{Statement, statement};
use crate::{Error, Store, Vault};

const FAN_OUT: Statement = statement!("webhooks/fan_out", "finding who wants to hear of events");
const CLAIM: Statement = statement!("webhooks/claim", "taking webhook deliveries");
const PARCELS: Statement = statement!("webhooks/parcels", "reading what to deliver");
const LOCK_STANDINGS: Statement = statement!("webhooks/lock_standings", "locking webhook endpoints");
const RECORD: Statement = statement!("webhooks/record", "recording webhook deliveries");
const SET_STANDINGS: Statement = statement!("webhooks/set_standings", "recording how webhook endpoints do");

/// What a look through new events left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FannedOut {
    /// Deliveries.
    pub deliveries: i64,
    /// There is more to look through.
    pub full: bool,
}

/// One attempt of one delivery, claimed.
#[derive(Debug, Clone, PartialEq)]
pub struct Parcel {
    /// To whom.
    pub endpoint: EndpointId,
    /// The event's number.
    pub sequence: i64,
    /// Which attempt, from 1.
    pub attempt: i32,
    /// Where to.
    pub url: String,
    /// Every secret that is valid now, the newest first.
    pub secrets: Vec<Secret>,
    /// When the delivery came to be.
    pub since: DateTime<Utc>,
    /// What to tell; `None` when retention took the event.
    pub told: Option<Told>,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The event's id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Its body.
    pub body: Vec<u8>,
    /// The trace of its message.
    pub traceparent: Option<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Of which endpoint.
    pub endpoint: EndpointId,
    /// Of which delivery.
    pub sequence: i64,
    /// Which attempt.
    pub attempt: i32,
    /// Whether the receiver has it.
    pub delivered: bool,
    /// When to try again; `None` when it is over.
    pub again_at: Option<DateTime<Utc>>,
    /// The receiver wants no more of anything.
    pub gone: bool,
    /// What the receiver answered.
    pub http_status: Option<u16>,
    /// Milliseconds.
    pub took_ms: i32,
    /// Why not, in words.
    pub error: Option<String>,
}

impl Store {
    /// Looks through new events, at most `rows` rows of each organization, and leaves a delivery per endpoint that wants one.
    pub async fn fan_out(&self, rows: i32) -> Result<FannedOut, Error> {
        let client = self.client().await?;
        let row = FAN_OUT.row(&client, &[&rows]).await?;
        Ok(row.map_or_else(FannedOut::default, |row| FannedOut {
            deliveries: row.get("deliveries"),
            full: row.get("full"),
        }))
    }

    /// Takes at most `limit` deliveries whose time has come. Who takes them is believed to be alive for `lease`; after that others may
    /// take them, so a receiver may hear of an event twice.
    pub async fn claim_deliveries(&self, lease: Duration, limit: i32) -> Result<Vec<Parcel>, Error> {
        let client = self.client().await?;
        let lease = format!("{} ms", lease.as_millis());
        let probe_after = i32::try_from(PROBE_AFTER).unwrap_or(i32::MAX);
        let claimed = CLAIM.rows(&client, &[&lease, &limit, &probe_after]).await?;
        if claimed.is_empty() {
            return Ok(Vec::new());
        }
        let endpoints: Vec<Uuid> = claimed.iter().map(|row| row.get("endpoint_id")).collect();
        let sequences: Vec<i64> = claimed.iter().map(|row| row.get("sequence")).collect();
        let attempts: Vec<i32> = claimed.iter().map(|row| row.get("attempts")).collect();
        let rows = PARCELS.rows(&client, &[&endpoints, &sequences, &attempts]).await?;
        rows.iter().map(|row| parcel(self.vault(), row)).collect()
    }

    /// Records how attempts ended, and what that means for their endpoints; says which were disabled by it.
    pub async fn record_deliveries(
        &self,
        outcomes: &[Outcome],
        jitter: f64,
        now: DateTime<Utc>,
    ) -> Result<Vec<(EndpointId, Disabled)>, Error> {
        let mut client = self.client().await?;
        let transaction = client
            .transaction()
            .await
            .map_err(Error::while_doing("beginning to record webhook deliveries"))?;
        let mut ids: Vec<Uuid> = outcomes.iter().map(|outcome| outcome.endpoint.0).collect();
        ids.sort_unstable();
        ids.dedup();
        // Endpoints first, as everywhere.
        let locked = LOCK_STANDINGS.rows(&transaction, &[&ids]).await?;
        let mut standings: BTreeMap<Uuid, (Standing, Standing, Option<Disabled>)> = locked
            .iter()
            .map(|row| {
                let failures: i32 = row.get("failures");
                let standing = Standing {
                    failures: u32::try_from(failures).unwrap_or(0),
                    failing_since: row.get("failing_since"),
                    rests_until: None,
                };
                (row.get("id"), (standing, standing, None))
            })
            .collect();
        for outcome in outcomes {
            if let Some((_, standing, disabled)) = standings.get_mut(&outcome.endpoint.0) {
                *standing = if outcome.delivered {
                    standing.after_success()
                } else {
                    standing.after_failure(jitter, now)
                };
                if outcome.gone {
                    *disabled = Some(Disabled::Gone);
                } else if !outcome.delivered && standing.is_hopeless(now) {
                    *disabled = Some(Disabled::Failing);
                }
            }
        }
        record(&transaction, outcomes, now).await?;
        standings.retain(|_, (before, after, disabled)| before != after || disabled.is_some());
        if !standings.is_empty() {
            let failures: Vec<i32> = standings
                .values()
                .map(|(_, after, _)| i32::try_from(after.failures).unwrap_or(i32::MAX))
                .collect();
            let since: Vec<_> = standings.values().map(|(_, after, _)| after.failing_since).collect();
            let rests: Vec<_> = standings.values().map(|(_, after, _)| after.rests_until).collect();
            let disabled: Vec<_> = standings
                .values()
                .map(|(_, _, why)| why.map(Disabled::as_str))
                .collect();
            let ids: Vec<Uuid> = standings.keys().copied().collect();
            SET_STANDINGS
                .run(&transaction, &[&ids, &failures, &since, &rests, &disabled])
                .await?;
        }
        transaction
            .commit()
            .await
            .map_err(Error::while_doing("recording webhook deliveries"))?;
        let disabled = standings
            .into_iter()
            .filter_map(|(id, (_, _, why))| Some((EndpointId(id), why?)));
        Ok(disabled.collect())
    }
}

async fn record(
    client: &impl deadpool_postgres::GenericClient,
    outcomes: &[Outcome],
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let endpoints: Vec<Uuid> = outcomes.iter().map(|outcome| outcome.endpoint.0).collect();
    let sequences: Vec<i64> = outcomes.iter().map(|outcome| outcome.sequence).collect();
    let attempts: Vec<i32> = outcomes.iter().map(|outcome| outcome.attempt).collect();
    let state = |outcome: &Outcome| match (outcome.delivered, outcome.again_at) {
        (true, _) => 3_i16,
        (false, Some(_)) => 1,
        (false, None) => 4,
    };
    let states: Vec<i16> = outcomes.iter().map(state).collect();
    let again: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.again_at.filter(|_| !outcome.delivered))
        .collect();
    let statuses: Vec<Option<i16>> = outcomes
        .iter()
        .map(|outcome| outcome.http_status.and_then(|status| i16::try_from(status).ok()))
        .collect();
    let took: Vec<i32> = outcomes.iter().map(|outcome| outcome.took_ms).collect();
    let errors: Vec<_> = outcomes.iter().map(|outcome| outcome.error.as_deref()).collect();
    RECORD
        .run(
            client,
            &[
                &endpoints, &sequences, &attempts, &states, &again, &statuses, &took, &errors, &now,
            ],
        )
        .await
}

fn parcel(vault: &Vault, row: &Row) -> Result<Parcel, Error> {
    let endpoint = EndpointId(row.get("endpoint_id"));
    let mut secrets = vec![current_secret(vault, endpoint, row.get("secret"))?];
    if let Some(old) = row.get::<_, Option<Vec<u8>>>("old_secret") {
        secrets.push(open(vault, endpoint, &old)?);
    }
    Ok(Parcel {
        endpoint,
        sequence: row.get("sequence"),
        attempt: row.get("attempts"),
        url: row.get("url"),
        secrets,
        since: row.get("created_at"),
        told: told(row),
    })
}

fn told(row: &Row) -> Option<Told> {
    let kind: String = row.get::<_, Option<_>>("kind")?;
    let (slug, sequence, at): (String, i64, DateTime<Utc>) = (row.get("slug"), row.get("sequence"), row.get("at"));
    let (other, reason, metadata): (Option<Value>, Option<String>, Option<Value>) =
        (row.get("data"), row.get("reason"), row.get("metadata"));
    let (to, from): (Option<String>, Option<String>) = (row.get("recipient"), row.get("phone"));
    let metadata = metadata.unwrap_or(Value::Null);
    let data = match (&other, row.get::<_, Option<Uuid>>("message_id")) {
        (Some(other), _) => Data::Other(other),
        (None, message) => {
            let flow = row.get::<_, Option<Uuid>>("flow_id").map(FlowId);
            // A message that retention took is still told of, by its id.
            let details = to.as_deref().zip(from.as_deref()).map(|(to, from)| Details {
                to,
                from,
                metadata: &metadata,
            });
            Data::message(&kind, MessageId(message?), reason.as_deref(), flow, details)
        }
    };
    let event = Event::new(&slug, sequence, &kind, at, data);
    let (id, body) = (event.id.clone(), event.encode());
    let traceparent = row.get("traceparent");
    Some(Told {
        id,
        kind,
        body,
        traceparent,
    })
}
