//! The executable: one subcommand per role, and everything an operator does from a terminal.
//!
//! **Invariant:** nothing is decided here. A command reads its options and its part of the environment, builds what it needs from
//! the other crates, and says how it ended: in words on standard error, in a number as the exit code.

mod api;
mod commands;
mod exit;
mod output;
mod parameters;
mod process;
mod recipients;
mod roles;
mod settings;
mod spans;
mod vitals;
mod when;

use std::process::ExitCode;

use clap::{ColorChoice, Parser};

use crate::commands::Command;

/// The open, self-hosted send pipeline for the WhatsApp Business Platform.
///
/// Other systems hand it messages over HTTP or AMQP; nothing is lost, nothing is sent twice and every limit holds
/// while it pushes them through Meta's Cloud API as fast as Meta allows.
#[derive(Debug, Parser)]
#[command(
    version,
    verbatim_doc_comment,
    color = ColorChoice::Never,
    max_term_width = 110,
    arg_required_else_help = true,
    after_help = commands::FIRST_STEPS,
    after_long_help = commands::help_with_variables()
)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    // Before anything opens a TLS connection: PostgreSQL, RabbitMQ and Meta share one provider.
    meta::install_crypto();
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(answer) => return exit::parsing(&answer),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::talk(format!(
                "starting threads: {error}; raise the limit on processes (ulimit -u)"
            ));
            return exit::Exit::Failed.into();
        }
    };
    let outcome = runtime.block_on(Box::pin(options.command.run()));
    // Not waited for: what had to end has ended, or the drain has already said what did not.
    runtime.shutdown_background();
    exit::report(outcome)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn every_subcommand_says_what_it_does_and_shows_an_example() {
        for command in Options::command().get_subcommands() {
            let name = command.get_name();
            let help = command.clone().render_long_help().to_string();
            assert!(command.get_about().is_some(), "{name} says what it does");
            assert!(help.contains("Example"), "{name} shows an example:\n{help}");
            assert!(
                help.contains(&format!("turnpike {name}")),
                "{name} shows how it is called:\n{help}"
            );
        }
    }
}
