//! Who calls: an API key by its public half, a broker user by its name. And the keys of an organization, to be looked after.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::OrganizationId;
use domain::api_key::ApiKey;
use rand::RngCore as _;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use crate::statement::{Statement, statement};
use crate::{Error, Store};

const FIND: Statement = statement!("api_keys/find", "looking an API key up");
const AMQP_USER: Statement = statement!("api_keys/amqp_user", "looking up whose broker user this is");
const LIST: Statement = statement!("api_keys/list", "listing API keys");
const INSERT: Statement = statement!("api_keys/insert", "keeping an API key");
const FOLLOW: Statement = statement!("api_keys/follow", "having an API key followed by another");
const REVOKE: Statement = statement!("api_keys/revoke", "revoking an API key");

/// What is known of an API key, but its secret, of which only a hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// Whose it is.
    pub organization: OrganizationId,
    /// [`Vault::hash_key_secret`](crate::Vault::hash_key_secret) of the secret half.
    pub secret_hash: Vec<u8>,
    /// Not valid from then on.
    pub expires_at: Option<DateTime<Utc>>,
    /// Taken back then.
    pub revoked_at: Option<DateTime<Utc>>,
    /// What it may do.
    pub rights: Rights,
}

/// What a key may do, from where, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rights {
    /// As in `messages:write`.
    pub scopes: Vec<String>,
    /// Its messages go to a stand-in for Meta.
    pub test: bool,
    /// Networks that it may be used from, in CIDR notation; `None` is anywhere.
    pub allowed_from: Option<Vec<String>>,
    /// `None` is the installation's own limit.
    pub requests_per_minute: Option<u32>,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Its name: of all keys that nobody follows and nobody revoked, the only one with it.
    pub name: String,
    /// Not valid from then on.
    pub expires_at: Option<DateTime<Utc>>,
    /// What it may do.
    pub rights: Rights,
}

/// A key, as those see it who look after keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyView {
    /// The public half.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub rights: Rights,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Not valid from then on.
    pub expires_at: Option<DateTime<Utc>>,
    /// Taken back then.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The key that was made to follow it.
    pub followed_by: Option<String>,
}

impl Store {
    /// The key with this public half.
    pub async fn find_api_key(&self, id: &str) -> Result<Option<KnownKey>, Error> {
        let client = self.client().await?;
        let row = FIND.row(&client, &[&id]).await?;
        Ok(row.map(|row| KnownKey {
            organization: OrganizationId(row.get("organization_id")),
            secret_hash: row.get("secret_hash"),
            expires_at: row.get("expires_at"),
            revoked_at: row.get("revoked_at"),
            rights: rights(&row),
        }))
    }

    /// The organization whose messages this broker user publishes.
    pub async fn organization_of_amqp_user(&self, user: &str) -> Result<Option<OrganizationId>, Error> {
        let client = self.client().await?;
        let row = AMQP_USER.row(&client, &[&user]).await?;
        Ok(row.map(|row| OrganizationId(row.get("id"))))
    }

    /// The keys of an organization, the newest first, at most a thousand.
    pub async fn api_keys(&self, organization: OrganizationId) -> Result<Vec<KeyView>, Error> {
        let client = self.client().await?;
        let rows = LIST.rows(&client, &[&organization.0, &None::<&str>]).await?;
        Ok(rows.iter().map(view).collect())
    }

    /// One key of an organization.
    pub async fn api_key(&self, organization: OrganizationId, id: &str) -> Result<Option<KeyView>, Error> {
        let client = self.client().await?;
        let row = LIST.row(&client, &[&organization.0, &Some(id)]).await?;
        Ok(row.as_ref().map(view))
    }

    /// Makes a key; its secret is in the answer and nowhere else. `None` when a key that is in use has the name.
    pub async fn create_api_key(&self, organization: OrganizationId, new: &NewKey) -> Result<Option<ApiKey>, Error> {
        let client = self.client().await?;
        let key = random_key(new.rights.test);
        match self.insert_api_key(&client, organization, new, &key).await {
            Err(error) if error.sql_state() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(None),
            kept => kept.map(|()| Some(key)),
        }
    }

    /// Makes a key that follows another one and may do the same; both are valid until `ends_at`. Returns the new key and when the old
    /// one ends. `None` when there is no such key, or it is not in use any more.
    pub async fn rotate_api_key(
        &self,
        organization: OrganizationId,
        id: &str,
        (ends_at, now): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Option<(ApiKey, DateTime<Utc>)>, Error> {
        let doing = "rotating an API key";
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Error::while_doing(doing))?;
        let Some(known) = LIST.row(&transaction, &[&organization.0, &Some(id)]).await? else {
            return Ok(None);
        };
        let known = view(&known);
        let key = random_key(known.rights.test);
        // The name is free only once the old key is followed, and can be followed only once the new one is there.
        let spare = NewKey {
            name: format!("{} (follows {id})", known.name),
            expires_at: None,
            rights: known.rights,
        };
        self.insert_api_key(&transaction, organization, &spare, &key).await?;
        let followed = FOLLOW
            .row(&transaction, &[&id, &organization.0, &key.id, &ends_at, &now])
            .await?;
        let Some(followed) = followed else {
            return Ok(None);
        };
        statement!("api_keys/rename", "naming an API key")
            .run(&transaction, &[&key.id, &known.name])
            .await?;
        transaction.commit().await.map_err(Error::while_doing(doing))?;
        Ok(Some((key, followed.get("expires_at"))))
    }

    /// Takes a key back. Says whether there is such a key; again is harmless.
    pub async fn revoke_api_key(
        &self,
        organization: OrganizationId,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let client = self.client().await?;
        Ok(REVOKE.run(&client, &[&id, &organization.0, &now]).await? > 0)
    }

    /// Keeps a key.
    pub(crate) async fn insert_api_key(
        &self,
        client: &impl GenericClient,
        organization: OrganizationId,
        new: &NewKey,
        key: &ApiKey,
    ) -> Result<(), Error> {
        let hash = self.vault().hash_key_secret(&key.secret).to_vec();
        INSERT
            .run(
                client,
                &[
                    &key.id,
                    &organization.0,
                    &new.name,
                    &hash,
                    &new.rights.scopes,
                    &new.rights.test,
                    &new.expires_at,
                    &new.rights.allowed_from,
                    &per_minute(&new.rights),
                ],
            )
            .await?;
        Ok(())
    }
}

/// A key that nobody has.
pub(crate) fn random_key(test: bool) -> ApiKey {
    let (mut id, mut secret) = ([0; 8], [0; 32]);
    rand::rng().fill_bytes(&mut id);
    rand::rng().fill_bytes(&mut secret);
    ApiKey::from_random(test, id, secret)
}

/// The limit as the database keeps it.
pub(crate) fn per_minute(rights: &Rights) -> Option<i32> {
    rights
        .requests_per_minute
        .map(|limit| i32::try_from(limit).unwrap_or(i32::MAX))
}

/// What a key may do, from its columns.
pub(crate) fn rights(row: &Row) -> Rights {
    Rights {
        scopes: row.get("scopes"),
        test: row.get("test"),
        allowed_from: row.get("allowed_from"),
        requests_per_minute: row.get::<_, Option<i32>>("requests_per_minute").map(i32::unsigned_abs),
    }
}

fn view(row: &Row) -> KeyView {
    KeyView {
        id: row.get("id"),
        name: row.get("name"),
        rights: rights(row),
        created_at: row.get("created_at"),
        expires_at: row.get("expires_at"),
        revoked_at: row.get("revoked_at"),
        followed_by: row.get("followed_by"),
    }
}
