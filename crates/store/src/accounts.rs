//! Every account with its token and its numbers, for those who ask Meta about them.

use domain::{NumberId, OrganizationId};
use secrecy::SecretString;

use crate::statement::statement;
use crate::tenancy::token_place;
use crate::{Error, Store};

/// A WhatsApp Business Account as it was declared.
#[derive(Debug)]
pub struct Account {
    /// Meta's id.
    pub waba: String,
    /// Its access token; an error when it was sealed with another secret key.
    pub token: Result<SecretString, Error>,
    /// Meta's ids of its sender numbers.
    pub phone_number_ids: Vec<String>,
}

/// A sender number with the token that speaks for it.
#[derive(Debug)]
pub struct CallerNumber {
    /// Its row.
    pub id: NumberId,
    /// Meta's id of it.
    pub phone_number_id: String,
    /// Meta's id of its account.
    pub waba: String,
    /// The account's token; an error when it was sealed with another secret key.
    pub token: Result<SecretString, Error>,
}

impl Store {
    /// The numbers of an organization with their tokens, the oldest first: all of them, or the one of this phone number or Meta's id.
    pub async fn callers(&self, organization: OrganizationId, name: Option<&str>) -> Result<Vec<CallerNumber>, Error> {
        let client = self.client().await?;
        let rows = statement!("accounts/callers", "reading numbers and their tokens")
            .rows(&client, &[&organization.0, &name])
            .await?;
        let caller = |row: &tokio_postgres::Row| {
            let waba: String = row.get("meta_id");
            CallerNumber {
                id: NumberId(row.get("id")),
                phone_number_id: row.get("phone_number_id"),
                token: self.vault().open(&token_place(&waba), row.get("access_token")),
                waba,
            }
        };
        Ok(rows.iter().map(caller).collect())
    }

    /// All accounts, in order of their ids.
    pub async fn accounts(&self) -> Result<Vec<Account>, Error> {
        let client = self.client().await?;
        let rows = statement!("accounts/all", "reading the accounts")
            .rows(&client, &[])
            .await?;
        let account = |row: &tokio_postgres::Row| {
            let waba: String = row.get("meta_id");
            Account {
                token: self.vault().open(&token_place(&waba), row.get("access_token")),
                phone_number_ids: row.get("numbers"),
                waba,
            }
        };
        Ok(rows.iter().map(account).collect())
    }
}
