//! Every account with its token and its numbers, for those who ask Meta about them.

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

impl Store {
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
