//! `turnpike cancel ID`

use anyhow::Result;
use clap::Args;

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;

/// Call a message back before it is handed to Meta
///
/// The answer is definite: canceled and never sent, or the time at which it was handed over. Canceling twice is harmless.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Example:
  turnpike cancel 01990d5c-6a2e-7c30-9f1e-3a6f2b7d1c55

Exits with 1 when it is too late. Needs TURNPIKE_API_KEY with the scope messages:write, and TURNPIKE_URL unless ingest is on
this machine."
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
    let answer = api.call(Call::post(["messages", &options.id, "cancel"], None)).await?;
    Ok(answer.show(options.connect.json, output::fields))
}
