//! `turnpike resolve ID --as …`

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;

/// Say what became of a message whose outcome nobody could learn
///
/// For messages that are uncertain or unknown: no answer came from Meta, and no webhook. Find out with the person or with Meta
/// first. `resend` may reach the person twice; nothing but you decides that.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Example:
  turnpike resolve 01990d5c-6a2e-7c30-9f1e-3a6f2b7d1c55 --as failed

Needs TURNPIKE_API_KEY with the scope admin, and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    /// The `message_id` that `turnpike send` printed
    #[arg(value_name = "ID")]
    id: String,
    /// What became of it
    #[arg(long = "as", value_name = "OUTCOME")]
    outcome: Outcome,
    #[command(flatten)]
    connect: Connect,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Outcome {
    /// Meta has it
    Accepted,
    /// Meta does not have it, and it is not sent any more
    Failed,
    /// It is sent again, at the risk of twice
    Resend,
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let word = match options.outcome {
        Outcome::Accepted => "accepted",
        Outcome::Failed => "failed",
        Outcome::Resend => "resend",
    };
    let call = Call::post(["messages", &options.id, "resolve"], Some(json!({"as": word})));
    let answer = Api::new(&options.connect)?.call(call).await?;
    Ok(answer.show(options.connect.json, output::fields))
}
