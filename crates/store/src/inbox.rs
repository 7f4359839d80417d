//! The durable inbox of webhooks: bodies come in as they are, and are applied apart in a transaction of their own.
//!
//! **Invariant:** a body is marked applied in the transaction that applied it, so it is applied once by whoever commits first, and
//! none is lost with a process.

use chrono::{DateTime, Utc};
use deadpool_postgres::Client;
use serde::Serialize;
use tokio_postgres::Row;

use crate::receipts::Application;
use crate::statement::statement;
use crate::{Error, Store};

/// A body that was not applied yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Its row.
    pub id: i64,
    /// When Meta handed it over.
    pub received_at: DateTime<Utc>,
    /// The bytes as they came.
    pub raw: Vec<u8>,
}

/// An element of a body that could not be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetAside {
    /// Its place among the updates of the body, from 0.
    pub element: usize,
    /// What is wrong with it; holds nothing of what it says.
    pub reason: String,
    /// The element as it came, where it is at hand; else it is in the body.
    pub raw: Option<String>,
}

/// What became of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Its row.
    pub id: i64,
    /// Elements that could not be applied.
    pub set_aside: Vec<SetAside>,
}

/// A connection that applies webhooks, one transaction after the other.
#[derive(Debug)]
pub struct Applier(Client);

impl Store {
    /// Keeps bodies, in one commit for all. When this returns well, none of them can be lost any more.
    pub async fn keep_webhooks(&self, received_at: DateTime<Utc>, bodies: &[&[u8]]) -> Result<(), Error> {
        let client = self.client().await?;
        statement!("inbox/keep", "keeping webhooks")
            .run(&client, &[&vec![received_at; bodies.len()], &bodies])
            .await?;
        Ok(())
    }

    /// A connection for applying webhooks.
    pub async fn applier(&self) -> Result<Applier, Error> {
        Ok(Applier(self.client().await?))
    }
}

impl Applier {
    /// Begins a transaction. Dropped without [`Application::commit`], it changes nothing.
    pub async fn begin(&mut self) -> Result<Application<'_>, Error> {
        Application::begin(&mut self.0).await
    }
}

impl Application<'_> {
    /// The oldest bodies that nobody else has in hand: up to `bodies` of them, and no further once `bytes` are reached. They are
    /// ours until the transaction ends.
    pub async fn take(&self, bodies: i64, bytes: i64) -> Result<Vec<Body>, Error> {
        let rows = statement!("inbox/take", "taking webhooks out of the inbox")
            .rows(self.tx(), &[&bodies, &bytes])
            .await?;
        Ok(rows.iter().map(body).collect())
    }

    /// This body, unless it was applied meanwhile or somebody else has it in hand.
    pub async fn take_one(&self, id: i64) -> Result<Option<Body>, Error> {
        let row = statement!("inbox/take_one", "taking a webhook out of the inbox")
            .row(self.tx(), &[&id])
            .await?;
        Ok(row.as_ref().map(body))
    }

    /// Marks bodies as applied, with what had to be left out.
    pub async fn mark_applied(&self, now: DateTime<Utc>, done: &[Done]) -> Result<(), Error> {
        let ids: Vec<i64> = done.iter().map(|body| body.id).collect();
        let set_aside: Vec<Option<String>> = done.iter().map(|body| as_json(&body.set_aside)).collect();
        statement!("inbox/mark_applied", "marking webhooks as applied")
            .run(self.tx(), &[&now, &ids, &set_aside])
            .await?;
        Ok(())
    }
}

fn body(row: &Row) -> Body {
    Body {
        id: row.get("id"),
        received_at: row.get("received_at"),
        raw: row.get("body"),
    }
}

fn as_json(set_aside: &[SetAside]) -> Option<String> {
    (!set_aside.is_empty()).then(|| serde_json::to_string(set_aside).expect("texts and numbers always become JSON"))
}
