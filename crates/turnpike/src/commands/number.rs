//! `turnpike number pause|resume`

use anyhow::Result;
use clap::{Args, Subcommand};
use runtime::Clock;
use serde_json::json;

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;
use crate::when::When;

/// Pause or resume a sender number
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

Needs TURNPIKE_API_KEY with the scope admin, and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
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
        Action::Resume { number, connect } => (connect, Call::post(["numbers", number, "resume"], None)),
    };
    let answer = Api::new(connect)?.call(call).await?;
    Ok(answer.show(connect.json, output::fields))
}
