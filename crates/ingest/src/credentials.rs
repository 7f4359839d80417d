//! Who is calling, and what they may do.
//!
//! **Invariant:** the organization comes from here and nowhere else; no request names one. A secret is compared in constant time, and
//! only by its hash.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::OrganizationId;
use domain::api_key::ApiKey;
use domain::network::Network;
use runtime::Clock;
use serde_json::json;
use store::Store;
use store::api_keys::{KnownKey, Rights};
use subtle::ConstantTimeEq;

use crate::problem::{Code, Problem};

/// How long what was read of a key or a broker user is believed: so long a revoked key may still work.
const BELIEVED: Duration = Duration::from_secs(10);

/// What a key may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Send and cancel.
    Write,
    /// Look.
    Read,
    /// Operate: pause numbers, resolve what is uncertain, override people's words.
    Admin,
}

impl Scope {
    /// The word in the database and in `apply FILE`; `admin` stands for all.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Write => "messages:write",
            Self::Read => "messages:read",
            Self::Admin => "admin",
        }
    }
}

/// A caller whose key was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose data it may see.
    pub organization: OrganizationId,
    /// The public half of its key.
    pub key_id: String,
    /// Its messages go to a stand-in for Meta.
    pub test: bool,
    /// How often it may call; `None` is as often as anybody.
    pub requests_per_minute: Option<u32>,
    scopes: Vec<String>,
}

impl Caller {
    /// Goes on only with this scope.
    ///
    /// # Errors
    /// When the key does not have it.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.iter().any(|has| has == scope.as_str() || has == "admin") {
            return Ok(());
        }
        let message = format!("This API key lacks the scope {}; use one that has it.", scope.as_str());
        let details = json!({"required": scope.as_str(), "granted": self.scopes});
        Err(Problem::new(Code::InsufficientPermissions, message).details(details))
    }
}

/// Checks keys and broker users, and remembers them for a moment.
#[derive(Debug, Clone)]
pub struct Credentials {
    store: Store,
    clock: Clock,
    /// There is a stand-in for test keys.
    test_mode: bool,
    keys: Memory<KnownKey>,
    users: Memory<Option<OrganizationId>>,
}

impl Credentials {
    /// Credentials of a ledger. `test_mode`: there is a stand-in for the messages of test keys.
    pub fn new(store: Store, clock: Clock, test_mode: bool) -> Self {
        Self {
            store,
            clock,
            test_mode,
            keys: Memory::default(),
            users: Memory::default(),
        }
    }

    /// The caller with this key, who calls from this address; `None` where that cannot be known.
    ///
    /// # Errors
    /// When the key is not valid (any more) or not from there, or the ledger is away.
    pub async fn caller(&self, key: &str, from: Option<IpAddr>) -> Result<Caller, Problem> {
        let invalid = |message| Problem::new(Code::InvalidApiKey, message);
        let unknown = "This API key is not valid; check that it was copied whole.";
        let key = ApiKey::parse(key).ok_or_else(|| invalid(unknown))?;
        let known = match self.keys.recall(&key.id) {
            Some(known) => known,
            None => {
                let found = self.store.find_api_key(&key.id).await;
                let found = found.map_err(|error| Problem::from(&error))?;
                let known = found.ok_or_else(|| invalid(unknown))?;
                self.keys.remember(&key.id, known.clone());
                known
            }
        };
        let hash = self.store.vault().hash_key_secret(&key.secret);
        let same = hash.as_slice().ct_eq(&known.secret_hash);
        if !bool::from(same) || key.test != known.rights.test {
            return Err(invalid(unknown));
        }
        // Only the owner of the secret learns more about the key.
        if known.revoked_at.is_some() {
            return Err(invalid("This API key was revoked; use another one."));
        }
        if known.expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(invalid("This API key has expired; use another one."));
        }
        if key.test && !self.test_mode {
            let message = "This is a test key, and this installation has no stand-in for Meta; its operator sets \
                           TURNPIKE_META_TEST_BASE_URL for ingest and sender.";
            return Err(Problem::new(Code::TestModeOff, message));
        }
        let Rights {
            scopes,
            test,
            allowed_from,
            requests_per_minute,
        } = known.rights;
        allowed_from.map_or(Ok(()), |allowed| is_allowed(&allowed, from))?;
        Ok(Caller {
            organization: known.organization,
            key_id: key.id,
            test,
            requests_per_minute,
            scopes,
        })
    }

    /// The organization whose messages a broker user publishes.
    ///
    /// # Errors
    /// When the ledger is away.
    pub async fn amqp_user(&self, user: &str) -> Result<Option<OrganizationId>, store::Error> {
        if let Some(known) = self.users.recall(user) {
            return Ok(known);
        }
        let found = self.store.organization_of_amqp_user(user).await?;
        self.users.remember(user, found);
        Ok(found)
    }
}

/// Whether a key that is bound to networks may be used from this address.
fn is_allowed(networks: &[String], from: Option<IpAddr>) -> Result<(), Problem> {
    let Some(from) = from else {
        let message = "This API key is bound to addresses, and a broker does not tell where a message comes from; publish with the \
                       organization's broker user, or with a key that is not bound.";
        return Err(Problem::new(Code::AddressNotAllowed, message));
    };
    // A network that cannot be read allows nobody.
    let mut networks = networks.iter().filter_map(|network| Network::parse(network));
    if networks.any(|network| network.contains(from)) {
        return Ok(());
    }
    let message =
        format!("This API key may not be used from {from}; call from an allowed network, or have this one allowed.");
    Err(Problem::new(Code::AddressNotAllowed, message).details(json!({"address": from.to_string()})))
}

/// What was read, and when. Holds no more entries than there are rows: what does not exist is not remembered (a broker user is checked
/// by the broker, so there are few of those).
#[derive(Debug, Clone)]
struct Memory<T>(Arc<Mutex<HashMap<String, (Instant, T)>>>);

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone> Memory<T> {
    fn recall(&self, name: &str) -> Option<T> {
        let entries = self.entries();
        let (read_at, known) = entries.get(name)?;
        (read_at.elapsed() < BELIEVED).then(|| known.clone())
    }

    fn remember(&self, name: &str, known: T) {
        self.entries().insert(name.to_owned(), (Instant::now(), known));
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, (Instant, T)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
