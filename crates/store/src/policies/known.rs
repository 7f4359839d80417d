//! Policies that were read, kept for as long as they are the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deadpool_postgres::GenericClient;
use domain::OrganizationId;
use domain::policy::Policies;

use crate::{Error, Store};

/// Policies by organization and revision. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct KnownPolicies(Arc<Mutex<Kept>>);

type Kept = HashMap<OrganizationId, (i64, Arc<Policies>)>;

/// Policies of organizations that have some; an error where a newer version wrote what this one cannot read.
type Read = HashMap<OrganizationId, Result<Arc<Policies>, Error>>;

impl KnownPolicies {
    /// The policies of organizations that have these revisions of them; those that have none are not among them. What is kept in a
    /// later revision is right too: it is what is declared now.
    pub(crate) async fn of(
        &self,
        store: &Store,
        revisions: impl IntoIterator<Item = (OrganizationId, Option<i64>)>,
    ) -> Result<Read, Error> {
        let (mut known, missing) = self.kept(revisions);
        if !missing.is_empty() {
            known.extend(self.read(&store.client().await?, &missing).await?);
        }
        Ok(known)
    }

    /// The same on a connection that is at hand.
    pub(crate) async fn of_on(
        &self,
        client: &impl GenericClient,
        revisions: impl IntoIterator<Item = (OrganizationId, Option<i64>)>,
    ) -> Result<Read, Error> {
        let (mut known, missing) = self.kept(revisions);
        if !missing.is_empty() {
            known.extend(self.read(client, &missing).await?);
        }
        Ok(known)
    }

    /// What is kept, and for whom the ledger must be asked.
    fn kept(&self, revisions: impl IntoIterator<Item = (OrganizationId, Option<i64>)>) -> (Read, Vec<i64>) {
        let with_policies = revisions.into_iter().filter_map(|(id, revision)| Some((id, revision?)));
        let wanted: HashMap<OrganizationId, i64> = with_policies.collect();
        let (mut known, mut missing) = (HashMap::new(), Vec::new());
        if wanted.is_empty() {
            return (known, missing);
        }
        let kept = self.lock();
        for (organization, revision) in wanted {
            match kept.get(&organization) {
                Some((kept, policies)) if *kept >= revision => {
                    known.insert(organization, Ok(Arc::clone(policies)));
                }
                _ => missing.push(organization.0),
            }
        }
        (known, missing)
    }

    async fn read(&self, client: &impl GenericClient, organizations: &[i64]) -> Result<Read, Error> {
        let revisions = super::read(client, organizations).await?;
        let mut kept = self.lock();
        let keep = revisions.into_iter().map(|revision| {
            let policies = match revision.policies {
                Ok(policies) => {
                    let policies = Arc::new(policies);
                    kept.insert(revision.organization, (revision.number, Arc::clone(&policies)));
                    Ok(policies)
                }
                Err(error) => Err(Error::Unreadable {
                    what: "policy.rules",
                    found: error.to_string(),
                }),
            };
            (revision.organization, policies)
        });
        Ok(keep.collect())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // What is kept is inserted whole, so a panic elsewhere cannot have left half of it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
