//! `turnpike explain ID`

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;

/// Tell the whole story of a message: why it went, or did not, and what happens next
///
/// When it was accepted, every rule with today's facts and its verdict, what it waits for, each attempt with Meta's answer,
/// Meta's webhooks in order, and what comes next and when.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Example:
  turnpike explain 01990d5c-6a2e-7c30-9f1e-3a6f2b7d1c55

Needs TURNPIKE_API_KEY with the scope messages:read, and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    /// The `message_id` that `turnpike send` printed
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    connect: Connect,
}

const CHAPTERS: &[&str] = &[
    "accepted",
    "flow",
    "rules",
    "waiting",
    "attempts",
    "open_attempt",
    "hold",
    "webhooks",
    "next",
];

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let api = Api::new(&options.connect)?;
    let answer = api.call(Call::get(["messages", &options.id, "explain"])).await?;
    Ok(answer.show(options.connect.json, people))
}

/// The chapters, in the order in which things happened.
fn people(story: &Value) -> String {
    let head = json!({"message_id": story["message_id"], "status": story["status"], "reason": story["reason"]});
    let chapters = CHAPTERS.iter().filter(|name| !story[**name].is_null());
    let chapters = chapters.map(|name| output::fields(&json!({*name: story[*name]})));
    let text: Vec<String> = std::iter::once(output::fields(&head)).chain(chapters).collect();
    text.into_iter()
        .filter(|chapter| !chapter.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}
