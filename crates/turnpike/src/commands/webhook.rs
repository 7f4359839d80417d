//! `turnpike webhook add|list|show|update|remove|secret|rotate|test|log|replay`

use anyhow::Result;
use clap::{Args, Subcommand};
use runtime::Clock;
use serde_json::{Map, Value, json};

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;
use crate::when::When;

const ENDPOINTS: &str = "webhook-endpoints";

/// Say where your systems want to hear what happens
///
/// Each event goes to every endpoint that wants it, as a signed POST (Standard Webhooks), again and again for more than a day
/// until it is answered with 2xx.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  turnpike webhook add https://example.com/hook --events 'message.*' --events number.paused
  turnpike webhook test ID
  turnpike webhook log ID --status failed
  turnpike webhook replay ID --failed
  turnpike webhook rotate ID --overlap-hours 48

Needs TURNPIKE_API_KEY with the scope admin (list, show and log: messages:read), and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    connect: Connect,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an endpoint; prints its secret
    Add {
        /// Where to, https
        #[arg(value_name = "URL")]
        url: String,
        #[command(flatten)]
        wanted: Wanted,
        /// A secret of your own: `whsec_` and base64
        #[arg(long, value_name = "SECRET")]
        secret: Option<String>,
    },
    /// All of them, with how each is doing
    List,
    /// One of them
    Show { id: String },
    /// Change an endpoint, or switch it on or off
    Update {
        id: String,
        /// Another address
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        #[command(flatten)]
        wanted: Wanted,
        /// Let it get webhooks again
        #[arg(long, conflicts_with = "disable")]
        enable: bool,
        /// Let it get none
        #[arg(long)]
        disable: bool,
    },
    /// Delete an endpoint and its log
    Remove { id: String },
    /// Print the secret that signs its webhooks
    Secret { id: String },
    /// Give it another secret; both sign for a while
    Rotate {
        id: String,
        /// How long the secret so far signs too [default: 24]
        #[arg(long, value_name = "HOURS")]
        overlap_hours: Option<u32>,
        /// A secret of your own: `whsec_` and base64
        #[arg(long, value_name = "SECRET")]
        secret: Option<String>,
    },
    /// Send it a test
    Test { id: String },
    /// What became of its webhooks, newest first
    Log {
        id: String,
        /// Only pending, delivered or failed ones
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,
        /// Go on behind this one: the cursor of the page before
        #[arg(long, value_name = "SEQUENCE")]
        cursor: Option<String>,
    },
    /// Deliver again: one, a stretch, or all that failed
    #[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
    Replay {
        id: String,
        /// All that was given up
        #[arg(long, group = "what", conflicts_with_all = ["sequence", "from", "to", "since", "until"])]
        failed: bool,
        /// One event by its number
        #[arg(long, group = "what", value_name = "N", conflicts_with_all = ["from", "to", "since", "until"])]
        sequence: Option<i64>,
        /// From this number …
        #[arg(long, group = "what", value_name = "N", requires = "to")]
        from: Option<i64>,
        /// … to this one
        #[arg(long, value_name = "N", requires = "from")]
        to: Option<i64>,
        /// From this time on
        #[arg(long, group = "what", value_name = "TIME", conflicts_with = "from")]
        since: Option<When>,
        /// Up to this time
        #[arg(long, group = "what", value_name = "TIME", conflicts_with = "from")]
        until: Option<When>,
    },
}

#[derive(Debug, Args)]
struct Wanted {
    /// A kind of event, a subject as in 'message.*', or '*'; may be repeated [default: '*']
    #[arg(long, value_name = "FILTER")]
    events: Vec<String>,
    /// Your own words
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Webhooks under way at once at most, 1 to 50 [default: 5]
    #[arg(long, value_name = "N")]
    concurrency: Option<u32>,
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let call = match &options.action {
        Action::Add { url, wanted, secret } => {
            let mut body = wanted.body();
            body.insert("url".to_owned(), json!(url));
            give(&mut body, "secret", secret.as_ref());
            Call::post([ENDPOINTS], Some(Value::Object(body)))
        }
        Action::List => Call::get([ENDPOINTS]),
        Action::Show { id } => Call::get([ENDPOINTS, id]),
        Action::Update {
            id,
            url,
            wanted,
            enable,
            disable,
        } => {
            let mut body = wanted.body();
            give(&mut body, "url", url.as_ref());
            if *enable || *disable {
                body.insert("enabled".to_owned(), json!(enable));
            }
            Call::patch([ENDPOINTS, id], Value::Object(body))
        }
        Action::Remove { id } => Call::delete([ENDPOINTS, id]),
        Action::Secret { id } => Call::get([ENDPOINTS, id, "secret"]),
        Action::Rotate {
            id,
            overlap_hours,
            secret,
        } => {
            let mut body = Map::new();
            give(&mut body, "overlap_hours", overlap_hours.as_ref());
            give(&mut body, "secret", secret.as_ref());
            Call::post([ENDPOINTS, id, "rotate-secret"], Some(Value::Object(body)))
        }
        Action::Test { id } => Call::post([ENDPOINTS, id, "test"], None),
        Action::Log { id, status, cursor } => Call::get([ENDPOINTS, id, "deliveries"])
            .query("status", status.as_deref())
            .query("cursor", cursor.as_deref()),
        Action::Replay {
            id,
            failed,
            sequence,
            from,
            to,
            since,
            until,
        } => {
            let now = Clock::system().now();
            let mut body = Map::new();
            give(&mut body, "failed", failed.then_some(&true));
            for (name, number) in [("sequence", sequence), ("from_sequence", from), ("to_sequence", to)] {
                give(&mut body, name, number.as_ref());
            }
            for (name, time) in [("since", since), ("until", until)] {
                give(&mut body, name, time.map(|time| time.to_text(now)).as_ref());
            }
            Call::post([ENDPOINTS, id, "replay"], Some(Value::Object(body)))
        }
    };
    let answer = Api::new(&options.connect)?.call(call).await?;
    Ok(answer.show(options.connect.json, |data| shown(&options.action, data)))
}

impl Wanted {
    fn body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        if !self.events.is_empty() {
            body.insert("events".to_owned(), json!(self.events));
        }
        give(&mut body, "description", self.description.as_ref());
        give(&mut body, "concurrency", self.concurrency.as_ref());
        body
    }
}

fn give<T: serde::Serialize>(body: &mut Map<String, Value>, name: &str, value: Option<&T>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), json!(value));
    }
}

fn shown(action: &Action, data: &Value) -> String {
    match (action, data.as_array()) {
        (Action::Log { .. }, Some(log)) if log.is_empty() => "nothing was delivered yet".to_owned(),
        (_, Some(list)) if list.is_empty() => "no endpoints".to_owned(),
        (Action::Log { .. }, Some(_)) => output::fields(&json!({"deliveries": data})),
        (_, Some(_)) => output::fields(&json!({"webhook_endpoints": data})),
        (_, None) => output::fields(data),
    }
}
