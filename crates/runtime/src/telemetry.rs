//! Logs and metrics: one line per event on standard error, one number per question in `/metrics`.

pub mod catalog;
pub mod metrics;
pub mod traces;

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};

/// Before the operator's own directives, so that naming these targets brings them back: lapin logs every broken
/// connection itself, which the supervisor then reports with its cause and what happens next.
const QUIET: &str = "lapin=off,tokio_postgres=warn,hyper=warn,reqwest=warn,rustls=warn";
/// After the operator's directives, so that nothing brings it back: it prints the bodies of returned messages.
const NEVER: &str = "lapin::returned_messages=off";

/// Logging cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The filter does not parse, which `config::Log` checks.
    #[error("reading the log filter, correct TURNPIKE_LOG")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Somebody else in this process logs already.
    #[error("starting to log, which must happen once in a process")]
    Started(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts logging to standard error, with colour only on a terminal and without `NO_COLOR`.
///
/// # Errors
/// When logging was started before in this process, or the filter is malformed.
pub fn init(log: &Log) -> Result<(), TelemetryError> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(&log.filter)?)
        .with_writer(io::stderr);
    match log.format {
        LogFormat::Text => builder.with_ansi(colour()).finish().try_init()?,
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .finish()
            .try_init()?,
    }
    Ok(())
}

fn filter(directives: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    EnvFilter::try_new(format!("{QUIET},{directives},{NEVER}"))
}

fn colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What is written under these directives by a few events.
    fn written(directives: &str) -> String {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter(directives).unwrap())
            .with_writer(move || Sink(Arc::clone(&sink)))
            .with_ansi(false)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "sender", "ours");
            tracing::error!(target: "lapin::channels", "library");
            tracing::warn!(target: "lapin::returned_messages", "body");
        });
        String::from_utf8(lines.lock().unwrap().clone()).unwrap()
    }

    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn our_lines_are_written_and_the_library_is_quiet() {
        let text = written("info");

        assert!(text.contains("ours") && !text.contains("library"), "{text}");
    }

    #[test]
    fn the_operator_can_hear_the_library_but_never_message_bodies() {
        let text = written("info,lapin=trace");

        assert!(text.contains("library") && !text.contains("body"), "{text}");
    }
}
