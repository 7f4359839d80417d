//! `turnpike window`

use anyhow::Result;
use clap::Args;

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;

/// Show whether a person may be answered freely now
///
/// The service window opens when the person writes to the sender number, and closes 24 hours later. Inside it anything may be
/// sent, outside only templates.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Example:
  turnpike window --to +14155550100
  turnpike window --to +14155550100 --from 2000001 --json

Needs TURNPIKE_API_KEY with the scope messages:read, and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    /// The person, with + and calling code
    #[arg(long, value_name = "PHONE")]
    to: String,
    /// Sender number, as a phone number or its `phone_number_id` [default: the organization's only one]
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    #[command(flatten)]
    connect: Connect,
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let api = Api::new(&options.connect)?;
    let call = Call::get(["messages", "whatsapp", "window-status"])
        .query("to", Some(&options.to))
        .query("from", options.from.as_deref());
    let answer = api.call(call).await?;
    Ok(answer.show(options.connect.json, output::fields))
}
