//! `turnpike send`

use anyhow::Result;
use clap::{ArgGroup, Args};
use runtime::Clock;
use serde_json::{Value, json};

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;
use crate::parameters::Parameters;
use crate::when::When;

/// Longest `Prefer: wait` of the API.
const LONGEST_WAIT_SECONDS: i64 = 30;

/// Send one message, a text or a template
///
/// A text may go only within 24 hours after the person wrote to the sender number (`turnpike window` says whether); a template
/// may go at any time. The answer comes when the message is safe, or with --wait when it has left.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    group = ArgGroup::new("content").required(true).args(["text", "template"]),
    after_help = "\
Examples:
  turnpike send --to +14155550100 --text 'Your table is ready.' --wait
  turnpike send --to +14155550100 --template order_update --param Ana --param A-17
  turnpike send --to +14155550100 --template welcome --language pt_BR --named first_name=Ana --at +10m

Needs TURNPIKE_API_KEY with the scope messages:write, and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    /// Recipient, with + and calling code
    #[arg(long, value_name = "PHONE")]
    to: String,
    /// What to say, up to 4,096 characters
    #[arg(long, allow_hyphen_values = true, conflicts_with_all = ["language", "positional", "named"])]
    text: Option<String>,
    /// Name of an approved template
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// Language of the template
    #[arg(long, value_name = "CODE", default_value = "en_US")]
    language: String,
    #[command(flatten)]
    parameters: Parameters,
    /// Sender number, as a phone number or its `phone_number_id` [default: the organization's only one]
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    /// When to send it: 2026-12-24T09:00:00Z, or +10m from now
    #[arg(long, value_name = "TIME")]
    at: Option<When>,
    /// Give up when it could not be sent by then
    #[arg(long, value_name = "TIME")]
    expires: Option<When>,
    /// Wait until it has left, at most so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "30",
        value_parser = clap::value_parser!(u16).range(1..=LONGEST_WAIT_SECONDS))]
    wait: Option<u16>,
    /// The same key again sends nothing again [default: a new one]
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    connect: Connect,
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let api = Api::new(&options.connect)?;
    let key = options.idempotency_key.clone().unwrap_or_else(new_key);
    let call = Call::post(["messages", "whatsapp"], Some(body(options, &Clock::system())))
        .idempotency_key(key)
        .wait(options.wait);
    let answer = api.call(call).await?;
    Ok(answer.show(options.connect.json, output::fields))
}

/// A key for one invocation: long enough that nobody else has it.
pub(crate) fn new_key() -> String {
    uuid::Uuid::now_v7().to_string()
}

fn body(options: &Options, clock: &Clock) -> Value {
    let mut body = json!({"to": options.to});
    if let Some(name) = &options.template {
        let mut template = json!({"name": name, "language": {"code": options.language}});
        let components = options.parameters.components();
        if !components.is_empty() {
            template["components"] = Value::Array(components);
        }
        (body["type"], body["template"]) = (json!("template"), template);
    } else {
        (body["type"], body["text"]) = (json!("text"), json!({"body": options.text}));
    }
    let optional = [
        ("from", options.from.clone()),
        ("scheduled_at", options.at.map(|at| at.to_text(clock.now()))),
        ("expires_at", options.expires.map(|at| at.to_text(clock.now()))),
    ];
    for (name, value) in optional.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        body[name] = json!(value);
    }
    body
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        let line = Line::try_parse_from([&["send"], arguments].concat());
        line.map(|line| line.options).map_err(|error| error.to_string())
    }

    fn check(arguments: &[&str]) -> Value {
        let clock = Clock::manual(DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        body(&parse(arguments).unwrap(), &clock)
    }

    #[test]
    fn a_text_is_sent_as_meta_takes_it() {
        assert_eq!(
            check(&[
                "--to",
                "+14155550100",
                "--text",
                "-- hello",
                "--from",
                "2000001",
                "--at",
                "+10m"
            ]),
            json!({"to": "+14155550100", "from": "2000001", "type": "text", "text": {"body": "-- hello"},
                "scheduled_at": "2023-11-14T22:23:20.000Z"})
        );
    }

    #[test]
    fn a_template_carries_its_parameters() {
        assert_eq!(
            check(&[
                "--to",
                "+1",
                "--template",
                "order_update",
                "--param",
                "Ana",
                "--param",
                "A-17"
            ]),
            json!({"to": "+1", "type": "template", "template": {"name": "order_update", "language": {"code": "en_US"},
                "components": [{"type": "body", "parameters": [
                    {"type": "text", "text": "Ana"}, {"type": "text", "text": "A-17"}]}]}})
        );
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for arguments in [
            &["--to", "+1"][..],
            &["--to", "+1", "--text", "a", "--template", "b"],
            &["--to", "+1", "--text", "a", "--param", "b"],
            &["--to", "+1", "--template", "a", "--param", "b", "--named", "c=d"],
            &["--to", "+1", "--text", "a", "--wait=31"],
        ] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn waiting_without_a_number_is_as_long_as_it_gets() {
        assert_eq!(parse(&["--to", "+1", "--text", "a", "--wait"]).unwrap().wait, Some(30));
        assert_eq!(parse(&["--to", "+1", "--text", "a", "--wait=5"]).unwrap().wait, Some(5));
        assert_eq!(parse(&["--to", "+1", "--text", "a"]).unwrap().wait, None);
    }
}
