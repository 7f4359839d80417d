//! `turnpike campaign …`

mod list;
mod watch;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use runtime::Clock;
use serde_json::{Map, Value, json};

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;
use crate::parameters::Parameters;
use crate::when::When;

/// Write to many people: make a campaign, add its list, look before it goes, start it, watch it, stop it
///
/// A campaign is a draft until it is started; its list may have up to a million lines and is handed in chunk by chunk, so a
/// command that broke off is simply repeated. Preflight is a dry run; plan says by the hour what will go and when it ends.
/// Stop means stop: when pause or cancel has answered, no message of the campaign sets out any more.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Example:
  C=$(turnpike campaign create --name Spring --template sale --param '10 %' --local 2027-03-01T09:00 --json | jq -r .data.campaign_id)
  turnpike campaign add $C people.csv          # to,1,zone
  turnpike campaign preflight $C
  turnpike campaign start $C && turnpike campaign watch $C

Needs TURNPIKE_API_KEY with the scopes messages:write and messages:read, and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a draft
    Create(Box<Create>),
    /// Add the recipients of a CSV or NDJSON file
    Add(Add),
    /// Freeze its list and let it go, now or when its time comes
    Start(One),
    /// Follow it to its end
    Watch(One),
    /// Let nothing more of it go, until it is resumed
    Pause(One),
    /// Let the rest of it go
    Resume(One),
    /// Call back what is not handed over, for good
    Cancel(One),
    /// Go once more to those who were not reached
    Retry(One),
    /// Move it to another time, before it begins or while it is paused
    Reschedule(Reschedule),
    /// Show by the hour what will go, and when it ends
    Plan(One),
    /// Show who would get it, who would wait, who would not, and why
    Preflight(One),
    /// List campaigns, the newest first
    List(List),
}

#[derive(Debug, Args)]
struct One {
    /// The `campaign_id` that create printed
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    connect: Connect,
}

#[derive(Debug, Args)]
struct Times {
    /// Not before then: 2026-12-24T09:00:00Z, or +2h from now
    #[arg(long, value_name = "TIME", conflicts_with = "local")]
    at: Option<When>,
    /// Not before each recipient's own clock shows this: 2026-12-24T09:00
    #[arg(long, value_name = "LOCAL TIME")]
    local: Option<String>,
    /// Not after then
    #[arg(long, value_name = "TIME")]
    expires: Option<When>,
}

#[derive(Debug, Args)]
struct Create {
    /// What people call it [default: the template's name]
    #[arg(long)]
    name: Option<String>,
    /// The template
    #[arg(long, value_name = "NAME")]
    template: String,
    /// Its language, where it has several
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    #[command(flatten)]
    parameters: Parameters,
    /// Another template that gets half of the audience
    #[arg(long, value_name = "NAME")]
    against: Option<String>,
    /// Sender number; several share the audience [default: the oldest connected one]
    #[arg(long, value_name = "NUMBER")]
    from: Vec<String>,
    #[command(flatten)]
    times: Times,
    /// Warm up: messages in the first hour, twice as many in each that follows
    #[arg(long, value_name = "MESSAGES")]
    ramp: Option<u32>,
    /// The share of the messaging limit that is left to other messages
    #[arg(long, value_name = "PERCENT")]
    reserve: Option<u8>,
    #[command(flatten)]
    connect: Connect,
}

#[derive(Debug, Args)]
struct Add {
    /// The `campaign_id` that create printed
    #[arg(value_name = "ID")]
    id: String,
    /// CSV (`to` and parameters), or NDJSON when it ends in .ndjson or .jsonl
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Add nothing of a chunk that has a wrong line
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    connect: Connect,
}

#[derive(Debug, Args)]
struct Reschedule {
    /// The `campaign_id` that create printed
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    times: Times,
    #[command(flatten)]
    connect: Connect,
}

#[derive(Debug, Args)]
struct List {
    /// Only those: draft, adding, scheduled, running, paused, done or canceled
    #[arg(long)]
    status: Option<String>,
    #[command(flatten)]
    connect: Connect,
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    match &options.action {
        Action::Create(create) => self::create(create).await,
        Action::Add(add) => {
            list::add(
                &Api::new(&add.connect)?,
                &add.id,
                &add.file,
                add.strict,
                add.connect.json,
            )
            .await
        }
        Action::Watch(one) => watch::run(&Api::new(&one.connect)?, &one.id, one.connect.json).await,
        Action::Start(one) => post(one, "start").await,
        Action::Pause(one) => post(one, "pause").await,
        Action::Resume(one) => post(one, "resume").await,
        Action::Cancel(one) => post(one, "cancel").await,
        Action::Retry(one) => post(one, "retry").await,
        Action::Plan(one) => get(one, "plan").await,
        Action::Preflight(one) => get(one, "preflight").await,
        Action::Reschedule(options) => reschedule(options).await,
        Action::List(options) => {
            let call = Call::get(["campaigns"]).query("status", options.status.as_deref());
            let answer = Api::new(&options.connect)?.call(call).await?;
            Ok(answer.show(options.connect.json, |data| {
                let all = data.as_array().into_iter().flatten();
                let short = all.map(|one| {
                    json!({"campaign_id": one["campaign_id"], "status": one["status"], "audience": one["audience"], "name": one["name"]})
                });
                output::fields(&json!({"campaigns": short.collect::<Vec<_>>()}))
            }))
        }
    }
}

async fn create(options: &Create) -> Result<Exit> {
    let mut body = json!({"name": options.name});
    let mut template = json!({"template_name": options.template, "template_language": options.language});
    if let Some(params) = options.parameters.short() {
        template["template_params"] = params;
    }
    match &options.against {
        None => merge(&mut body, template),
        Some(other) => {
            let mut against = template.clone();
            against["template_name"] = json!(other);
            body["variants"] = json!([template, against]);
        }
    }
    if !options.from.is_empty() {
        body["from"] = json!(options.from);
    }
    if let Some(first_hour) = options.ramp {
        body["ramp"] = json!({"first_hour": first_hour});
    }
    body["tier_reserve_percent"] = json!(options.reserve);
    merge(&mut body, options.times.to_json());
    let answer = Api::new(&options.connect)?
        .call(Call::post(["campaigns"], Some(body)))
        .await?;
    Ok(answer.show(options.connect.json, output::fields))
}

async fn reschedule(options: &Reschedule) -> Result<Exit> {
    let api = Api::new(&options.connect)?;
    let call = Call::post(["campaigns", &options.id, "reschedule"], Some(options.times.to_json()));
    Ok(api.call(call).await?.show(options.connect.json, output::fields))
}

async fn post(one: &One, word: &str) -> Result<Exit> {
    let api = Api::new(&one.connect)?;
    let answer = api.call(Call::post(["campaigns", &one.id, word], None)).await?;
    Ok(answer.show(one.connect.json, output::fields))
}

async fn get(one: &One, word: &str) -> Result<Exit> {
    let api = Api::new(&one.connect)?;
    let answer = api.call(Call::get(["campaigns", &one.id, word])).await;
    Ok(answer
        .context("asking for the campaign")?
        .show(one.connect.json, output::fields))
}

impl Times {
    fn to_json(&self) -> Value {
        let now = Clock::system().now();
        let mut times = Map::new();
        let at = self.at.map(|at| at.to_text(now));
        let expires = self.expires.map(|at| at.to_text(now));
        for (name, value) in [
            ("scheduled_at", at),
            ("scheduled_local", self.local.clone()),
            ("expires_at", expires),
        ] {
            times.extend(value.map(|value| (name.to_owned(), json!(value))));
        }
        Value::Object(times)
    }
}

fn merge(body: &mut Value, more: Value) {
    if let (Value::Object(body), Value::Object(more)) = (body, more) {
        body.extend(more);
    }
}
