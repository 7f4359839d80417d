//! What can go wrong between us and the ledger.
//!
//! **Invariant:** no error shows a row. PostgreSQL's details quote the values it refused, phone numbers among them, and errors end in
//! logs; so [`Cause`] keeps them to itself.

use std::fmt;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

/// A failed conversation with PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is not one.
    #[error("reading the database URL: {0}; expected postgres://user:password@host:5432/database")]
    Url(#[source] tokio_postgres::Error),
    /// No connection could be had.
    #[error("connecting to PostgreSQL; check TURNPIKE_DATABASE_URL and that the server runs")]
    Connect(#[source] Box<PoolError>),
    /// A statement failed.
    #[error("{doing}")]
    Query {
        /// What was being done.
        doing: &'static str,
        /// PostgreSQL's answer.
        #[source]
        source: Cause,
    },
    /// The schema could not be brought up to date.
    #[error("bringing the database schema up to date")]
    Migrate(#[source] Box<refinery::Error>),
    /// A value in the database is not what this build writes.
    #[error(
        "reading {what}: {found} is not known to this version; finish the upgrade so that all roles run one version"
    )]
    Unreadable {
        /// Which column.
        what: &'static str,
        /// What stands there.
        found: String,
    },
    /// A sealed secret could not be opened.
    #[error("opening a sealed secret: the key does not fit; TURNPIKE_SECRET_KEY must be the one it was sealed with")]
    Sealed,
}

impl Error {
    /// PostgreSQL's own code, when it answered.
    pub fn sql_state(&self) -> Option<&SqlState> {
        match self {
            Self::Query { source, .. } => source.0.code(),
            Self::Url(source) => source.code(),
            _ => None,
        }
    }

    /// Whether the server could not be reached or was going away: the same call may succeed later, and a commit that ended so is in
    /// doubt.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Connect(_) => true,
            Self::Query { source, .. } => {
                source.0.is_closed()
                    || source.0.code().is_none()
                    || source.0.code().is_some_and(|code| {
                        // Class 57: operator intervention (shutdown, crash); 08: connection; 53: out of resources.
                        ["57", "08", "53"].iter().any(|class| code.code().starts_with(class))
                    })
            }
            _ => false,
        }
    }

    /// Whether PostgreSQL rolled the call back because others were in its way: the same call may succeed in a moment, and nothing of it is
    /// there.
    pub fn is_contention(&self) -> bool {
        // Class 40: a deadlock, or a serialization failure; 55P03: a lock that was not to be had in time.
        self.sql_state()
            .is_some_and(|code| code.code().starts_with("40") || *code == SqlState::LOCK_NOT_AVAILABLE)
    }

    /// Whether PostgreSQL refused a value that it was given: the same call can never succeed, while one without that value can.
    pub fn is_about_data(&self) -> bool {
        // Class 22: data exception; 23: integrity constraint; 54: too large, as for an index.
        self.sql_state()
            .is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.code().starts_with(class)))
    }

    /// A closure for `map_err` that says what was being done.
    pub(crate) fn while_doing(doing: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |error| Self::Query {
            doing,
            source: Cause(error),
        }
    }
}

/// PostgreSQL's answer, without its details.
pub struct Cause(tokio_postgres::Error);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_db_error() {
            Some(answer) => write!(
                f,
                "{}: {} (SQLSTATE {})",
                answer.severity(),
                answer.message(),
                answer.code().code()
            ),
            None => {
                write!(f, "{}", self.0)?;
                let mut cause = std::error::Error::source(&self.0);
                while let Some(error) = cause {
                    write!(f, ": {error}")?;
                    cause = error.source();
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Cause {}
