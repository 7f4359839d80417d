//! The subcommands, one file each: its options, its help, and `run`.

mod apply;
mod asyncapi;
mod balance;
mod broadcast;
mod campaign;
mod cancel;
mod check;
mod dead;
mod doctor;
mod explain;
mod flow;
mod inbound;
mod key;
mod limits;
mod media;
mod migrate;
mod number;
mod openapi;
mod read;
mod resolve;
mod role;
mod run;
mod send;
mod simulator;
mod status;
mod suppress;
mod template;
mod webhook;
mod window;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Exit;
use crate::roles::Role;

/// Below the list of subcommands.
pub(crate) const FIRST_STEPS: &str = "\
First steps:
  export TURNPIKE_DATABASE_URL=postgres://… TURNPIKE_AMQP_URL=amqp://… TURNPIKE_SECRET_KEY=$(openssl rand -base64 32)
  turnpike migrate                  # the database schema
  turnpike apply acme.toml          # who sends; prints API keys
  turnpike check                    # is all in place?
  turnpike run                      # every role in one process

`turnpike help COMMAND` says more about each; `turnpike --help` lists every variable.";

/// [`FIRST_STEPS`], then every variable of the environment.
pub(crate) fn help_with_variables() -> String {
    format!(
        "{FIRST_STEPS}\n\nEnvironment:\n{}\nExit codes: 0 done, 1 failed, 64 wrong options or environment, 70 a part broke, 75 stopped before all was finished.",
        runtime::config::describe()
    )
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Migrate(migrate::Options),
    Apply(apply::Options),
    Check(check::Options),
    Doctor(doctor::Options),
    Run(run::Options),
    #[command(about = role::about(Role::Ingest), after_help = role::help(Role::Ingest))]
    Ingest(role::Options),
    #[command(about = role::about(Role::Scheduler), after_help = role::help(Role::Scheduler))]
    Scheduler(role::Options),
    #[command(about = role::about(Role::Sender), after_help = role::help(Role::Sender))]
    Sender(role::Options),
    #[command(about = role::about(Role::Receipts), after_help = role::help(Role::Receipts))]
    Receipts(role::Options),
    #[command(about = role::about(Role::Notifier), after_help = role::help(Role::Notifier))]
    Notifier(role::Options),
    Simulator(simulator::Options),
    Send(send::Options),
    Broadcast(broadcast::Options),
    Status(status::Options),
    Explain(explain::Options),
    Limits(limits::Options),
    Media(media::Options),
    Template(template::Options),
    Window(window::Options),
    Inbound(inbound::Options),
    Read(read::Options),
    Cancel(cancel::Options),
    Balance(balance::Options),
    Campaign(campaign::Options),
    Flow(flow::Options),
    Number(number::Options),
    Key(key::Options),
    Suppress(suppress::Options),
    Webhook(webhook::Options),
    Resolve(resolve::Options),
    Dead(dead::Options),
    Asyncapi(asyncapi::Options),
    #[command(name = "openapi")]
    OpenApi(openapi::Options),
}

impl Command {
    /// Runs it to its end.
    pub(crate) async fn run(self) -> Result<Exit> {
        match self {
            Self::Migrate(options) => migrate::run(&options).await,
            Self::Apply(options) => apply::run(&options).await,
            Self::Check(options) => check::run(&options).await,
            Self::Doctor(options) => doctor::run(&options).await,
            Self::Run(options) => run::run(&options).await,
            Self::Ingest(options) => role::run(Role::Ingest, &options).await,
            Self::Scheduler(options) => role::run(Role::Scheduler, &options).await,
            Self::Sender(options) => role::run(Role::Sender, &options).await,
            Self::Receipts(options) => role::run(Role::Receipts, &options).await,
            Self::Notifier(options) => role::run(Role::Notifier, &options).await,
            Self::Simulator(options) => simulator::run(&options).await,
            Self::Send(options) => send::run(&options).await,
            Self::Broadcast(options) => broadcast::run(&options).await,
            Self::Status(options) => status::run(&options).await,
            Self::Explain(options) => explain::run(&options).await,
            Self::Limits(options) => limits::run(&options).await,
            Self::Media(options) => media::run(&options).await,
            Self::Template(options) => template::run(&options).await,
            Self::Window(options) => window::run(&options).await,
            Self::Inbound(options) => inbound::run(&options).await,
            Self::Read(options) => read::run(&options).await,
            Self::Cancel(options) => cancel::run(&options).await,
            Self::Balance(options) => balance::run(&options).await,
            Self::Campaign(options) => campaign::run(&options).await,
            Self::Flow(options) => flow::run(&options).await,
            Self::Number(options) => number::run(&options).await,
            Self::Key(options) => key::run(&options).await,
            Self::Suppress(options) => suppress::run(&options).await,
            Self::Webhook(options) => webhook::run(&options).await,
            Self::Resolve(options) => resolve::run(&options).await,
            Self::Dead(options) => dead::run(&options).await,
            Self::Asyncapi(options) => asyncapi::run(&options),
            Self::OpenApi(options) => openapi::run(&options),
        }
    }
}
