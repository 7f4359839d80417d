//! `turnpike balance`

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::send::new_key;
use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;

/// Show the prepaid balance, or put money on it
///
/// Messages are paid from what is available: reserved when they are claimed, spent when Meta accepts them, released when it
/// refuses. A balance is declared with `turnpike apply`; an organization without one pays nothing.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  turnpike balance
  turnpike balance --top-up 250.00 --idempotency-key invoice-2026-117
  turnpike balance --top-up -50.00          # takes back what was paid in by mistake

Needs TURNPIKE_API_KEY with the scope messages:read, for a top-up with admin, and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    /// How much to put on it, as in 250.00
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    top_up: Option<String>,
    /// The same key again tops nothing up again [default: a new one]
    #[arg(long, value_name = "KEY", requires = "top_up")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    connect: Connect,
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let api = Api::new(&options.connect)?;
    let call = match &options.top_up {
        None => Call::get(["balance"]),
        Some(amount) => {
            let key = options.idempotency_key.clone().unwrap_or_else(new_key);
            Call::post(["balance", "top-up"], Some(json!({"amount": amount}))).idempotency_key(key)
        }
    };
    let answer = api.call(call).await?;
    Ok(answer.show(options.connect.json, output::fields))
}
