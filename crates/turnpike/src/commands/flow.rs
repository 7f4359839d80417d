//! `turnpike flow pause|resume|cancel ID`

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;

/// Pause, resume or cancel a broadcast
///
/// Stop means stop: when pause or cancel has answered, no message of the broadcast sets out any more. Cancel says how many were
/// handed to Meta and how many never go. Each of them again is harmless.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  turnpike flow pause 01990d5c-6a2e-7c30-9f1e-3a6f2b7d1c55
  turnpike flow resume 01990d5c-6a2e-7c30-9f1e-3a6f2b7d1c55
  turnpike flow cancel 01990d5c-6a2e-7c30-9f1e-3a6f2b7d1c55

Needs TURNPIKE_API_KEY with the scope messages:write, and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Let nothing more of it go, until it is resumed
    Pause(Flow),
    /// Let the rest of it go
    Resume(Flow),
    /// Call back what is not handed over, for good
    Cancel(Flow),
}

#[derive(Debug, Args)]
struct Flow {
    /// The `broadcast_id` that `turnpike broadcast` printed
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    connect: Connect,
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let (word, flow) = match &options.action {
        Action::Pause(flow) => ("pause", flow),
        Action::Resume(flow) => ("resume", flow),
        Action::Cancel(flow) => ("cancel", flow),
    };
    let api = Api::new(&flow.connect)?;
    let answer = api.call(Call::post(["broadcasts", &flow.id, word], None)).await?;
    Ok(answer.show(flow.connect.json, output::fields))
}
