//! `turnpike number list|sync|pause|resume|register|…`

use anyhow::Result;
use clap::{Args, Subcommand};
use runtime::Clock;
use serde_json::{Value, json};

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;
use crate::when::When;

/// See, pause, resume and register sender numbers
///
/// While it is paused nothing goes from it, and nothing is lost: its messages wait. Resume also ends a hold that Meta's answers
/// brought about, and reopens the number's account when they closed it, as after you cleared the cause with Meta.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  turnpike number pause 2000001 --reason 'wrong price list'
  turnpike number pause 2000001 --until +2h
  turnpike number resume 2000001
  turnpike number list
  turnpike number sync
  turnpike number register 2000001 --pin 123456

Needs TURNPIKE_API_KEY with the scope admin, and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List numbers, with what Meta says of them
    List {
        #[command(flatten)]
        connect: Connect,
    },
    /// Compare accounts with Meta now: numbers, limits, templates
    Sync {
        #[command(flatten)]
        connect: Connect,
    },
    /// Register a number for the Cloud API, with its PIN of two-step verification
    Register {
        /// Its `phone_number_id`
        #[arg(value_name = "NUMBER")]
        number: String,
        /// Six digits
        #[arg(long, value_name = "PIN")]
        pin: String,
        #[command(flatten)]
        connect: Connect,
    },
    /// Take a number off the Cloud API
    Deregister {
        /// Its `phone_number_id`
        #[arg(value_name = "NUMBER")]
        number: String,
        #[command(flatten)]
        connect: Connect,
    },
    /// Let Meta send a code to a number
    RequestCode {
        /// Its `phone_number_id`
        #[arg(value_name = "NUMBER")]
        number: String,
        /// Call it instead of writing
        #[arg(long)]
        voice: bool,
        /// Language of the code
        #[arg(long, value_name = "LANGUAGE", default_value = "en_US")]
        language: String,
        #[command(flatten)]
        connect: Connect,
    },
    /// Show Meta the code that came
    VerifyCode {
        /// Its `phone_number_id`
        #[arg(value_name = "NUMBER")]
        number: String,
        /// Six digits
        #[arg(value_name = "CODE")]
        code: String,
        #[command(flatten)]
        connect: Connect,
    },
    /// Set the PIN of two-step verification
    Pin {
        /// Its `phone_number_id`
        #[arg(value_name = "NUMBER")]
        number: String,
        /// Six digits
        #[arg(value_name = "PIN")]
        pin: String,
        #[command(flatten)]
        connect: Connect,
    },
    /// Let nothing go from it
    Pause {
        /// Its `phone_number_id`
        #[arg(value_name = "NUMBER")]
        number: String,
        /// Resume by itself then [default: when somebody resumes it]
        #[arg(long, value_name = "TIME")]
        until: Option<When>,
        /// Why, for those who ask
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        connect: Connect,
    },
    /// Let what waits go
    Resume {
        /// Its `phone_number_id`
        #[arg(value_name = "NUMBER")]
        number: String,
        #[command(flatten)]
        connect: Connect,
    },
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let (connect, call) = match &options.action {
        Action::Pause {
            number,
            until,
            reason,
            connect,
        } => {
            let until = until.map(|until| until.to_text(Clock::system().now()));
            let body = json!({"until": until, "reason": reason});
            (connect, Call::post(["numbers", number, "pause"], Some(body)))
        }
        Action::List { connect } => (connect, Call::get(["numbers"])),
        Action::Sync { connect } => (connect, Call::post(["numbers", "sync"], None)),
        Action::Register { number, pin, connect } => (
            connect,
            Call::post(["numbers", number, "register"], Some(json!({"pin": pin}))),
        ),
        Action::Deregister { number, connect } => (connect, Call::post(["numbers", number, "deregister"], None)),
        Action::RequestCode {
            number,
            voice,
            language,
            connect,
        } => {
            let body = json!({"method": if *voice { "VOICE" } else { "SMS" }, "language": language});
            (connect, Call::post(["numbers", number, "request-code"], Some(body)))
        }
        Action::VerifyCode { number, code, connect } => (
            connect,
            Call::post(["numbers", number, "verify-code"], Some(json!({"code": code}))),
        ),
        Action::Pin { number, pin, connect } => (
            connect,
            Call::post(["numbers", number, "pin"], Some(json!({"pin": pin}))),
        ),
        Action::Resume { number, connect } => (connect, Call::post(["numbers", number, "resume"], None)),
    };
    let answer = Api::new(connect)?.call(call).await?;
    Ok(answer.show(connect.json, |data| match data {
        Value::Array(_) => output::fields(&json!({"numbers": data})),
        _ => output::fields(data),
    }))
}
