//! Who calls: an API key by its public half, a broker user by its name.

use chrono::{DateTime, Utc};
use domain::OrganizationId;

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const FIND: Statement = statement!("api_keys/find", "looking an API key up");
const AMQP_USER: Statement = statement!("api_keys/amqp_user", "looking up whose broker user this is");

/// What is known of an API key, but its secret, of which only a hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// Whose it is.
    pub organization: OrganizationId,
    /// [`Vault::hash_key_secret`](crate::Vault::hash_key_secret) of the secret half.
    pub secret_hash: Vec<u8>,
    /// What it may do, as in `messages:write`.
    pub scopes: Vec<String>,
    /// Not valid from then on.
    pub expires_at: Option<DateTime<Utc>>,
    /// Taken back then.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Store {
    /// The key with this public half.
    pub async fn find_api_key(&self, id: &str) -> Result<Option<KnownKey>, Error> {
        let client = self.client().await?;
        let row = FIND.row(&client, &[&id]).await?;
        Ok(row.map(|row| KnownKey {
            organization: OrganizationId(row.get("organization_id")),
            secret_hash: row.get("secret_hash"),
            scopes: row.get("scopes"),
            expires_at: row.get("expires_at"),
            revoked_at: row.get("revoked_at"),
        }))
    }

    /// The organization whose messages this broker user publishes.
    pub async fn organization_of_amqp_user(&self, user: &str) -> Result<Option<OrganizationId>, Error> {
        let client = self.client().await?;
        let row = AMQP_USER.row(&client, &[&user]).await?;
        Ok(row.map(|row| OrganizationId(row.get("id"))))
    }
}
