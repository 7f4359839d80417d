//! `turnpike key list|create|rotate|revoke`

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use runtime::Clock;
use serde_json::{Value, json};

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;
use crate::when::When;

/// List, create, rotate or revoke API keys
///
/// A key is shown once, when it is made. Rotating makes a key that may do the same and leaves the old one valid until its end, so
/// that callers can change over one by one. Messages of a test key go to a stand-in for Meta (`TURNPIKE_META_TEST_BASE_URL`).
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  turnpike key list
  turnpike key create shop --scope messages:write --allow-from 192.0.2.0/24 --expires +90d
  turnpike key create ci --mode test --scope messages:write --scope messages:read
  turnpike key rotate abcdefgh2345 --ends +2h
  turnpike key revoke abcdefgh2345

Needs TURNPIKE_API_KEY with the scope admin, and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    Live,
    Test,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show every key, without its secret
    List {
        #[command(flatten)]
        connect: Connect,
    },
    /// Make a key; its secret is shown this once
    Create {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        /// What it may do: messages:write, messages:read, admin; several times for several
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<String>,
        /// Whether its messages go to Meta or to the stand-in
        #[arg(long, default_value = "live")]
        mode: Mode,
        /// Not valid from then on [default: for good]
        #[arg(long, value_name = "TIME")]
        expires: Option<When>,
        /// A network that it may be used from; several times for several [default: anywhere]
        #[arg(long, value_name = "NETWORK")]
        allow_from: Vec<String>,
        /// How often it may call [default: the installation's limit]
        #[arg(long, value_name = "N")]
        requests_per_minute: Option<u32>,
        #[command(flatten)]
        connect: Connect,
    },
    /// Make a key that follows another one
    Rotate {
        /// The public half of the old key, as `turnpike key list` shows it
        #[arg(value_name = "ID")]
        id: String,
        /// Until then both are valid [default: for 24 hours]
        #[arg(long, value_name = "TIME")]
        ends: Option<When>,
        #[command(flatten)]
        connect: Connect,
    },
    /// Take a key back at once; it may still work for ten seconds
    Revoke {
        /// The public half of the key
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        connect: Connect,
    },
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let now = Clock::system().now();
    let (connect, call) = match &options.action {
        Action::List { connect } => (connect, Call::get(["keys"])),
        Action::Create {
            name,
            scopes,
            mode,
            expires,
            allow_from,
            requests_per_minute,
            connect,
        } => {
            let body = json!({
                "name": name,
                "scopes": scopes,
                "mode": match mode { Mode::Live => "live", Mode::Test => "test" },
                "expires_at": expires.map(|at| at.to_text(now)),
                "allowed_from": (!allow_from.is_empty()).then_some(allow_from),
                "requests_per_minute": requests_per_minute,
            });
            (connect, Call::post(["keys"], Some(body)))
        }
        Action::Rotate { id, ends, connect } => {
            let body = json!({"ends_at": ends.map(|at| at.to_text(now))});
            (connect, Call::post(["keys", id, "rotate"], Some(body)))
        }
        Action::Revoke { id, connect } => (connect, Call::post(["keys", id, "revoke"], None)),
    };
    let answer = Api::new(connect)?.call(call).await?;
    Ok(answer.show(connect.json, show))
}

fn show(data: &Value) -> String {
    match data {
        Value::Array(_) => output::fields(&json!({"keys": data})),
        _ => output::fields(data),
    }
}
