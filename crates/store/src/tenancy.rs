//! Who sends: brings organizations, accounts, numbers and templates to what a declaration says, and says what changed.

use chrono::{DateTime, Utc};
use deadpool_postgres::Transaction;
use domain::api_key::ApiKey;
use domain::declaration::{Declaration, Organization, TemplateDeclaration, Waba};
use domain::policy::Policies;
use domain::{Category, Currency, OrganizationId, pace};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Row;

use crate::api_keys::{NewKey, Rights, per_minute, random_key, rights};
use crate::statement::statement;
use crate::{Error, Store, balance, policies};

/// What [`Store::apply`] did, item by item, in the order of the declaration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Every declared item.
    pub items: Vec<Item>,
}

/// One declared item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// As in `number 2000001`.
    pub what: String,
    /// What became of it.
    pub change: Change,
    /// A key that was made now; it cannot be shown again.
    pub new_key: Option<ApiKey>,
}

/// What became of a declared item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Created,
    /// Something about it is.
    Updated,
    /// It was already so.
    Unchanged,
}

impl Applied {
    /// Whether anything changed.
    pub fn changed(&self) -> bool {
        self.items.iter().any(|item| item.change != Change::Unchanged)
    }

    pub(crate) fn add(&mut self, what: String, change: Change) {
        self.items.push(Item {
            what,
            change,
            new_key: None,
        });
    }
}

/// Looks a secret up by the name of its environment variable.
pub type Secrets<'a> = dyn Fn(&str) -> Option<SecretString> + Sync + 'a;

/// Why a declaration could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A secret that the file refers to is not there.
    #[error("{place}: the environment variable {variable} is not set; set it to {what}")]
    MissingSecret {
        /// Which item.
        place: String,
        /// The variable.
        variable: String,
        /// What it should hold.
        what: &'static str,
    },
    /// An account without a token.
    #[error("waba {0}: neither access_token_env nor access_token is given; Meta needs one to send")]
    NoToken(String),
    /// A key that was brought along has the wrong form.
    #[error(
        "api_key {0}: the brought key is not of the form tp_<12 letters or digits>_<52 or more>; leave secret_env out to have one made"
    )]
    KeyForm(String),
    /// A test key that is declared as a live one, or the other way round.
    #[error(
        "api_key {0}: a key stays for tests (test = true, tp_test_…) or for live messages (tp_…) as long as it is there; declare another one under another name"
    )]
    KeyMode(String),
    /// Amounts would change their meaning.
    #[error(
        "organization {organization}: its balance is kept in {known}, not in {declared}; leave the currency as it is, or declare another organization"
    )]
    Currency {
        /// Its slug.
        organization: String,
        /// Of the balance.
        known: Currency,
        /// In the file.
        declared: Currency,
    },
    /// PostgreSQL said no.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Store {
    /// Creates or updates what is declared, in one transaction; what is not mentioned stays as it is. Idempotent: a second time
    /// nothing changes.
    pub async fn apply(&self, declaration: &Declaration, secrets: &Secrets<'_>) -> Result<Applied, ApplyError> {
        let mut client = self.client().await?;
        let transaction = client
            .transaction()
            .await
            .map_err(Error::while_doing("beginning to apply a declaration"))?;
        let mut applied = Applied::default();
        for organization in &declaration.organization {
            self.apply_organization(&transaction, organization, secrets, &mut applied)
                .await?;
        }
        // After all the numbers, as in the order of locks.
        for organization in &declaration.organization {
            let id = organization_id(&transaction, organization).await?;
            balance::declare(&transaction, id, organization, &mut applied).await?;
        }
        transaction
            .commit()
            .await
            .map_err(Error::while_doing("committing a declaration"))?;
        Ok(applied)
    }

    async fn apply_organization(
        &self,
        tx: &Transaction<'_>,
        organization: &Organization,
        secrets: &Secrets<'_>,
        applied: &mut Applied,
    ) -> Result<(), ApplyError> {
        let weight = i32::from(organization.dispatch_weight.unwrap_or(1));
        let upserted = statement!("tenancy/organization", "declaring an organization")
            .row(
                tx,
                &[&organization.slug, &organization.name, &organization.amqp_user, &weight],
            )
            .await?;
        applied.add(format!("organization {}", organization.slug), change(upserted.as_ref()));
        let id = organization_id(tx, organization).await?;
        if let Some(change) = policies::declare(tx, id, &Policies::from(organization)).await? {
            applied.add(format!("policies of {}", organization.slug), change);
        }
        for key in &organization.api_key {
            let item = self.apply_key(tx, id, key, secrets).await?;
            applied.items.push(item);
        }
        for waba in &organization.waba {
            self.apply_waba(tx, id, waba, secrets, applied).await?;
        }
        Ok(())
    }

    async fn apply_key(
        &self,
        tx: &Transaction<'_>,
        organization: i64,
        key: &domain::declaration::ApiKey,
        secrets: &Secrets<'_>,
    ) -> Result<Item, ApplyError> {
        let what = format!("api_key {}", key.name);
        let brought = match &key.secret_env {
            None => None,
            Some(variable) => {
                let missing = || ApplyError::MissingSecret {
                    place: what.clone(),
                    variable: variable.clone(),
                    what: "the key",
                };
                let text = secrets(variable).ok_or_else(missing)?;
                Some(ApiKey::parse(text.expose_secret()).ok_or_else(|| ApplyError::KeyForm(key.name.clone()))?)
            }
        };
        let wanted = NewKey {
            name: key.name.clone(),
            expires_at: key.expires_at,
            rights: Rights {
                scopes: key.scopes.clone(),
                test: key.test,
                allowed_from: key.allowed_from.clone(),
                requests_per_minute: key.requests_per_minute,
            },
        };
        if brought.as_ref().is_some_and(|brought| brought.test != key.test) {
            return Err(ApplyError::KeyMode(key.name.clone()));
        }
        let known = statement!("tenancy/api_key_of", "finding an API key")
            .row(tx, &[&organization, &key.name])
            .await?;
        let Some(known) = known else {
            let made = brought.clone().unwrap_or_else(|| random_key(key.test));
            self.insert_api_key(tx, OrganizationId(organization), &wanted, &made)
                .await?;
            let new_key = brought.is_none().then_some(made);
            return Ok(Item {
                what,
                change: Change::Created,
                new_key,
            });
        };
        let (id, hash): (String, Vec<u8>) = (known.get("id"), known.get("secret_hash"));
        let (has, ends): (Rights, Option<DateTime<Utc>>) = (rights(&known), known.get("expires_at"));
        // A key shows in its form what it is for.
        if has.test != key.test {
            return Err(ApplyError::KeyMode(key.name.clone()));
        }
        let wanted_id = brought.as_ref().map_or_else(|| id.clone(), |key| key.id.clone());
        let wanted_hash = brought.as_ref().map_or_else(
            || hash.clone(),
            |key| self.vault().hash_key_secret(&key.secret).to_vec(),
        );
        if (&wanted_id, &wanted_hash, &wanted.rights, wanted.expires_at) == (&id, &hash, &has, ends) {
            return Ok(Item {
                what,
                change: Change::Unchanged,
                new_key: None,
            });
        }
        statement!("tenancy/api_key_update", "changing an API key")
            .run(
                tx,
                &[
                    &id,
                    &wanted_id,
                    &wanted_hash,
                    &wanted.rights.scopes,
                    &wanted.expires_at,
                    &wanted.rights.allowed_from,
                    &per_minute(&wanted.rights),
                ],
            )
            .await?;
        Ok(Item {
            what,
            change: Change::Updated,
            new_key: None,
        })
    }

    async fn apply_waba(
        &self,
        tx: &Transaction<'_>,
        organization: i64,
        waba: &Waba,
        secrets: &Secrets<'_>,
        applied: &mut Applied,
    ) -> Result<(), ApplyError> {
        let what = format!("waba {}", waba.id);
        let token = match (&waba.access_token_env, &waba.access_token) {
            (Some(variable), _) => secrets(variable).ok_or_else(|| ApplyError::MissingSecret {
                place: what.clone(),
                variable: variable.clone(),
                what: "the access token",
            })?,
            (None, Some(token)) => SecretString::from(token.clone()),
            (None, None) => return Err(ApplyError::NoToken(waba.id.clone())),
        };
        let scope_key = waba.portfolio.as_ref().map_or_else(
            || format!("waba:{}", waba.id),
            |portfolio| format!("portfolio:{portfolio}"),
        );
        let limit = domain::tier::Tier::parse(&waba.messaging_limit_tier).and_then(domain::tier::Tier::limit);
        let limit = limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX));
        let upserted = statement!("tenancy/scope", "declaring a messaging limit")
            .row(tx, &[&scope_key, &limit])
            .await?;
        applied.add(format!("messaging limit {scope_key}"), change(upserted.as_ref()));
        let scope = one_id(
            statement!("tenancy/scope_id", "finding a messaging limit")
                .row(tx, &[&scope_key])
                .await?,
        );

        let place = token_place(&waba.id);
        let known = statement!("tenancy/waba_of", "finding an account")
            .row(tx, &[&waba.id])
            .await?;
        let (id, changed) = match known {
            None => {
                let sealed = self.vault().seal(&place, token.expose_secret());
                let row = statement!("tenancy/waba_insert", "declaring an account")
                    .row(tx, &[&waba.id, &organization, &scope, &sealed])
                    .await?;
                (one_id(row), Change::Created)
            }
            Some(row) => {
                let id: i64 = row.get("id");
                let same_place =
                    row.get::<_, i64>("organization_id") == organization && row.get::<_, i64>("scope_id") == scope;
                let opened = self.vault().open(&place, row.get("access_token")).ok();
                let same_token = opened.is_some_and(|known| known.expose_secret() == token.expose_secret());
                if same_place && same_token {
                    (id, Change::Unchanged)
                } else {
                    let sealed = self.vault().seal(&place, token.expose_secret());
                    statement!("tenancy/waba_update", "changing an account")
                        .run(tx, &[&id, &organization, &scope, &sealed])
                        .await?;
                    (id, Change::Updated)
                }
            }
        };
        applied.add(what, changed);

        for number in &waba.number {
            let throughput = i32::try_from(number.throughput).unwrap_or(i32::MAX);
            let upserted = statement!("tenancy/number", "declaring a sender number")
                .row(
                    tx,
                    &[
                        &number.phone_number_id,
                        &number.phone,
                        &organization,
                        &id,
                        &scope,
                        &throughput,
                    ],
                )
                .await?;
            let depth = i32::try_from(pace::depth(number.throughput)).unwrap_or(i32::MAX);
            statement!("tenancy/number_pace", "setting a sender number's pace")
                .run(
                    tx,
                    &[
                        &number.phone_number_id,
                        &pace::slots_per_second(number.throughput),
                        &depth,
                    ],
                )
                .await?;
            applied.add(format!("number {}", number.phone_number_id), change(upserted.as_ref()));
        }
        for template in &waba.template {
            let change = apply_template(tx, id, template).await?;
            applied.add(format!("template {} {}", template.name, template.language), change);
        }
        Ok(())
    }
}

/// The place that a WABA's token is sealed for.
pub fn token_place(waba_meta_id: &str) -> String {
    format!("waba:{waba_meta_id}")
}

async fn organization_id(tx: &Transaction<'_>, organization: &Organization) -> Result<i64, Error> {
    let row = statement!("tenancy/organization_id", "finding an organization")
        .row(tx, &[&organization.slug])
        .await?;
    Ok(one_id(row))
}

async fn apply_template(tx: &Transaction<'_>, waba: i64, template: &TemplateDeclaration) -> Result<Change, Error> {
    let category = Category::parse(&template.category)
        .unwrap_or(Category::Marketing)
        .code();
    let status = template.status.to_ascii_uppercase();
    let format = template.parameter_format.to_ascii_uppercase();
    let language = template.language.replace('-', "_");
    let upserted = statement!("tenancy/template", "declaring a template")
        .row(
            tx,
            &[
                &waba,
                &template.name,
                &language,
                &category,
                &status,
                &format,
                &template.to_components(),
            ],
        )
        .await?;
    Ok(change(upserted.as_ref()))
}

fn change(upserted: Option<&Row>) -> Change {
    match upserted.map(|row| row.get("created")) {
        None => Change::Unchanged,
        Some(true) => Change::Created,
        Some(false) => Change::Updated,
    }
}

fn one_id(row: Option<Row>) -> i64 {
    row.expect("the row was written by the statement before, in this transaction")
        .get("id")
}
