//! The part of the environment that a command needs, and no more: what it does not read it does not ask for.

use anyhow::Result;
use domain::destination::Policy;
use runtime::config::{ConfigErrors, Database, Env, Reader, SecretKey};
use store::{Options, Store, Vault};

/// Reads what `part` reads; every mistake of the whole environment at once.
///
/// In `part`, read all structs first and use `?` afterwards, or the second mistake is told only when the first is corrected.
pub(crate) fn read<T>(part: impl FnOnce(&mut Reader) -> Option<T>) -> Result<T, ConfigErrors> {
    let mut reader = Env::from_process().reader();
    let settings = part(&mut reader);
    reader.finish(settings)
}

/// A handle on the ledger with at most so many connections; `name` is what PostgreSQL shows beside them.
pub(crate) fn store(database: &Database, key: &SecretKey, connections: usize, name: &'static str) -> Result<Store> {
    let options = Options {
        url: database.url.clone(),
        connections,
        name,
    };
    Ok(Store::new(&options, Vault::new(&key.0))?)
}

/// For commands that neither seal nor open a secret, so that they need no key.
pub(crate) const NO_KEY: SecretKey = SecretKey([0; 32]);

/// What may be called when a customer names an address.
pub(crate) fn outbound(reader: &mut Reader) -> Option<Policy> {
    if reader.optional("TURNPIKE_OUTBOUND_ALLOW").is_none() {
        return Some(Policy::default());
    }
    let expected = "http, any-port and networks like 10.0.0.0/8, between commas";
    reader.parse("TURNPIKE_OUTBOUND_ALLOW", expected, |value| value.parse().ok())
}
