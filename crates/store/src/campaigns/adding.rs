//! Adding recipients: one transaction per chunk, any number of lines in it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use deadpool_postgres::{Client, Transaction};
use domain::{CampaignId, NumberId, OrganizationId, Recipient};

use super::{Campaign, lock, parts, signed};
use crate::policies::zones;
use crate::statement::{Statement, statement};
use crate::{Error, Store};

const PUT_PART: Statement = statement!("campaigns/put_part", "making a part of a campaign");
const ADD: Statement = statement!("campaigns/add_recipients", "adding recipients to a campaign");
const COUNT_ADDED: Statement = statement!("campaigns/count_added", "counting the recipients of a campaign");
const CHUNK: Statement = statement!("campaigns/chunk", "looking for a chunk of recipients");
const KEEP_CHUNK: Statement = statement!("campaigns/keep_chunk", "keeping the key of a chunk of recipients");

/// The caller sends the lines at their own pace, and nobody but them waits for this transaction.
const PATIENCE: &str = "SET LOCAL idle_in_transaction_session_timeout = '60s'";

/// A connection that adds recipients, one chunk after the other.
#[derive(Debug)]
pub struct Adding(Client);

/// A chunk that is being added. Dropped without [`finish`](Self::finish), nothing of it is.
#[derive(Debug)]
pub struct Chunk<'a> {
    tx: Transaction<'a>,
    /// The campaign, as it was before.
    pub campaign: Campaign,
    /// What was answered to a chunk of this key before.
    pub earlier: Option<Earlier>,
    parts: HashMap<(NumberId, Option<String>), i16>,
    added: u32,
    lines: u32,
}

/// An answer that was given before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Of the chunk that it was given to.
    pub hash: Vec<u8>,
    /// JSON.
    pub answer: String,
}

/// A recipient to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// To whom.
    pub to: Recipient,
    /// From which number.
    pub number: NumberId,
    /// Where they live, where that decides when they are written to.
    pub zone: Option<String>,
    /// JSON: their own parameters.
    pub params: Option<String>,
    /// JSON: the caller's own.
    pub metadata: Option<String>,
}

/// What a chunk added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// New in the campaign.
    pub added: u32,
    /// There already, or twice in the chunk.
    pub duplicates: u32,
}

impl Store {
    /// A connection for adding recipients.
    pub async fn adding(&self) -> Result<Adding, Error> {
        Ok(Adding(self.client().await?))
    }
}

impl Adding {
    /// Begins a chunk. The campaign stays locked to its end. `None` when there is no such campaign.
    pub async fn chunk(
        &mut self,
        organization: OrganizationId,
        id: CampaignId,
        key: Option<&str>,
    ) -> Result<Option<Chunk<'_>>, Error> {
        let doing = "beginning a chunk of recipients";
        let tx = self.0.transaction().await.map_err(Error::while_doing(doing))?;
        tx.batch_execute(PATIENCE).await.map_err(Error::while_doing(doing))?;
        let Some(campaign) = lock(&tx, organization, id).await? else {
            return Ok(None);
        };
        let earlier = match key {
            None => None,
            Some(key) => CHUNK.row(&tx, &[&id.0, &key]).await?,
        };
        let earlier = earlier.map(|row| Earlier {
            hash: row.get("hash"),
            answer: row.get("answer"),
        });
        let known = parts(&tx, id).await?;
        Ok(Some(Chunk {
            tx,
            campaign,
            earlier,
            parts: known
                .into_iter()
                .map(|part| ((part.number, part.zone), part.part))
                .collect(),
            added: 0,
            lines: 0,
        }))
    }
}

impl Chunk<'_> {
    /// Where these people live, as far as the organization said so.
    pub async fn zones(&self, people: &[Recipient]) -> Result<HashMap<String, String>, Error> {
        let organization = self.campaign.organization;
        let asked = people.iter().map(|person| (organization, person.as_str()));
        let asked: Vec<_> = asked.collect();
        let found = zones(&self.tx, &asked).await?;
        Ok(found.into_iter().map(|((_, person), zone)| (person, zone)).collect())
    }

    /// How many the campaign has with what was added so far.
    pub fn audience(&self) -> u32 {
        self.campaign.audience + self.added
    }

    /// Adds lines, each at the end of its part.
    pub async fn add(&mut self, lines: &[Line]) -> Result<(), Error> {
        let (mut people, mut places) = (Vec::new(), Vec::new());
        let (mut params, mut metadata) = (Vec::new(), Vec::new());
        for line in lines {
            places.push(self.part(line).await?);
            people.push(line.to.as_str());
            params.push(line.params.as_deref());
            metadata.push(line.metadata.as_deref());
        }
        let id = self.campaign.id.0;
        let rows = ADD.rows(&self.tx, &[&id, &people, &places, &params, &metadata]).await?;
        let added: i32 = rows.iter().map(|row| row.get::<_, i32>("n")).sum();
        self.added += u32::try_from(added).unwrap_or(0);
        self.lines += u32::try_from(lines.len()).unwrap_or(0);
        Ok(())
    }

    async fn part(&mut self, line: &Line) -> Result<i16, Error> {
        let key = (line.number, line.zone.clone());
        if let Some(part) = self.parts.get(&key) {
            return Ok(*part);
        }
        let part = i16::try_from(self.parts.len()).unwrap_or(i16::MAX);
        PUT_PART
            .run(&self.tx, &[&self.campaign.id.0, &part, &line.number.0, &line.zone])
            .await?;
        self.parts.insert(key, part);
        Ok(part)
    }

    /// What was added so far.
    pub fn counts(&self) -> Counts {
        Counts {
            added: self.added,
            duplicates: self.lines - self.added,
        }
    }

    /// Keeps what was added, and the answer to it under the chunk's key.
    pub async fn finish(
        self,
        invalid: u32,
        key: Option<(&str, &[u8])>,
        answer: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let counts = self.counts();
        let (added, duplicates) = (signed(counts.added), signed(counts.duplicates));
        let id = self.campaign.id.0;
        COUNT_ADDED
            .run(&self.tx, &[&id, &added, &duplicates, &signed(invalid)])
            .await?;
        if let Some((key, hash)) = key {
            KEEP_CHUNK.run(&self.tx, &[&id, &key, &hash, &answer, &now]).await?;
        }
        let committed = self.tx.commit().await;
        committed.map_err(Error::while_doing("keeping a chunk of recipients"))
    }
}
