//! `turnpike migrate`

use anyhow::Result;
use clap::Args;
use runtime::Clock;
use runtime::config::Database;

use crate::exit::Exit;
use crate::{output, settings};

/// Bring the database schema up to date
///
/// Applies the migrations that this executable holds and the database does not have yet, and makes the partitions of the
/// coming days. Safe to run again and from any number of processes at once: they queue up behind one lock, and those that
/// come later find nothing to do. Roles refuse to start on a schema that lacks a migration.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Example:
  turnpike migrate
  docker compose run --rm migrate

Needs TURNPIKE_DATABASE_URL, of a user that may create tables. Run it before the roles of a new version start; those of the
version before go on working meanwhile."
)]
pub(crate) struct Options {}

pub(crate) async fn run(_: &Options) -> Result<Exit> {
    let database = settings::read(Database::from_env)?;
    let store = settings::store(&database, &settings::NO_KEY, 2, "turnpike migrate")?;
    let migrated = store.migrate(Clock::system().now()).await?;
    for migration in &migrated.applied {
        output::data(format!("applied  {migration}"));
    }
    if migrated.partitions > 0 {
        output::data(format!("made     {} partition tables", migrated.partitions));
    }
    if migrated.applied.is_empty() {
        output::talk("the schema was up to date");
    }
    Ok(Exit::Done)
}
