//! `turnpike template list|show|create|edit|delete|sync`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;

/// See and change the templates that Meta has
///
/// What is changed here is changed with Meta, and reviewed by Meta; webhooks tell what comes of it. `sync` compares everything that is
/// known of your accounts (templates, numbers, limits) with Meta now, which otherwise happens every few hours.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  turnpike template list --status PAUSED
  turnpike template create order_update.json
  turnpike template edit 17 order_update.json
  turnpike template delete 17
  turnpike template sync

The file holds what Meta's API takes: name, language, category, components (to edit: components, category).
Needs TURNPIKE_API_KEY with the scope admin (list, show: messages:read), and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List templates, page by page
    List {
        /// Only of this name
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Only in this status, in Meta's word
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,
        /// Go on behind this one: the cursor of the page before
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
        #[command(flatten)]
        connect: Connect,
    },
    /// Show one
    Show {
        /// Its id, from the list
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        connect: Connect,
    },
    /// Hand one in for Meta's review
    Create {
        /// A JSON file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        connect: Connect,
    },
    /// Change one; it goes to review again
    Edit {
        /// Its id, from the list
        #[arg(value_name = "ID")]
        id: String,
        /// A JSON file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        connect: Connect,
    },
    /// Delete one, in its language
    Delete {
        /// Its id, from the list
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        connect: Connect,
    },
    /// Compare with Meta now
    Sync {
        #[command(flatten)]
        connect: Connect,
    },
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let (connect, call) = match &options.action {
        Action::List {
            name,
            status,
            cursor,
            connect,
        } => {
            let call = Call::get(["templates"]).query("name", name.as_deref());
            (
                connect,
                call.query("status", status.as_deref())
                    .query("cursor", cursor.as_deref()),
            )
        }
        Action::Show { id, connect } => (connect, Call::get(["templates", id])),
        Action::Create { file, connect } => (connect, Call::post(["templates"], Some(read(file)?))),
        Action::Edit { id, file, connect } => (connect, Call::put(["templates", id]).body(read(file)?)),
        Action::Delete { id, connect } => (connect, Call::delete(["templates", id])),
        Action::Sync { connect } => (connect, Call::post(["templates", "sync"], None)),
    };
    let answer = Api::new(connect)?.call(call).await?;
    let cursor = answer.body["meta"]["pagination"]["cursor"].as_str().map(str::to_owned);
    let exit = answer.show(connect.json, people);
    if let Some(cursor) = cursor {
        output::talk(format!("there are more: turnpike template list --cursor {cursor}"));
    }
    Ok(exit)
}

fn people(data: &Value) -> String {
    match data {
        Value::Array(templates) if templates.is_empty() => "none".to_owned(),
        Value::Array(_) => output::fields(&json!({"templates": data})),
        _ => output::fields(data),
    }
}

fn read(file: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("reading {}; give the path of a JSON file", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("reading {}: it is not JSON", file.display()))
}
