//! `turnpike status ID`

use anyhow::Result;
use clap::Args;

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;

/// Show what became of a message
///
/// Its status, the reason for it, the time of every step, each attempt, and Meta's id and error where there are any.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Example:
  turnpike status 01990d5c-6a2e-7c30-9f1e-3a6f2b7d1c55

Needs TURNPIKE_API_KEY with the scope messages:read, and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    /// The `message_id` that `turnpike send` printed
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    connect: Connect,
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let api = Api::new(&options.connect)?;
    let answer = api.call(Call::get(["messages", &options.id])).await?;
    Ok(answer.show(options.connect.json, output::fields))
}
