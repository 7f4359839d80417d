//! The executable as an operator meets it: a process with arguments and an environment, that prints and ends with a code.

#![expect(clippy::unwrap_used, reason = "a panic in a helper is how its test fails")]

mod apply;
mod check;
mod client;
mod dead;
mod deploy;
mod doctor;
mod environment;
mod help;
mod invocation;
mod migrate;
mod roles;
mod running;
mod simulator;
mod whole;
