//! What Meta says about templates, sender numbers, limits and accounts.

use chrono::{DateTime, Utc};
use domain::TemplateId;

use super::Application;
use crate::statement::statement;
use crate::{Error, Store};

/// A messaging limit that is different now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierChange {
    /// The scope.
    pub scope_id: i64,
    /// How many people count for it now.
    pub members: i32,
    /// The limit before; `None` is unlimited.
    pub before: Option<i32>,
    /// The limit now.
    pub now: Option<i32>,
}

impl TierChange {
    pub(crate) fn read(row: &tokio_postgres::Row) -> Self {
        Self {
            scope_id: row.get("id"),
            members: row.get("members"),
            before: row.get("max_members_before"),
            now: row.get("max_members"),
        }
    }
}

/// Something that Meta told of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct ToldOfAccount {
    /// Meta's id of the account.
    pub waba: String,
    /// When, by Meta's clock.
    pub at: DateTime<Utc>,
    /// When Meta handed it over.
    pub received_at: DateTime<Utc>,
    /// Meta's name of the webhook field.
    pub field: String,
    /// Meta's word for what happened.
    pub event: Option<String>,
    /// As it came.
    pub value: serde_json::Value,
    /// Tells it from everything else; the same for a repetition.
    pub fingerprint: Vec<u8>,
}

impl Application<'_> {
    /// Keeps what Meta told of accounts that are declared. Returns how much of it is new.
    pub async fn keep_account_events(&self, told: &[ToldOfAccount]) -> Result<u64, Error> {
        if told.is_empty() {
            return Ok(0);
        }
        let texts = |of: fn(&ToldOfAccount) -> &str| told.iter().map(of).collect::<Vec<&str>>();
        let at: Vec<DateTime<Utc>> = told.iter().map(|event| event.at).collect();
        let received: Vec<DateTime<Utc>> = told.iter().map(|event| event.received_at).collect();
        let events: Vec<Option<&str>> = told.iter().map(|event| event.event.as_deref()).collect();
        let values: Vec<&serde_json::Value> = told.iter().map(|event| &event.value).collect();
        let fingerprints: Vec<&[u8]> = told.iter().map(|event| event.fingerprint.as_slice()).collect();
        statement!("receipts/keep_account_events", "keeping what Meta told of accounts")
            .run(
                self.tx(),
                &[
                    &texts(|event| &event.waba),
                    &at,
                    &received,
                    &texts(|event| &event.field),
                    &events,
                    &values,
                    &fingerprints,
                ],
            )
            .await
    }

    /// Asks for an account to be compared with Meta at once.
    pub async fn want_comparison(&self, waba: &str) -> Result<(), Error> {
        statement!(
            "receipts/want_comparison",
            "asking for an account to be compared with Meta"
        )
        .run(self.tx(), &[&waba])
        .await?;
        Ok(())
    }

    /// Locks the pace of these numbers (E.164): the first lock of all, so this comes before everything else.
    pub async fn lock_gates(&self, phones: &[&str]) -> Result<(), Error> {
        statement!("receipts/lock_gates", "locking the pace of numbers")
            .rows(self.tx(), &[&phones])
            .await?;
        Ok(())
    }

    /// Grants a number (E.164) so many messages per second, unless it has as many already. Returns how many rows changed.
    pub async fn raise_throughput(
        &self,
        phone: &str,
        throughput: i32,
        slots_per_second: f64,
        depth: i32,
    ) -> Result<u64, Error> {
        statement!("receipts/raise_throughput", "raising the throughput of a number")
            .run(self.tx(), &[&phone, &throughput, &slots_per_second, &depth])
            .await
    }

    /// Notes down how Meta rates a number (E.164): `RED` when it is flagged. Returns how many rows changed.
    pub async fn rate_number(&self, phone: &str, quality: Option<&str>) -> Result<u64, Error> {
        statement!("receipts/rate_number", "noting down the quality of a number")
            .run(self.tx(), &[&phone, &quality])
            .await
    }

    /// Sets the messaging limit of a WABA's scope. `None` when it is so already, or the WABA is not ours.
    pub async fn set_tier(&self, waba_id: &str, limit: Option<i32>) -> Result<Option<TierChange>, Error> {
        let row = statement!("receipts/set_tier", "setting a messaging limit")
            .row(self.tx(), &[&waba_id, &limit])
            .await?;
        Ok(row.as_ref().map(TierChange::read))
    }

    /// Sets the status of a template, unless Meta told a newer one. Returns the rows that it was set on.
    pub async fn set_template_status(
        &self,
        (waba_id, name, language): (&str, &str, &str),
        status: &str,
        at: DateTime<Utc>,
    ) -> Result<Vec<TemplateId>, Error> {
        let rows = statement!("receipts/template_status", "setting the status of a template")
            .rows(self.tx(), &[&waba_id, &name, &language, &status, &at])
            .await?;
        Ok(rows.iter().map(|row| TemplateId(row.get("id"))).collect())
    }

    /// Sets the category (code of [`domain::Category`]) of a template. Returns how many rows changed.
    pub async fn set_template_category(
        &self,
        (waba_id, name, language): (&str, &str, &str),
        category: i16,
    ) -> Result<u64, Error> {
        statement!("receipts/template_category", "setting the category of a template")
            .run(self.tx(), &[&waba_id, &name, &language, &category])
            .await
    }

    /// Sets the quality of a template. Returns how many rows changed.
    pub async fn set_template_quality(
        &self,
        (waba_id, name, language): (&str, &str, &str),
        quality: &str,
    ) -> Result<u64, Error> {
        statement!("receipts/template_quality", "setting the quality of a template")
            .run(self.tx(), &[&waba_id, &name, &language, &quality])
            .await
    }

    /// Closes or opens a WABA; `until` opens it by itself. Returns how many rows changed.
    pub async fn restrict(&self, waba_id: &str, restricted: bool, until: Option<DateTime<Utc>>) -> Result<u64, Error> {
        statement!("receipts/restrict", "restricting an account")
            .run(self.tx(), &[&waba_id, &restricted, &until])
            .await
    }
}

impl Store {
    /// Lets up to `limit` messages that wait for room in this messaging limit be looked at again at once. Returns how many.
    pub async fn wake_tier_limited(&self, scope_id: i64, limit: i32) -> Result<i32, Error> {
        let client = self.client().await?;
        let row = statement!(
            "receipts/wake_tier_limited",
            "waking messages that waited for the messaging limit"
        )
        .row(&client, &[&scope_id, &limit])
        .await?;
        Ok(row.map_or(0, |row| row.get(0)))
    }

    /// Lets up to `limit` messages that wait for this template be looked at again at once. Returns how many.
    pub async fn wake_template_waiting(&self, template: TemplateId, limit: i64) -> Result<u64, Error> {
        let client = self.client().await?;
        statement!("receipts/wake_template", "waking messages that waited for a template")
            .run(&client, &[&template.0, &limit])
            .await
    }

    /// Opens accounts whose restriction is over. Returns how many.
    pub async fn lift_restrictions(&self, now: DateTime<Utc>) -> Result<u64, Error> {
        let client = self.client().await?;
        statement!(
            "receipts/lift_restrictions",
            "opening accounts whose restriction is over"
        )
        .run(&client, &[&now])
        .await
    }
}
