//! `turnpike inbound`

use anyhow::Result;
use clap::Args;

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;

/// Show what people wrote, newest first
///
/// Each with its id, who wrote, to which number, and what it says, whatever kind of message it is. With --json everything that Meta
/// told stands in it: files, places, orders, what a flow was filled in with.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Example:
  turnpike inbound --from +14155550100
  turnpike inbound --type order --json

Needs TURNPIKE_API_KEY with the scope messages:read, and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    /// Only of this person: a phone number with +, or a user id
    #[arg(long, value_name = "PERSON")]
    from: Option<String>,
    /// Only to this sender number, as a phone number or its `phone_number_id`
    #[arg(long, value_name = "NUMBER")]
    to: Option<String>,
    /// Only of this type: text, image, button, interactive, order …
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// How many, at most
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    #[command(flatten)]
    connect: Connect,
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let limit = options.limit.to_string();
    let call = Call::get(["inbound"])
        .query("from", options.from.as_deref())
        .query("to", options.to.as_deref())
        .query("type", options.kind.as_deref())
        .query("limit", Some(&limit));
    let answer = Api::new(&options.connect)?.call(call).await?;
    Ok(answer.show(options.connect.json, |data| {
        let rows = data.as_array().map(Vec::as_slice).unwrap_or_default();
        let word = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
        let lines = rows.iter().map(|message| {
            let person = if message["from"].is_null() {
                &message["user_id"]
            } else {
                &message["from"]
            };
            format!(
                "{}  {}  {}  {:<12} {}",
                word(&message["at"]),
                word(&message["id"]),
                word(person),
                word(&message["type"]),
                word(&message["text"])
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    }))
}
