//! Batches of organizations whose messages are counted: under quotas, and for what the fraud guard and the frequency cap look back on.
//!
//! **Invariant:** a quota is counted in the transaction that keeps the messages, under a lock that is held from before the decision to
//! the commit, and only what was kept is counted. So the count is exact, whoever else is at it.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::GenericClient;
use domain::rules::quota::{Period, Used};
use domain::{MessageId, OrganizationId, Reason};
use uuid::Uuid;

use super::insert::{Taken, insert};
use super::{Batch, Intake, NewMessage, Start};
use crate::Error;
use crate::statement::{Statement, statement};

const LOCK_QUOTA: Statement = statement!("intake/lock_quota", "locking the counts under quotas");
const COUNT_QUOTA: Statement = statement!("intake/count_quota", "counting messages under quotas");
const REMEMBER: Statement = statement!("intake/remember", "remembering what policies look back on");
const REASONS: Statement = statement!("intake/reasons", "looking up messages that were kept before");

/// What is to be remembered of a message that is accepted; nothing where no policy looks back on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Footprint {
    /// It goes to somebody new.
    pub new_recipient: bool,
    /// The fingerprint of what it says.
    pub content: Option<i64>,
    /// It takes a place under the frequency cap.
    pub place: bool,
}

impl Footprint {
    fn is_none(self) -> bool {
        self == Self::default()
    }
}

impl Intake {
    /// Keeps a batch. Returns the idempotency keys that somebody else took meanwhile: what belongs to those was not kept.
    ///
    /// One statement, where nothing is to be remembered.
    pub async fn insert(&mut self, batch: &Batch, now: DateTime<Utc>) -> Result<Taken, Error> {
        if accepted(batch, &Taken::new()).all(|message| message.footprint.is_none()) {
            return insert(&self.client, batch, now).await;
        }
        let doing = "keeping a batch with what is remembered of it";
        let transaction = self.client.transaction().await.map_err(Error::while_doing(doing))?;
        let taken = insert(&transaction, batch, now).await?;
        remember(&transaction, batch, &taken, now).await?;
        transaction.commit().await.map_err(Error::while_doing(doing))?;
        Ok(taken)
    }

    /// Keeps a batch under the quotas of some organizations, which nobody else draws on meanwhile: `decide` gets what each has used
    /// and says what to keep. Of those organizations, every accepted message that is kept is counted.
    pub async fn insert_within(
        &mut self,
        organizations: &[OrganizationId],
        now: DateTime<Utc>,
        decide: impl FnOnce(&HashMap<OrganizationId, Used>) -> Batch + Send,
    ) -> Result<Taken, Error> {
        let doing = "keeping a batch under quotas";
        let transaction = self.client.transaction().await.map_err(Error::while_doing(doing))?;
        let used = lock_quota(&transaction, organizations, now).await?;
        let batch = decide(&used);
        let taken = insert(&transaction, &batch, now).await?;
        count_quota(&transaction, organizations, &batch, &taken, now).await?;
        remember(&transaction, &batch, &taken, now).await?;
        transaction.commit().await.map_err(Error::while_doing(doing))?;
        Ok(taken)
    }

    /// Of these messages, those that are kept, with the reason of each: what became of a batch whose commit was in doubt.
    pub async fn reasons(&self, ids: &[MessageId]) -> Result<HashMap<MessageId, Option<Reason>>, Error> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let rows = REASONS.rows(&self.client, &[&ids]).await?;
        let read = rows.iter().map(|row| {
            let reason: Option<&str> = row.get("reason");
            (MessageId(row.get("id")), reason.map(Reason::parse))
        });
        Ok(read.collect())
    }
}

/// What was accepted and kept.
fn accepted<'b>(batch: &'b Batch, taken: &'b Taken) -> impl Iterator<Item = &'b NewMessage> {
    let taken: HashSet<_> = taken
        .iter()
        .map(|(organization, key)| (*organization, key.as_str()))
        .collect();
    batch.messages.iter().filter(move |message| {
        let key = message.key.as_deref();
        !matches!(message.start, Start::Refused(_))
            && !key.is_some_and(|key| taken.contains(&(message.organization, key)))
    })
}

/// Every period of each organization, column by column.
fn periods(organizations: &[OrganizationId], now: DateTime<Utc>) -> (Vec<i64>, Vec<&'static str>, Vec<NaiveDate>) {
    let (mut whose, mut words, mut days) = (Vec::new(), Vec::new(), Vec::new());
    for organization in organizations {
        for period in Period::ALL {
            whose.push(organization.0);
            words.push(period.as_str());
            days.push(period.first_day(now));
        }
    }
    (whose, words, days)
}

/// What these organizations have used of their quotas, which nobody else draws on before the commit.
pub(crate) async fn lock_quota(
    client: &impl GenericClient,
    organizations: &[OrganizationId],
    now: DateTime<Utc>,
) -> Result<HashMap<OrganizationId, Used>, Error> {
    let (whose, words, days) = periods(organizations, now);
    let mut used: HashMap<_, Used> = HashMap::new();
    for row in LOCK_QUOTA.rows(client, &[&whose, &words, &days]).await? {
        let counts = used.entry(OrganizationId(row.get("organization_id"))).or_default();
        let accepted: i64 = row.get("accepted");
        let accepted = u64::try_from(accepted).unwrap_or(0);
        if row.get::<_, &str>("period") == Period::Day.as_str() {
            counts.day = accepted;
        } else {
            counts.month = accepted;
        }
    }
    Ok(used)
}

/// Counts what was accepted and kept.
pub(crate) async fn count_quota(
    client: &impl GenericClient,
    organizations: &[OrganizationId],
    batch: &Batch,
    taken: &Taken,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let mut messages: HashMap<i64, i64> = HashMap::new();
    for message in accepted(batch, taken).filter(|message| !message.test) {
        *messages.entry(message.organization.0).or_default() += 1;
    }
    let (whose, words, days) = periods(organizations, now);
    let counts: Vec<i64> = whose.iter().map(|id| messages.get(id).copied().unwrap_or(0)).collect();
    if counts.iter().any(|count| *count > 0) {
        COUNT_QUOTA.run(client, &[&whose, &words, &days, &counts]).await?;
    }
    Ok(())
}

async fn remember(client: &impl GenericClient, batch: &Batch, taken: &Taken, now: DateTime<Utc>) -> Result<(), Error> {
    let (mut new_recipients, mut contents) = (BTreeMap::<i64, i32>::new(), BTreeMap::<(i64, i64), i32>::new());
    let (mut owners, mut people, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for message in accepted(batch, taken) {
        let (organization, footprint) = (message.organization.0, message.footprint);
        if footprint.new_recipient {
            *new_recipients.entry(organization).or_default() += 1;
        }
        if let Some(content) = footprint.content {
            *contents.entry((organization, content)).or_default() += 1;
        }
        if footprint.place {
            owners.push(organization);
            people.push(message.recipient.as_str());
            ids.push(message.id.0);
        }
    }
    if new_recipients.is_empty() && contents.is_empty() && ids.is_empty() {
        return Ok(());
    }
    let (whose, new_recipients): (Vec<i64>, Vec<i32>) = new_recipients.into_iter().unzip();
    let (sayers, said): (Vec<i64>, Vec<i64>) = contents.keys().copied().unzip();
    let times: Vec<i32> = contents.into_values().collect();
    REMEMBER
        .run(
            client,
            &[
                &now,
                &whose,
                &new_recipients,
                &sayers,
                &said,
                &times,
                &owners,
                &people,
                &ids,
            ],
        )
        .await?;
    Ok(())
}
