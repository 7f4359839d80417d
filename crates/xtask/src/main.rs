//! `cargo xtask`: everything one does in this checkout, on a machine that may have nothing but a Rust toolchain.
//!
//! One file per subcommand: its options, and `run`.

mod bench;
mod cargo;
mod chaos;
mod ci;
mod count;
mod demo;
mod down;
mod events;
mod mutants;
mod soak;
mod status;
mod test;
mod up;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Everything one does in this checkout.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Options),
    Down(down::Options),
    Status(status::Options),
    Demo(demo::Options),
    Test(test::Options),
    Ci(ci::Options),
    Bench(Box<bench::Options>),
    Events(events::Options),
    Mutants(mutants::Options),
    Soak(soak::Options),
    Chaos(chaos::Options),
}

fn main() -> Result<ExitCode> {
    match Options::parse().command {
        Command::Up(options) => up::run(&options),
        Command::Down(options) => down::run(&options),
        Command::Status(options) => status::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Ci(options) => ci::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Events(options) => events::run(&options),
        Command::Mutants(options) => mutants::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Chaos(options) => chaos::run(&options),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Options::command().debug_assert();
    }
}
