//! `turnpike read ID`

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;

/// Show a person that their message was read
///
/// Marks the messages before it in the conversation as read too. With --typing the person sees that an answer is being written, until it
/// comes, for 25 seconds at most.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Example:
  turnpike inbound --limit 1
  turnpike read 01990d5c-6a2e-7c30-9f1e-3a6f2b7d1c55 --typing

Needs TURNPIKE_API_KEY with the scope messages:write, and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    /// The message of the person: its id from `turnpike inbound`, or Meta's
    #[arg(value_name = "ID")]
    id: String,
    /// Show that an answer is being written
    #[arg(long)]
    typing: bool,
    #[command(flatten)]
    connect: Connect,
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let call = Call::post(
        ["messages", &options.id, "read"],
        Some(json!({"typing": options.typing})),
    );
    let answer = Api::new(&options.connect)?.call(call).await?;
    Ok(answer.show(options.connect.json, output::fields))
}
