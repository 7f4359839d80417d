//! `turnpike dead list|redrive|drop`

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use broker::{Address, Admin, Connection, Delivery, Outgoing, Publisher, Topology, key};
use clap::{Args, Subcommand};
use domain::Lane;
use domain::job::Job;
use runtime::config::Amqp;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::{output, settings};

/// Most letters that are looked at in one go.
const MOST: u16 = 1_000;
/// How long the broker may take to hand out what it said was there.
const PATIENCE: Duration = Duration::from_secs(10);
/// The header that says why a job was set aside.
const WHY: &str = "x-error";

/// Look at jobs that no sender could read, and put them back or drop them
///
/// A job carries ids and is only a nudge: the messages themselves are in the database, and their jobs are published again by
/// themselves. So dropping a dead letter loses no message; redrive is for what a newer version can read.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  turnpike dead list
  turnpike dead redrive --all
  turnpike dead drop 6d9f4a52-6a0f-4d0c-9f59-0b2f0d1a7f11

At most 1,000 letters at a time. Needs TURNPIKE_AMQP_URL (and TURNPIKE_AMQP_PREFIX, where the roles have one)."
)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show them; they stay where they are
    List {
        /// Print them in JSON
        #[arg(long)]
        json: bool,
    },
    /// Publish those that this version can read to the senders again
    Redrive(Chosen),
    /// Throw them away
    Drop(Chosen),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Chosen {
    /// The ids that `turnpike dead list` shows
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// All of them
    #[arg(long)]
    all: bool,
}

impl Chosen {
    fn has(&self, letter: &Delivery) -> bool {
        self.all
            || letter
                .properties
                .message_id
                .as_ref()
                .is_some_and(|id| self.ids.contains(id))
    }
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let amqp = settings::read(Amqp::from_env)?;
    let address = Address::parse(amqp.url.expose_secret()).context("reading TURNPIKE_AMQP_URL")?;
    let topology = Topology::new(&amqp.prefix);
    let waiting = count(&address, &topology).await?;
    // What is not settled goes back to its place when this connection closes.
    let connection = Connection::open(&address, "turnpike dead").await?;
    let mut subscription = connection.consume(&topology.queues.dead, MOST).await?;
    let mut letters = Vec::new();
    while letters.len() < waiting.min(MOST.into()) {
        // Another operator may have them in hand.
        let Ok(next) = tokio::time::timeout(PATIENCE, subscription.next()).await else {
            break;
        };
        letters.extend(next?);
    }
    let exit = match &options.action {
        Action::List { json } => list(&letters, *json),
        Action::Redrive(chosen) => redrive(letters, chosen, &address, &topology).await?,
        Action::Drop(chosen) => drop_letters(letters, chosen).await?,
    };
    connection.close().await?;
    Ok(exit)
}

async fn count(address: &Address, topology: &Topology) -> Result<usize> {
    let admin = Admin::open(address).await?;
    let depth = admin.queue_depth(&topology.queues.dead).await?;
    admin.close().await?;
    match depth {
        Some(depth) => Ok(usize::try_from(depth.ready)?),
        None => bail!(
            "there is no queue {}; has a role run with this TURNPIKE_AMQP_PREFIX?",
            topology.queues.dead
        ),
    }
}

fn list(letters: &[Delivery], json: bool) -> Exit {
    let shown: Vec<Value> = letters.iter().map(show).collect();
    match (json, shown.is_empty()) {
        (true, _) => output::data(json!({"data": shown}).to_string()),
        (false, true) => output::talk("there are no dead letters"),
        (false, false) => output::data(output::fields(&json!({"letters": shown}))),
    }
    Exit::Done
}

/// Jobs hold ids only, so a part of the body may be shown.
fn show(letter: &Delivery) -> Value {
    let body = String::from_utf8_lossy(&letter.body);
    json!({
        "id": letter.properties.message_id,
        "readable": Job::decode(&letter.body).is_ok(),
        "reason": letter.properties.headers.get(WHY),
        "bytes": letter.body.len(),
        "body": body.chars().take(120).collect::<String>(),
    })
}

/// Publishes first and acknowledges what was confirmed: should this break off in between, a job is there twice, which is harmless.
async fn redrive(letters: Vec<Delivery>, chosen: &Chosen, address: &Address, topology: &Topology) -> Result<Exit> {
    let (mut jobs, mut unreadable) = (Vec::new(), 0);
    for letter in letters.into_iter().filter(|letter| chosen.has(letter)) {
        match Job::decode(&letter.body) {
            Ok(job) => jobs.push((job, letter)),
            Err(_) => unreadable += 1,
        }
    }
    let outgoing = jobs.iter().map(|(job, letter)| {
        let lane = match job.lane {
            Lane::Rt => key::RT,
            Lane::Bulk => key::BULK,
        };
        let id = uuid::Uuid::new_v4().to_string();
        Outgoing::new(topology.exchanges.send.as_str(), lane, id, letter.body.clone())
    });
    let published = publish(outgoing.collect(), address, topology).await?;
    let safe = jobs.into_iter().zip(published).filter(|(_, published)| *published);
    let safe: Vec<Delivery> = safe.map(|((_, letter), _)| letter).collect();
    let redriven = safe.len();
    broker::ack_all(safe).await?;
    output::data(format!("redriven    {redriven}\nunreadable  {unreadable}"));
    if unreadable > 0 {
        output::talk(
            "those that this version cannot read stay among the dead letters; `turnpike dead drop` throws them away",
        );
    }
    Ok(if unreadable == 0 { Exit::Done } else { Exit::Failed })
}

/// Whether each was confirmed.
async fn publish(outgoing: Vec<Outgoing>, address: &Address, topology: &Topology) -> Result<Vec<bool>> {
    let (publisher, driver) = Publisher::new();
    let stop = CancellationToken::new();
    let publishing = async {
        let published = tokio::time::timeout(PATIENCE, async {
            while !publisher.is_connected() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            publisher.publish(outgoing).await
        });
        let published = published.await;
        stop.cancel();
        published
    };
    let session = driver.session(address, topology, &stop, || {});
    let (published, ended) = tokio::join!(publishing, session);
    ended?;
    let published = published.context("publishing to the broker; is it short of memory or disk?")?;
    Ok(published
        .into_iter()
        .map(|published| published.is_confirmed())
        .collect())
}

async fn drop_letters(letters: Vec<Delivery>, chosen: &Chosen) -> Result<Exit> {
    let dropped: Vec<Delivery> = letters.into_iter().filter(|letter| chosen.has(letter)).collect();
    let count = dropped.len();
    broker::ack_all(dropped).await?;
    output::data(format!("dropped  {count}"));
    Ok(Exit::Done)
}
