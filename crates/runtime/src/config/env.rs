//! Reading variables, from the process or from a table, and collecting what is wrong with them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::{ConfigError, ConfigErrors};
use super::variables::{VARIABLES, Variable, find};

const PREFIX: &str = "TURNPIKE_";
/// Ours, but read by the test harness and not by the programs.
const IGNORED: [&str; 2] = ["TURNPIKE_BIN", "TURNPIKE_TEST_"];

/// The `TURNPIKE_…` part of an environment.
///
/// No `Debug` on purpose: it holds secrets.
#[expect(missing_debug_implementations, reason = "it holds secrets")]
pub struct Env(BTreeMap<String, Option<String>>);

impl Env {
    /// The environment of this process.
    pub fn from_process() -> Self {
        let ours =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok())));
        Self(ours.filter(|(name, _)| is_ours(name)).collect())
    }

    /// A made-up environment, for tests.
    pub fn from_map<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let ours = variables
            .into_iter()
            .map(|(name, value)| (name.into(), Some(value.into())));
        Self(ours.filter(|(name, _)| is_ours(name)).collect())
    }

    /// Starts reading: unknown names and doubly set ones are noted at once, whoever reads what afterwards.
    pub fn reader(self) -> Reader {
        let mut errors = Vec::new();
        for name in self.0.keys() {
            let known = find(name).or_else(|| name.strip_suffix("_FILE").and_then(find));
            match known {
                None => errors.push(ConfigError::Unknown { name: name.clone() }),
                Some(variable) if variable.name != name && self.0.contains_key(variable.name) => {
                    errors.push(ConfigError::Twice(variable.name));
                }
                Some(_) => {}
            }
        }
        Reader { env: self, errors }
    }
}

fn is_ours(name: &str) -> bool {
    let is_for_crashes = cfg!(feature = "crash-points") && name == crate::crash::VARIABLE;
    name.starts_with(PREFIX) && name != IGNORED[0] && !name.starts_with(IGNORED[1]) && !is_for_crashes
}

/// Reads variables one by one and remembers every mistake until [`finish`](Self::finish).
#[expect(missing_debug_implementations, reason = "it holds secrets")]
pub struct Reader {
    env: Env,
    errors: Vec<ConfigError>,
}

impl Reader {
    /// The value of a variable, or its default when it is not set; `None` and a noted mistake when it has none.
    ///
    /// # Panics
    /// When `name` is not in [`VARIABLES`]: what is not documented there must not be read.
    pub fn required(&mut self, name: &'static str) -> Option<String> {
        let variable = variable(name);
        let value = self.lookup(variable).ok()?;
        if value.is_none() {
            self.errors.push(ConfigError::Missing(variable));
        }
        value
    }

    /// As [`required`](Self::required), but `None` without a mistake when the variable is not set and has no default.
    ///
    /// # Panics
    /// As [`required`](Self::required).
    pub fn optional(&mut self, name: &'static str) -> Option<String> {
        self.lookup(variable(name)).ok()?
    }

    /// The value in its type; `parse` returns `None` when it has not the form that `expected` describes.
    ///
    /// # Panics
    /// As [`required`](Self::required).
    pub fn parse<T>(&mut self, name: &'static str, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = self.required(name)?;
        let parsed = parse(&value);
        if parsed.is_none() {
            self.malformed(variable(name), Some(value), expected);
        }
        parsed
    }

    /// All or nothing: what was read when no mistake was noted, else every mistake.
    ///
    /// # Errors
    /// Every mistake of the environment, also those in variables that nobody asked for.
    ///
    /// # Panics
    /// When `settings` is `None` without a noted mistake, which the reading functions above cannot produce.
    pub fn finish<T>(self, settings: Option<T>) -> Result<T, ConfigErrors> {
        if !self.errors.is_empty() {
            return Err(ConfigErrors(self.errors));
        }
        Ok(settings.expect("a setting is absent only together with a noted mistake"))
    }

    /// Value, file or default. An empty value counts as not set, as Compose files and shells produce them.
    fn lookup(&mut self, variable: &'static Variable) -> Result<Option<String>, Noted> {
        if self
            .errors
            .iter()
            .any(|error| matches!(error, ConfigError::Twice(name) if *name == variable.name))
        {
            return Err(Noted);
        }
        let value = match self.env.0.get(variable.name) {
            Some(value) => Some(self.unicode(variable, value.clone())?),
            None => self.read_file(variable)?,
        };
        Ok(value
            .filter(|value| !value.is_empty())
            .or_else(|| variable.default().map(str::to_owned)))
    }

    fn read_file(&mut self, variable: &'static Variable) -> Result<Option<String>, Noted> {
        let Some(path) = self.env.0.get(&format!("{}_FILE", variable.name)).cloned() else {
            return Ok(None);
        };
        let path = PathBuf::from(self.unicode(variable, path)?);
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned())),
            Err(source) => {
                self.errors.push(ConfigError::Unreadable {
                    name: variable.name,
                    path,
                    source,
                });
                Err(Noted)
            }
        }
    }

    fn unicode(&mut self, variable: &'static Variable, value: Option<String>) -> Result<String, Noted> {
        value.ok_or_else(|| {
            self.malformed(variable, None, "text in UTF-8");
            Noted
        })
    }

    fn malformed(&mut self, variable: &'static Variable, value: Option<String>, expected: &str) {
        // Several roles in one process read the same variable; one complaint is enough.
        let is_known = |error: &ConfigError| matches!(error, ConfigError::Malformed { variable: known, .. } if known.name == variable.name);
        if self.errors.iter().any(is_known) {
            return;
        }
        let shown = value.filter(|_| !variable.secret);
        self.errors.push(ConfigError::Malformed {
            variable,
            shown,
            expected: expected.to_owned(),
        });
    }
}

/// The mistake is in the reader's list already.
struct Noted;

fn variable(name: &str) -> &'static Variable {
    find(name).unwrap_or_else(|| panic!("{name} is missing in VARIABLES, which has {} entries", VARIABLES.len()))
}
