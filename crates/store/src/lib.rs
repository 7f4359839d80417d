//! PostgreSQL, the ledger: the only crate that speaks SQL.
//!
//! One module per room of the ledger, each a set of methods on [`Store`]; the statements are `.sql` files under `sql/` or functions
//! in `migrations/`. Rules are not here: a statement counts, locks and writes what `domain` decided.
//!
//! **Invariants.** A transition names the state it leaves, and the attempt where there is one; zero rows means somebody else was
//! faster, which is normal. Locks are taken in the order number, scope, balance, flow, message, each sorted. Whatever must not be lost
//! is committed with `synchronous_commit = on`, which is PostgreSQL's default and is never lowered here.

pub mod accounts;
pub mod admission;
pub mod api_keys;
pub mod balance;
pub mod campaigns;
pub mod cancel;
pub mod completion;
mod error;
pub mod events;
pub mod holds;
pub mod inbound;
pub mod inbox;
pub mod intake;
pub mod management;
pub mod media;
mod migrate;
pub mod outcomes;
pub mod pace;
pub mod policies;
mod pool;
pub mod queries;
mod reading;
pub mod receipts;
pub mod release;
pub mod repair;
pub mod rescue;
pub mod resolve;
pub mod retention;
mod statement;
pub mod stops;
pub mod suppressions;
pub mod sync;
pub mod tenancy;
pub mod vault;
pub mod watch;
pub mod webhooks;

pub use error::{Cause, Error};
pub use migrate::migrations_fingerprint;
pub use pool::{Connections, Options, Store};
pub use reading::Reading;
pub use vault::Vault;
