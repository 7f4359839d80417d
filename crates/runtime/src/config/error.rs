//! What is wrong with the environment, in words that say what to set.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::variables::{Fallback, Variable, nearest};

/// One mistake in the environment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A required variable is absent or empty.
    #[error("{}", missing(.0))]
    Missing(&'static Variable),
    /// The value does not have the form it must have. `shown` is the value, or nothing when it is secret.
    #[error("{} is malformed{}: expected {expected}, for example {}", variable.name, in_brackets(.shown.as_deref()), variable.example)]
    Malformed {
        /// Which variable.
        variable: &'static Variable,
        /// The value; `None` when it is secret.
        shown: Option<String>,
        /// The form it must have.
        expected: String,
    },
    /// The variable and its `_FILE` are both set, so one of them would be ignored.
    #[error("{0} and {0}_FILE are both set: keep one of them")]
    Twice(&'static str),
    /// The file that `<name>_FILE` names cannot be read.
    #[error("{name}_FILE names {}, which cannot be read ({source}): correct the path or the file's permissions", path.display())]
    Unreadable {
        /// The variable, without `_FILE`.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nothing of this name exists, so it is a typing mistake or belongs to another version.
    #[error("{name} is not a variable of turnpike{}", suggestion(.name))]
    Unknown {
        /// The name as found.
        name: String,
    },
}

/// Every mistake found, one per line when shown.
#[derive(Debug)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

fn missing(variable: &Variable) -> String {
    let by = match variable.fallback {
        Fallback::Required { by } => by,
        Fallback::Default(_) | Fallback::Chosen(_) => "this program",
    };
    format!(
        "{name} is not set, and {by} needs it: set it to {help}, for example {example} (or {name}_FILE to the path of a file that holds it)",
        name = variable.name,
        help = variable.help,
        example = variable.example,
    )
}

fn in_brackets(value: Option<&str>) -> String {
    value.map_or_else(String::new, |value| format!(" ({value:?})"))
}

fn suggestion(name: &str) -> String {
    match nearest(name) {
        Some(known) if name.ends_with("_FILE") => format!(": did you mean {known}_FILE?"),
        Some(known) => format!(": did you mean {known}?"),
        None => ": unset it (`turnpike --help` lists all of them)".to_owned(),
    }
}
