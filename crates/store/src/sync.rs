//! Comparing accounts with Meta: who is at it, what Meta lists, what is different from what was known.
//!
//! **Invariants.** One process compares an account at a time, under a lease. What a webhook told after a listing began is newer than the
//! listing. The file that an operator applied counts for a number's throughput and the messaging limit until Meta's own word *changes*.

use chrono::{DateTime, Utc};
use domain::{OrganizationId, TemplateId, WabaId};
use secrecy::SecretString;
use serde_json::Value;

use crate::statement::{Statement, statement};
use crate::tenancy::token_place;
use crate::{Error, Store};

const CLAIM: Statement = statement!("sync/claim", "looking for an account to compare with Meta");
const DONE: Statement = statement!("sync/done", "recording that an account was compared");
const WANT: Statement = statement!("sync/want", "asking for accounts to be compared");
const TEMPLATES: Statement = statement!("sync/templates", "writing down the templates of an account");
const GONE: Statement = statement!("sync/gone", "writing down which templates are gone");
const NUMBERS: Statement = statement!("sync/numbers", "writing down the numbers of an account");
const THROUGHPUT: Statement = statement!("sync/throughput", "setting the throughput of a number");

/// An account that is to be compared.
#[derive(Debug)]
pub struct DueAccount {
    /// Its row.
    pub id: WabaId,
    /// Meta's id.
    pub waba: String,
    /// Its access token; an error when it was sealed with another secret key.
    pub token: Result<SecretString, Error>,
    /// When the comparison began, by the ledger's clock.
    pub begun_at: DateTime<Utc>,
}

/// A template as Meta lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedTemplate {
    /// Meta's id.
    pub meta_id: String,
    /// Its name.
    pub name: String,
    /// As in `en_US`.
    pub language: String,
    /// Code of [`domain::Category`].
    pub category: i16,
    /// Meta's word.
    pub status: String,
    /// Meta's word.
    pub parameter_format: String,
    /// As in Meta's API.
    pub components: Value,
    /// Meta's word.
    pub quality: Option<String>,
    /// Meta's word.
    pub rejected_reason: Option<String>,
}

/// A number as Meta lists it, in Meta's words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "Meta's names and Meta's words")]
pub struct ListedNumber {
    pub phone_number_id: String,
    pub status: Option<String>,
    pub verified_name: Option<String>,
    pub quality: Option<String>,
    pub name_status: Option<String>,
    pub account_mode: Option<String>,
    pub throughput_level: Option<String>,
    pub messaging_limit: Option<String>,
}

/// What Meta says of a number that is declared, before and now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberChange {
    /// Meta's id.
    pub phone_number_id: String,
    /// E.164.
    pub phone: String,
    /// It is connected, and it or its name was something else before.
    pub is_better: bool,
    /// The level of throughput: as it was known, and as it is.
    pub level: (Option<String>, Option<String>),
    /// The messaging limit: as it was known, and as it is.
    pub limit: (Option<String>, Option<String>),
}

/// What became of the templates of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateChanges {
    /// Listed.
    pub listed: Vec<TemplateId>,
    /// How many of these are new.
    pub created: usize,
    /// Not listed any more.
    pub gone: Vec<TemplateId>,
}

impl Store {
    /// Takes the account whose comparison is due most, for `lease_seconds`; compared ones are due again after `every_seconds`, and at
    /// once when somebody asks.
    pub async fn take_due_account(&self, every_seconds: f64, lease_seconds: f64) -> Result<Option<DueAccount>, Error> {
        let client = self.client().await?;
        let row = CLAIM.row(&client, &[&every_seconds, &lease_seconds]).await?;
        Ok(row.map(|row| {
            let waba: String = row.get("meta_id");
            DueAccount {
                id: WabaId(row.get("id")),
                token: self.vault().open(&token_place(&waba), row.get("access_token")),
                begun_at: row.get("begun_at"),
                waba,
            }
        }))
    }

    /// Records how a comparison ended; after a failure it is tried again in `retry_seconds`.
    pub async fn account_compared(
        &self,
        account: &DueAccount,
        failure: Option<&str>,
        retry_seconds: f64,
    ) -> Result<(), Error> {
        let client = self.client().await?;
        DONE.run(&client, &[&account.id.0, &account.begun_at, &failure, &retry_seconds])
            .await?;
        Ok(())
    }

    /// Asks for all accounts of an organization to be compared at once. Returns Meta's ids of them.
    pub async fn want_accounts_compared(&self, organization: OrganizationId) -> Result<Vec<String>, Error> {
        let client = self.client().await?;
        let rows = WANT.rows(&client, &[&organization.0]).await?;
        Ok(rows.iter().map(|row| row.get("meta_id")).collect())
    }

    /// Writes down all templates of an account, as listed since `begun_at`.
    pub async fn keep_templates(
        &self,
        waba: WabaId,
        begun_at: DateTime<Utc>,
        listed: &[ListedTemplate],
    ) -> Result<TemplateChanges, Error> {
        let client = self.client().await?;
        let texts = |of: fn(&ListedTemplate) -> &str| listed.iter().map(of).collect::<Vec<&str>>();
        let categories: Vec<i16> = listed.iter().map(|template| template.category).collect();
        let components: Vec<&Value> = listed.iter().map(|template| &template.components).collect();
        let qualities: Vec<Option<&str>> = listed.iter().map(|template| template.quality.as_deref()).collect();
        let reasons: Vec<Option<&str>> = listed
            .iter()
            .map(|template| template.rejected_reason.as_deref())
            .collect();
        let rows = TEMPLATES
            .rows(
                &client,
                &[
                    &waba.0,
                    &begun_at,
                    &texts(|template| &template.meta_id),
                    &texts(|template| &template.name),
                    &texts(|template| &template.language),
                    &categories,
                    &texts(|template| &template.status),
                    &texts(|template| &template.parameter_format),
                    &components,
                    &qualities,
                    &reasons,
                ],
            )
            .await?;
        let gone = GONE.rows(&client, &[&waba.0, &begun_at]).await?;
        let id = |row: &tokio_postgres::Row| TemplateId(row.get("id"));
        Ok(TemplateChanges {
            listed: rows.iter().map(id).collect(),
            created: rows.iter().filter(|row| row.get("created")).count(),
            gone: gone.iter().map(id).collect(),
        })
    }

    /// Writes down Meta's words about the numbers of an account; numbers that are not declared are nobody's business.
    pub async fn keep_numbers(
        &self,
        waba: WabaId,
        begun_at: DateTime<Utc>,
        listed: &[ListedNumber],
    ) -> Result<Vec<NumberChange>, Error> {
        let client = self.client().await?;
        let ids: Vec<&str> = listed.iter().map(|number| number.phone_number_id.as_str()).collect();
        let words = |of: fn(&ListedNumber) -> Option<&str>| listed.iter().map(of).collect::<Vec<Option<&str>>>();
        let rows = NUMBERS
            .rows(
                &client,
                &[
                    &waba.0,
                    &begun_at,
                    &ids,
                    &words(|number| number.status.as_deref()),
                    &words(|number| number.verified_name.as_deref()),
                    &words(|number| number.quality.as_deref()),
                    &words(|number| number.name_status.as_deref()),
                    &words(|number| number.account_mode.as_deref()),
                    &words(|number| number.throughput_level.as_deref()),
                    &words(|number| number.messaging_limit.as_deref()),
                ],
            )
            .await?;
        Ok(rows
            .iter()
            .map(|row| NumberChange {
                phone_number_id: row.get("phone_number_id"),
                phone: row.get("phone"),
                is_better: row.get("is_better"),
                level: (row.get("level_before"), row.get("level")),
                limit: (row.get("limit_before"), row.get("limit_now")),
            })
            .collect())
    }

    /// Sets the messages per second of a number (E.164), up or down.
    pub async fn set_throughput(
        &self,
        phone: &str,
        throughput: i32,
        slots_per_second: f64,
        depth: i32,
    ) -> Result<(), Error> {
        let client = self.client().await?;
        THROUGHPUT
            .run(&client, &[&phone, &throughput, &slots_per_second, &depth])
            .await?;
        Ok(())
    }

    /// Sets the messaging limit of an account's scope; what changed, if anything.
    pub async fn set_messaging_limit(
        &self,
        waba: &str,
        limit: Option<i32>,
    ) -> Result<Option<crate::receipts::TierChange>, Error> {
        let client = self.client().await?;
        let row = statement!("receipts/set_tier", "setting a messaging limit")
            .row(&client, &[&waba, &limit])
            .await?;
        Ok(row.as_ref().map(crate::receipts::TierChange::read))
    }
}
