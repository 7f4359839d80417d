//! How a command ended, as an exit code and in words.
//!
//! Codes follow `sysexits.h` where it has one, so that a supervisor can tell a mistake of the operator (do not restart) from a
//! failure (do).

use std::error::Error;
use std::process::ExitCode;

use runtime::config::ConfigErrors;

use crate::output;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well; a role was asked to stop and finished what it had in hand.
    Done = 0,
    /// It did not work; the words say why and what to do.
    Failed = 1,
    /// Options or environment are wrong: starting again changes nothing.
    Usage = 64,
    /// A part of a role broke, and the rest was stopped in order.
    Broken = 70,
    /// A role was asked to stop and did not finish in time. Others take over what it left.
    Unfinished = 75,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Help and version are answers, everything else that the parser says is a mistake.
pub(crate) fn parsing(answer: &clap::Error) -> ExitCode {
    // Nobody is left to be told when the terminal is gone.
    let _ = answer.print();
    if answer.use_stderr() { Exit::Usage } else { Exit::Done }.into()
}

/// Says why it failed, if it did, and with which code to end.
pub(crate) fn report(outcome: anyhow::Result<Exit>) -> ExitCode {
    let error = match outcome {
        Ok(exit) => return exit.into(),
        Err(error) => error,
    };
    if let Some(errors) = error.downcast_ref::<ConfigErrors>() {
        let count = errors.0.len();
        let mistakes = if count == 1 { "a mistake" } else { "mistakes" };
        output::talk(format!(
            "the environment has {mistakes}, nothing was started:\n{errors}"
        ));
        return Exit::Usage.into();
    }
    output::talk(format!("error: {}", chain(error.as_ref())));
    Exit::Failed.into()
}

/// The error and what caused it, in one line. A cause that its parent already quotes is not repeated.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("connecting; check the address: {0}")]
    struct Quoting(#[source] std::io::Error);

    #[test]
    fn a_cause_is_told_once() {
        let refused = || std::io::Error::other("refused");
        let wrapped = anyhow::Error::new(refused()).context("connecting");

        assert_eq!(chain(wrapped.as_ref()), "connecting: refused");
        assert_eq!(chain(&Quoting(refused())), "connecting; check the address: refused");
    }
}
