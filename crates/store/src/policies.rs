//! Policies of organizations: what they declared, what the rules look at, and the places under a frequency cap.
//!
//! **Invariant:** nobody pays for what is not configured. Whether an organization has policies, and which revision of them, comes along
//! with its numbers and its messages; only then is anything here asked.

mod facts;
mod known;

use deadpool_postgres::{GenericClient, Transaction};
use domain::policy::Policies;
use domain::rules::frequency_cap::FrequencyCap;
use domain::{MessageId, OrganizationId, Recipient};
use serde_json::Value;
use uuid::Uuid;

use crate::statement::{Statement, statement};
use crate::tenancy::Change;
use crate::{Error, Store};

pub(crate) use facts::{PlaceQuestion, places, zones};
pub use known::KnownPolicies;

const OF: Statement = statement!("policies/of", "reading policies");
const DECLARE: Statement = statement!("policies/declare", "declaring policies");
const WITHDRAW: Statement = statement!("policies/withdraw", "withdrawing policies");
const SET_ZONE: Statement = statement!("policies/set_zone", "keeping a recipient's zone");
const FORGET_ZONE: Statement = statement!("policies/forget_zone", "forgetting a recipient's zone");
const TAKE_FREQUENCY: Statement = statement!("policies/take_frequency", "taking places under a frequency cap");

/// The policies of an organization, in one revision.
#[derive(Debug)]
struct Revision {
    organization: OrganizationId,
    number: i64,
    /// An error when a newer version wrote what this one does not know.
    policies: Result<Policies, serde_json::Error>,
}

impl Store {
    /// Takes the places of messages that are about to go under their organizations' frequency caps; returns those that found none.
    /// Again for the same message renews its place. Messages must not repeat.
    pub async fn take_frequency(&self, asked: &[(MessageId, FrequencyCap)]) -> Result<Vec<MessageId>, Error> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let signed = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let ids: Vec<Uuid> = asked.iter().map(|(id, _)| id.0).collect();
        let max: Vec<i32> = asked.iter().map(|(_, cap)| signed(cap.max)).collect();
        let hours: Vec<i32> = asked.iter().map(|(_, cap)| signed(cap.hours)).collect();
        let client = self.client().await?;
        let rows = TAKE_FREQUENCY.rows(&client, &[&ids, &max, &hours]).await?;
        Ok(rows.iter().map(|row| MessageId(row.get("id"))).collect())
    }

    /// Keeps where a recipient lives, by the name of a zone, or goes back to what the number says.
    pub async fn set_zone(
        &self,
        organization: OrganizationId,
        recipient: &Recipient,
        zone: Option<&str>,
    ) -> Result<(), Error> {
        let client = self.client().await?;
        let (organization, recipient) = (organization.0, recipient.as_str());
        match zone {
            Some(zone) => SET_ZONE.run(&client, &[&organization, &recipient, &zone]).await?,
            None => FORGET_ZONE.run(&client, &[&organization, &recipient]).await?,
        };
        Ok(())
    }
}

/// Brings the policies of an organization to what is declared, and says what changed; `None` where there are none and were none.
pub(crate) async fn declare(
    tx: &Transaction<'_>,
    organization: i64,
    declared: &Policies,
) -> Result<Option<Change>, Error> {
    if declared.is_empty() {
        let withdrawn = WITHDRAW.run(tx, &[&organization]).await?;
        return Ok((withdrawn > 0).then_some(Change::Updated));
    }
    let rules = serde_json::to_value(declared).expect("policies hold numbers, texts and lists only");
    let row = DECLARE.row(tx, &[&organization, &rules]).await?;
    Ok(Some(match row.map(|row| row.get("created")) {
        None => Change::Unchanged,
        Some(true) => Change::Created,
        Some(false) => Change::Updated,
    }))
}

async fn read(client: &impl GenericClient, organizations: &[i64]) -> Result<Vec<Revision>, Error> {
    let rows = OF.rows(client, &[&organizations]).await?;
    let revision = |row: &tokio_postgres::Row| {
        let rules: Value = row.get("rules");
        Revision {
            organization: OrganizationId(row.get("organization_id")),
            number: row.get("revision"),
            policies: serde_json::from_value(rules),
        }
    };
    Ok(rows.iter().map(revision).collect())
}
