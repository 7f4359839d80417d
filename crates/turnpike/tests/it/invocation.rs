//! Calling the executable and reading what it said.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use testkit::database::{TestDatabase, secret_key};

/// What a call said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

/// `turnpike <arguments>`, with nothing of ours in its environment.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turnpike"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TURNPIKE_") {
            command.env_remove(name);
        }
    }
    command
}

/// Calls it with these variables.
pub(crate) fn call(arguments: &[&str], variables: &[(&str, &str)]) -> Said {
    let mut command = command(arguments);
    command.envs(variables.iter().copied());
    command.output().expect("the executable starts").into()
}

/// Calls it with these variables and this standard input.
pub(crate) fn call_with_input(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Said {
    let mut command = command(arguments);
    command.envs(variables.iter().copied());
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().expect("the executable starts");
    let mut stdin = child.stdin.take().expect("its input is piped");
    stdin.write_all(input.as_bytes()).expect("it reads its input");
    drop(stdin);
    child.wait_with_output().expect("it ends").into()
}

/// Database and key, as a role needs them.
pub(crate) fn ledger(database: &TestDatabase) -> Vec<(&'static str, String)> {
    vec![
        ("TURNPIKE_DATABASE_URL", database.url.clone()),
        ("TURNPIKE_SECRET_KEY", secret_key()),
    ]
}

/// Borrowed, as [`call`] takes them.
pub(crate) fn borrowed<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// A client for loopback.
pub(crate) fn http() -> reqwest::Client {
    meta::install_crypto();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    client.build().expect("a client without certificates")
}
