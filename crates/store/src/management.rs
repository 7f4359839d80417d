//! What callers see of their accounts, numbers and templates, and what they change of them.

use chrono::{DateTime, Utc};
use domain::{OrganizationId, TemplateId, WabaId};
use secrecy::SecretString;
use serde_json::Value;
use tokio_postgres::Row;

use crate::statement::statement;
use crate::tenancy::token_place;
use crate::{Error, Store};

/// A template, with everything Meta says of it.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the columns, and Meta's words")]
pub struct KnownTemplate {
    pub id: TemplateId,
    pub waba: String,
    pub meta_id: Option<String>,
    pub name: String,
    pub language: String,
    pub category: i16,
    pub status: String,
    pub parameter_format: String,
    pub components: Value,
    pub quality: Option<String>,
    pub rejected_reason: Option<String>,
    pub status_at: Option<DateTime<Utc>>,
    pub synced_at: Option<DateTime<Utc>>,
}

/// Which templates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateFilter {
    /// Behind this one.
    pub after: i64,
    /// Of this name.
    pub name: Option<String>,
    /// In this status, in Meta's word.
    pub status: Option<String>,
    /// This one.
    pub id: Option<TemplateId>,
}

/// A sender number, with everything Meta says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns, and Meta's words")]
pub struct KnownNumber {
    pub phone_number_id: String,
    pub phone: String,
    pub waba: String,
    pub status: String,
    pub throughput: i32,
    pub verified_name: Option<String>,
    pub quality: Option<String>,
    pub name_status: Option<String>,
    pub account_mode: Option<String>,
    pub throughput_level: Option<String>,
    pub messaging_limit: Option<String>,
    pub restricted: bool,
    pub synced_at: Option<DateTime<Utc>>,
}

/// An account, and how it was compared with Meta.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns")]
pub struct KnownAccount {
    pub waba: String,
    pub restricted: bool,
    pub restricted_until: Option<DateTime<Utc>>,
    pub synced_at: Option<DateTime<Utc>>,
    pub sync_error: Option<String>,
    /// A comparison was asked for and has not begun.
    pub sync_due: bool,
}

/// Something that Meta told of an account.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the columns")]
pub struct AccountEvent {
    pub id: i64,
    pub waba: String,
    pub at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    pub field: String,
    pub event: Option<String>,
    pub value: Value,
}

/// A template that Meta has just taken for review.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the columns, and Meta's words")]
pub struct NewTemplate<'a> {
    pub meta_id: &'a str,
    pub name: &'a str,
    pub language: &'a str,
    pub category: i16,
    pub status: &'a str,
    pub parameter_format: &'a str,
    pub components: &'a Value,
}

impl Store {
    /// A page of an organization's templates, in order of their rows.
    pub async fn known_templates(
        &self,
        organization: OrganizationId,
        filter: &TemplateFilter,
        limit: i64,
    ) -> Result<Vec<KnownTemplate>, Error> {
        let client = self.client().await?;
        let id = filter.id.map(|id| id.0);
        let rows = statement!("management/templates", "listing templates")
            .rows(
                &client,
                &[
                    &organization.0,
                    &filter.after,
                    &filter.name,
                    &filter.status,
                    &id,
                    &limit,
                ],
            )
            .await?;
        Ok(rows.iter().map(known_template).collect())
    }

    /// All sender numbers of an organization.
    pub async fn known_numbers(&self, organization: OrganizationId) -> Result<Vec<KnownNumber>, Error> {
        let client = self.client().await?;
        let rows = statement!("management/numbers", "listing sender numbers")
            .rows(&client, &[&organization.0])
            .await?;
        Ok(rows.iter().map(known_number).collect())
    }

    /// All accounts of an organization.
    pub async fn known_accounts(&self, organization: OrganizationId) -> Result<Vec<KnownAccount>, Error> {
        let client = self.client().await?;
        let rows = statement!("management/accounts", "listing accounts")
            .rows(&client, &[&organization.0])
            .await?;
        Ok(rows
            .iter()
            .map(|row| KnownAccount {
                waba: row.get("waba"),
                restricted: row.get("restricted"),
                restricted_until: row.get("restricted_until"),
                synced_at: row.get("synced_at"),
                sync_error: row.get("sync_error"),
                sync_due: row.get("sync_due"),
            })
            .collect())
    }

    /// A page of what Meta told of an organization's accounts, the newest first, older than the one with this id.
    pub async fn account_events(
        &self,
        organization: OrganizationId,
        before: i64,
        limit: i64,
    ) -> Result<Vec<AccountEvent>, Error> {
        let client = self.client().await?;
        let rows = statement!("management/events", "listing what Meta told of accounts")
            .rows(&client, &[&organization.0, &before, &limit])
            .await?;
        Ok(rows
            .iter()
            .map(|row| AccountEvent {
                id: row.get("id"),
                waba: row.get("waba"),
                at: row.get("at"),
                received_at: row.get("received_at"),
                field: row.get("field"),
                event: row.get("event"),
                value: row.get("value"),
            })
            .collect())
    }

    /// The accounts of an organization with their tokens: all of them, or the one of this id of Meta's.
    pub async fn account_tokens(
        &self,
        organization: OrganizationId,
        waba: Option<&str>,
    ) -> Result<Vec<(WabaId, String, Result<SecretString, Error>)>, Error> {
        let client = self.client().await?;
        let rows = statement!("management/account_tokens", "reading the tokens of accounts")
            .rows(&client, &[&organization.0, &waba])
            .await?;
        let read = |row: &Row| {
            let waba: String = row.get("meta_id");
            let token = self.vault().open(&token_place(&waba), row.get("access_token"));
            (WabaId(row.get("id")), waba, token)
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Keeps a template that Meta has just taken.
    pub async fn put_template(&self, waba: WabaId, new: NewTemplate<'_>) -> Result<TemplateId, Error> {
        let client = self.client().await?;
        let row = statement!("management/put_template", "keeping a new template")
            .row(
                &client,
                &[
                    &waba.0,
                    &new.meta_id,
                    &new.name,
                    &new.language,
                    &new.category,
                    &new.status,
                    &new.parameter_format,
                    &new.components,
                ],
            )
            .await?;
        Ok(TemplateId(row.map_or(0, |row| row.get("id"))))
    }

    /// Keeps a change that Meta has just taken: the template waits for its review.
    pub async fn edit_template(
        &self,
        id: TemplateId,
        components: Option<&Value>,
        category: Option<i16>,
    ) -> Result<(), Error> {
        let client = self.client().await?;
        statement!("management/edit_template", "keeping a change of a template")
            .run(&client, &[&id.0, &components, &category])
            .await?;
        Ok(())
    }

    /// Marks a template as deleted.
    pub async fn mark_template_deleted(&self, id: TemplateId) -> Result<(), Error> {
        let client = self.client().await?;
        statement!("management/delete_template", "marking a template as deleted")
            .run(&client, &[&id.0])
            .await?;
        Ok(())
    }
}

fn known_template(row: &Row) -> KnownTemplate {
    KnownTemplate {
        id: TemplateId(row.get("id")),
        waba: row.get("waba"),
        meta_id: row.get("meta_id"),
        name: row.get("name"),
        language: row.get("language"),
        category: row.get("category"),
        status: row.get("status"),
        parameter_format: row.get("parameter_format"),
        components: row.get("components"),
        quality: row.get("quality"),
        rejected_reason: row.get("rejected_reason"),
        status_at: row.get("status_at"),
        synced_at: row.get("synced_at"),
    }
}

fn known_number(row: &Row) -> KnownNumber {
    KnownNumber {
        phone_number_id: row.get("phone_number_id"),
        phone: row.get("phone"),
        waba: row.get("waba"),
        status: row.get("status"),
        throughput: row.get("throughput"),
        verified_name: row.get("verified_name"),
        quality: row.get("quality"),
        name_status: row.get("name_status"),
        account_mode: row.get("account_mode"),
        throughput_level: row.get("throughput_level"),
        messaging_limit: row.get("messaging_limit"),
        restricted: row.get("restricted"),
        synced_at: row.get("synced_at"),
    }
}
