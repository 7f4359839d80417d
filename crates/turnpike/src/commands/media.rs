//! `turnpike media upload|download`

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};

use crate::api::{Api, Call, Connect};
use crate::exit::Exit;
use crate::output;

/// Hand files in, and fetch those that people sent
///
/// A file that is handed in once can be sent any number of times, from any number: name its `media_id` wherever a message takes the
/// id of a picture, film, sound, document or sticker.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  turnpike media upload invoice.pdf
  turnpike media download 1234567890123456 --to picture.jpg

Needs TURNPIKE_API_KEY with the scope messages:write (download: messages:read), and TURNPIKE_URL unless ingest is on this machine."
)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Hand a file in; prints its `media_id`
    Upload {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// How people shall see it called [default: as FILE is]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        connect: Connect,
    },
    /// Fetch a file: one that was handed in, or one that a person sent
    Download {
        /// Its `media_id`, or Meta's id from the inbound message
        #[arg(value_name = "ID")]
        id: String,
        /// Where to put it
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// The sender number that it was sent to
        #[arg(long, value_name = "NUMBER")]
        from: Option<String>,
        #[command(flatten)]
        connect: Connect,
    },
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    match &options.action {
        Action::Upload { file, name, connect } => {
            let called = file.file_name().map(|name| name.to_string_lossy().into_owned());
            let name = name.clone().or(called);
            let bytes = std::fs::read(file);
            let bytes = bytes.with_context(|| format!("reading {}; give the path of a file", file.display()))?;
            let call = Call::post(["media"], None)
                .query("filename", name.as_deref())
                .file(bytes);
            let answer = Api::new(connect)?.call(call).await?;
            Ok(answer.show(connect.json, output::fields))
        }
        Action::Download { id, to, from, connect } => {
            let call = Call::get(["media", id]).query("from", from.as_deref());
            Api::new(connect)?.download(call, to).await
        }
    }
}
