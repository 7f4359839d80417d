//! `turnpike broadcast`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use runtime::Clock;
use serde_json::{Value, json};

use super::send::new_key;
use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;
use crate::parameters::Parameters;
use crate::recipients::{self, Recipient};
use crate::when::When;

/// Recipients that one broadcast of the API takes.
const MOST_PER_BROADCAST: usize = 256;

/// Send one template to many people
///
/// Up to 256 recipients are one broadcast; more are sent as several, one after the other. A recipient that cannot be written to
/// is a row with its reason and fails no other; the exit code is then 1.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  turnpike broadcast --template order_update --to-file customers.csv
  turnpike broadcast --template sale --to +14155550100 --to +14155550101 --param 20% --at 2026-12-24T09:00:00Z

A CSV file has one recipient per line: the number, then the template's parameters. A first line that begins with `to` names
the columns, for a template with named parameters:
  to,first_name,order
  +14155550100,Ana,A-17

Needs TURNPIKE_API_KEY with the scope messages:write, and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    /// Name of an approved template
    #[arg(long, value_name = "NAME")]
    template: String,
    /// Language of the template
    #[arg(long, value_name = "CODE", default_value = "en_US")]
    language: String,
    /// A recipient, with + and calling code; repeat it
    #[arg(long, value_name = "PHONE", required_unless_present = "to_file")]
    to: Vec<String>,
    /// A CSV file of recipients; - reads standard input
    #[arg(long, value_name = "FILE")]
    to_file: Option<PathBuf>,
    #[command(flatten)]
    parameters: Parameters,
    /// Sender number, as a phone number or its `phone_number_id` [default: the organization's only one]
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    /// When to send it: 2026-12-24T09:00:00Z, or +10m from now
    #[arg(long, value_name = "TIME")]
    at: Option<When>,
    /// The same key again sends nothing again [default: a new one]
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    connect: Connect,
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let api = Api::new(&options.connect)?;
    let recipients = everybody(options)?;
    let key = options.idempotency_key.clone().unwrap_or_else(new_key);
    let scheduled_at = options.at.map(|at| at.to_text(Clock::system().now()));
    let mut exit = Exit::Done;
    for (index, part) in recipients.chunks(MOST_PER_BROADCAST).enumerate() {
        let call = Call::post(
            ["messages", "whatsapp", "broadcast"],
            Some(body(options, part, scheduled_at.as_deref())),
        );
        let answer = api.call(call.idempotency_key(part_key(&key, index))).await?;
        let shown = answer.show(options.connect.json, summary);
        if shown != Exit::Done {
            // The rest would most probably be refused for the same reason.
            say_what_is_left(&recipients, index);
            return Ok(shown);
        }
        if answer.body["data"]["summary"]["failed"].as_u64().unwrap_or(0) > 0 {
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

/// Every recipient of options and file.
fn everybody(options: &Options) -> Result<Vec<Recipient>> {
    let mut recipients: Vec<Recipient> = options
        .to
        .iter()
        .map(|to| Recipient {
            to: to.clone(),
            parameters: None,
        })
        .collect();
    if let Some(file) = &options.to_file {
        let name = file.display();
        let text = read(file).with_context(|| format!("reading recipients from {name}"))?;
        recipients.extend(recipients::parse(&text).with_context(|| format!("reading recipients from {name}"))?);
    }
    recipients::check(&recipients)?;
    Ok(recipients)
}

fn read(file: &Path) -> std::io::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file)
}

/// Each broadcast of a long list has its own key, and the same one when the command is repeated.
fn part_key(key: &str, index: usize) -> String {
    if index == 0 {
        key.to_owned()
    } else {
        format!("{key}.{index}")
    }
}

fn body(options: &Options, recipients: &[Recipient], scheduled_at: Option<&str>) -> Value {
    let mut body = json!({
        "template_name": options.template,
        "template_language": options.language,
        "recipients": recipients.iter().map(Recipient::to_json).collect::<Vec<_>>(),
    });
    let optional = [
        ("template_params", options.parameters.short()),
        ("from", options.from.as_ref().map(|from| json!(from))),
        ("scheduled_at", scheduled_at.map(|at| json!(at))),
    ];
    for (name, value) in optional.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        body[name] = value;
    }
    body
}

/// Its id, the summary, and whoever cannot be written to.
fn summary(data: &Value) -> String {
    let mut shown = json!({"broadcast_id": data["broadcast_id"], "summary": data["summary"]});
    let results = data["results"].as_array().map(Vec::as_slice).unwrap_or_default();
    let failed: Vec<Value> = results
        .iter()
        .filter(|result| result["status"] == "failed")
        .map(why_not)
        .collect();
    if !failed.is_empty() {
        shown["failed"] = json!(failed);
    }
    output::fields(&shown)
}

/// A recipient that cannot be written to, and what is wrong, in one line of a table.
fn why_not(result: &Value) -> Value {
    let details = &result["error"]["details"];
    let wrong = match (details["field"].as_str(), details["expected"].as_str()) {
        (Some(field), Some(expected)) => json!(format!("{field}: expected {expected}")),
        _ => result["error"]["message"].clone(),
    };
    json!({"index": result["index"], "to": result["to"], "reason": result["reason"], "what": wrong})
}

fn say_what_is_left(recipients: &[Recipient], index: usize) {
    let left = recipients.len() - index * MOST_PER_BROADCAST;
    if index > 0 {
        output::talk(format!(
            "the last {left} of {} recipients were not handed in",
            recipients.len()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_who_failed_are_listed() {
        let data = json!({
            "broadcast_id": "0198", "summary": {"total": 3, "accepted": 1, "scheduled": 0, "failed": 2},
            "results": [
                {"index": 0, "to": "+1", "message_id": "a", "status": "pending"},
                {"index": 1, "to": "+2", "message_id": "b", "status": "failed", "reason": "opted_out", "error": {"message": "No."}},
                {"index": 2, "to": "+3", "message_id": "c", "status": "failed", "reason": "template_parameter_mismatch",
                    "error": {"details": {"field": "template.body", "expected": "2 parameters", "value": "1"}}}
            ]
        });

        let text = summary(&data);

        let failed = text.split_once("failed\n  index").expect("a table of them").1;
        assert_eq!(failed.lines().count(), 3, "{text}");
        assert!(failed.contains("opted_out") && failed.contains("No."), "{text}");
        assert!(failed.contains("template.body: expected 2 parameters"), "{text}");
        assert!(!text.contains("pending"), "{text}");
    }

    #[test]
    fn every_part_of_a_long_list_has_a_key_of_its_own() {
        assert_eq!((part_key("k", 0), part_key("k", 2)), ("k".to_owned(), "k.2".to_owned()));
    }
}
