//! `turnpike suppress add|remove|list|import`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;

/// Say whom your organization does not write to
///
/// What you say here is yours: a START of the person does not lift it. And what the person said is theirs: `remove` does not lift
/// a STOP, unless --override says that they said otherwise elsewhere.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  turnpike suppress add +14155550100
  turnpike suppress remove +14155550100
  turnpike suppress import unsubscribed.csv --dry-run
  turnpike suppress list --cursor +14155550100

Needs TURNPIKE_API_KEY with the scope messages:write (list: messages:read; --override: admin), and TURNPIKE_URL unless ingest
is on this machine."
)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Do not write to this person any more
    Add {
        /// The person, with + and calling code
        #[arg(value_name = "PHONE")]
        phone: String,
        /// No marketing; codes and order updates may still go
        #[arg(long)]
        marketing_only: bool,
        #[command(flatten)]
        connect: Connect,
    },
    /// Take that back
    Remove {
        /// The person, with + and calling code
        #[arg(value_name = "PHONE")]
        phone: String,
        /// Lift the person's own STOP too
        #[arg(long = "override")]
        overrides: bool,
        #[command(flatten)]
        connect: Connect,
    },
    /// Show who is not written to, page by page
    List {
        /// Go on behind this one: the cursor of the page before
        #[arg(long, value_name = "PHONE")]
        cursor: Option<String>,
        #[command(flatten)]
        connect: Connect,
    },
    /// Take a list in, whole or not at all: CSV with the number in the first column, up to 100,000 lines
    Import {
        /// The list; - is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Only look whether it is right, and how many are new
        #[arg(long)]
        dry_run: bool,
        /// No marketing; codes and order updates may still go
        #[arg(long)]
        marketing_only: bool,
        #[command(flatten)]
        connect: Connect,
    },
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let (connect, call) = match &options.action {
        Action::Add {
            phone,
            marketing_only,
            connect,
        } => {
            let call = Call::put(["suppressions", phone]);
            (connect, call.query("scope", marketing_only.then_some("marketing")))
        }
        Action::Remove {
            phone,
            overrides,
            connect,
        } => {
            let call = Call::delete(["suppressions", phone]);
            (connect, call.query("override", overrides.then_some("true")))
        }
        Action::List { cursor, connect } => (connect, Call::get(["suppressions"]).query("cursor", cursor.as_deref())),
        Action::Import {
            file,
            dry_run,
            marketing_only,
            connect,
        } => {
            let call = Call::post(["suppressions", "import"], None).csv(read(file)?);
            let call = call.query("dry_run", dry_run.then_some("true"));
            (connect, call.query("scope", marketing_only.then_some("marketing")))
        }
    };
    let answer = Api::new(connect)?.call(call).await?;
    let cursor = answer.body["meta"]["pagination"]["cursor"].as_str().map(str::to_owned);
    let exit = answer.show(connect.json, people);
    if let Some(cursor) = cursor {
        output::talk(format!("there are more: turnpike suppress list --cursor {cursor}"));
    }
    Ok(exit)
}

fn people(data: &Value) -> String {
    match data {
        Value::Array(people) if people.is_empty() => "nobody".to_owned(),
        Value::Array(_) => output::fields(&json!({"suppressions": data})),
        _ => output::fields(data),
    }
}

fn read(file: &Path) -> Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("reading the list from standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("reading {}; give the path of a CSV file", file.display()))
}
