//! Statements live in files, so that they can be pasted into psql; each is prepared once per connection.

use deadpool_postgres::GenericClient;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::Error;

/// One statement of `sql/`, and what to say when it fails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statement {
    pub(crate) sql: &'static str,
    pub(crate) doing: &'static str,
}

/// The statement in `sql/<file>.sql`.
macro_rules! statement {
    ($file:literal, $doing:literal) => {
        $crate::statement::Statement {
            sql: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $file, ".sql")),
            doing: $doing,
        }
    };
}
pub(crate) use statement;

/// The arguments of a statement.
pub(crate) type Arguments<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Statement {
    /// All rows.
    pub(crate) async fn rows(self, client: &impl GenericClient, arguments: Arguments<'_>) -> Result<Vec<Row>, Error> {
        let prepared = client
            .prepare_cached(self.sql)
            .await
            .map_err(Error::while_doing(self.doing))?;
        client
            .query(&prepared, arguments)
            .await
            .map_err(Error::while_doing(self.doing))
    }

    /// One row, or none.
    pub(crate) async fn row(self, client: &impl GenericClient, arguments: Arguments<'_>) -> Result<Option<Row>, Error> {
        let prepared = client
            .prepare_cached(self.sql)
            .await
            .map_err(Error::while_doing(self.doing))?;
        client
            .query_opt(&prepared, arguments)
            .await
            .map_err(Error::while_doing(self.doing))
    }

    /// How many rows it touched.
    pub(crate) async fn run(self, client: &impl GenericClient, arguments: Arguments<'_>) -> Result<u64, Error> {
        let prepared = client
            .prepare_cached(self.sql)
            .await
            .map_err(Error::while_doing(self.doing))?;
        client
            .execute(&prepared, arguments)
            .await
            .map_err(Error::while_doing(self.doing))
    }
}
