//! Configuration from `TURNPIKE_…` variables, read once at start.
//!
//! [`VARIABLES`] documents every one of them. A program takes a [`Reader`], lets each struct it needs read its part, and
//! asks [`Reader::finish`] for the result: all mistakes are told at once, each with what to set.
//!
//! **Invariant:** no error and no `Debug` output ever shows the value of a secret.
//!
//! ```
//! use runtime::config::{Amqp, Database, Env};
//!
//! let mut reader = Env::from_map([("TURNPIKE_DATABASE_URL", "postgres://db/turnpike")]).reader();
//! let (database, amqp) = (Database::from_env(&mut reader), Amqp::from_env(&mut reader));
//! let errors = reader.finish(database.zip(amqp)).unwrap_err();
//! assert!(errors.to_string().starts_with("TURNPIKE_AMQP_URL is not set"));
//! ```

mod env;
mod error;
mod settings;
mod variables;

pub use env::{Env, Reader};
pub use error::{ConfigError, ConfigErrors};
pub use settings::{
    Admin, Amqp, Database, Http, Journal, Log, LogFormat, Meta, MetaApp, Otlp, Proxies, SecretKey, TestMeta,
};
pub use variables::{Fallback, VARIABLES, Variable, describe};
