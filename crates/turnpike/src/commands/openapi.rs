//! `turnpike openapi`

use anyhow::Result;
use clap::Args;

use crate::exit::Exit;
use crate::output;

/// Print the OpenAPI document of the HTTP API
///
/// The same that ingest serves at /openapi.json: made from the routes themselves, for generated clients, documentation and tests.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Example:
  turnpike openapi > openapi.json
  npx @redocly/cli build-docs <(turnpike openapi)"
)]
pub(crate) struct Options {}

pub(crate) fn run(_: &Options) -> Result<Exit> {
    output::data(format!("{:#}", ingest::http::document()));
    Ok(Exit::Done)
}
