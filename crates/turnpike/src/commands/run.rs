//! `turnpike run`

use anyhow::Result;
use clap::Args;

use crate::exit::Exit;
use crate::process::{self, Migrate};
use crate::roles;

/// Run every role in one process
///
/// Ingest, scheduler, sender, receipts and notifier together: all that a small installation needs. It may run in several
/// replicas too, and beside roles that run alone. Stops in order on SIGTERM and SIGINT; a second signal ends it at once.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  turnpike run
  turnpike run --migrate
  TURNPIKE_META_BASE_URL=http://127.0.0.1:8090 turnpike run      # against `turnpike simulator`

Needs TURNPIKE_DATABASE_URL, TURNPIKE_AMQP_URL, TURNPIKE_SECRET_KEY, TURNPIKE_META_APP_SECRET and TURNPIKE_META_VERIFY_TOKEN;
`turnpike --help` describes all variables. Prints `listening on http://ADDR` once the API serves."
)]
pub(crate) struct Options {
    /// Bring the database schema up to date first
    #[arg(long)]
    migrate: bool,
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let migrate = if options.migrate { Migrate::First } else { Migrate::No };
    Box::pin(process::run(&roles::ALL, migrate)).await
}
