//! `cargo xtask`: everything one does in this checkout, on a machine that may have nothing but a Rust toolchain.
//!
//! One file per subcommand: its options, and `run`.

mod down;
mod status;
mod up;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Everything one does in this checkout.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Options),
    Down(down::Options),
    Status(status::Options),
}

fn main() -> Result<()> {
    match Options::parse().command {
        Command::Up(options) => up::run(&options),
        Command::Down(options) => down::run(&options),
        Command::Status(options) => status::run(&options),
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
