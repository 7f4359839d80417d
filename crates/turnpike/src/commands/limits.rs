//! `turnpike limits`

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;

/// Show what Meta allows, how much of it is used, and what waits for it
///
/// Each messaging limit with what is used, what is free and when the next place comes free; each sender number with its pace,
/// what is in flight, what waits for which reason, and pauses.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Example:
  turnpike limits

Needs TURNPIKE_API_KEY with the scope messages:read, and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    #[command(flatten)]
    connect: Connect,
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let api = Api::new(&options.connect)?;
    let answer = api.call(Call::get(["limits"])).await?;
    Ok(answer.show(options.connect.json, people))
}

/// The scopes as a table, then number by number.
fn people(data: &Value) -> String {
    let scopes = output::fields(&serde_json::json!({"scopes": data["scopes"]}));
    let numbers = data["numbers"].as_array().into_iter().flatten().map(output::fields);
    std::iter::once(scopes).chain(numbers).collect::<Vec<_>>().join("\n\n")
}
