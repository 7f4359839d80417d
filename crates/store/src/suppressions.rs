//! Whom an organization does not write to, by its own word.
//!
//! **Invariant:** the organization's word and the person's word are kept apart (`suppression.source`, `opt_choice`). START lifts only
//! what the person said; the organization lifts only what it said itself, unless it overrides the person knowingly.

use chrono::{DateTime, Utc};
use domain::{MessageId, OrganizationId, Recipient};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const PUT: Statement = statement!("suppressions/put", "suppressing people");
const KNOWN: Statement = statement!("suppressions/known", "counting suppressed people");
const BY_REFUSAL: Statement = statement!("suppressions/by_refusal", "suppressing people by Meta's word");
const ONE: Statement = statement!("suppressions/one", "looking whether a person is suppressed");
const PAGE: Statement = statement!("suppressions/page", "listing suppressed people");
const RETURN_TO_PERSON: Statement = statement!("suppressions/return_to_person", "giving a suppression back");
const LIFT: Statement = statement!("suppressions/lift", "lifting a suppression");
const OVERRIDE: Statement = statement!("suppressions/override", "overriding a suppression");

/// A person who is not written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// E.164, with the `+`.
    pub recipient: String,
    /// Whose word it is: `stop_word`, `user_preferences` or `meta_131050` of the person, `api` or `import` of the organization.
    pub source: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// They get no marketing, and everything else.
    pub marketing_only: bool,
}

/// How the organization said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// One person.
    Api,
    /// A list.
    Import,
}

impl Source {
    fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Import => "import",
        }
    }
}

impl Store {
    /// Suppresses people, for marketing only or for everything; all or none of them. Says how many could be written to before.
    pub async fn suppress(
        &self,
        organization: OrganizationId,
        people: &[Recipient],
        (source, marketing_only): (Source, bool),
        now: DateTime<Utc>,
    ) -> Result<u64, Error> {
        let client = self.client().await?;
        let people: Vec<&str> = people.iter().map(Recipient::as_str).collect();
        let rows = PUT
            .rows(
                &client,
                &[&organization.0, &people, &source.as_str(), &now, &marketing_only],
            )
            .await?;
        let new = rows.iter().filter(|row| row.get("is_new")).count();
        Ok(u64::try_from(new).unwrap_or(u64::MAX))
    }

    /// Keeps what Meta told by refusing these messages: their recipients want no marketing. Says how many are news.
    pub async fn suppress_by_refusal(&self, messages: &[MessageId]) -> Result<u64, Error> {
        let client = self.client().await?;
        let ids: Vec<Uuid> = messages.iter().map(|id| id.0).collect();
        BY_REFUSAL.run(&client, &[&ids]).await
    }

    /// How many of these people are suppressed; repeated ones count once.
    pub async fn count_suppressed(&self, organization: OrganizationId, people: &[Recipient]) -> Result<u64, Error> {
        let client = self.client().await?;
        let people: Vec<&str> = people.iter().map(Recipient::as_str).collect();
        let row = KNOWN.row(&client, &[&organization.0, &people]).await?;
        Ok(row.map_or(0, |row| row.get::<_, i64>("n").unsigned_abs()))
    }

    /// Whether a person is suppressed.
    pub async fn suppression(
        &self,
        organization: OrganizationId,
        person: &Recipient,
    ) -> Result<Option<Suppression>, Error> {
        let client = self.client().await?;
        let row = ONE.row(&client, &[&organization.0, &person.as_str()]).await?;
        Ok(row.as_ref().map(suppression))
    }

    /// Suppressed people by number, at most `limit`, behind `after`.
    pub async fn suppressions(
        &self,
        organization: OrganizationId,
        after: Option<&Recipient>,
        limit: u32,
    ) -> Result<Vec<Suppression>, Error> {
        let client = self.client().await?;
        let after = after.map(Recipient::as_str);
        let rows = PAGE
            .rows(&client, &[&organization.0, &after, &i64::from(limit)])
            .await?;
        Ok(rows.iter().map(suppression).collect())
    }

    /// Takes the organization's word back. What is still there afterwards is the person's own word.
    pub async fn lift_suppression(
        &self,
        organization: OrganizationId,
        person: &Recipient,
    ) -> Result<Option<Suppression>, Error> {
        let doing = "lifting a suppression";
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Error::while_doing(doing))?;
        let arguments: crate::statement::Arguments<'_> = &[&organization.0, &person.as_str()];
        RETURN_TO_PERSON.run(&transaction, arguments).await?;
        LIFT.run(&transaction, arguments).await?;
        let left = ONE.row(&transaction, arguments).await?;
        transaction.commit().await.map_err(Error::while_doing(doing))?;
        Ok(left.as_ref().map(suppression))
    }

    /// Lifts a suppression whoever's word it is.
    pub async fn override_suppression(&self, organization: OrganizationId, person: &Recipient) -> Result<(), Error> {
        let client = self.client().await?;
        OVERRIDE.run(&client, &[&organization.0, &person.as_str()]).await?;
        Ok(())
    }
}

fn suppression(row: &Row) -> Suppression {
    Suppression {
        recipient: row.get("recipient"),
        source: row.get("source"),
        created_at: row.get("created_at"),
        marketing_only: row.get("marketing_only"),
    }
}
