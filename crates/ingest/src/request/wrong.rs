//! Collects what is wrong with a request, so that a caller hears of everything at once.

use domain::content::FieldError;
use serde_json::{Map, Value, json};

use crate::problem::{Code, Problem};

/// Most errors that are told; the rest is counted.
const MOST_TOLD: usize = 50;

/// Fields that are wrong, in the order they were found.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    errors: Vec<FieldError>,
    phones: usize,
}

impl Wrong {
    pub(super) fn add(&mut self, error: FieldError) {
        self.errors.push(error);
    }

    /// The value, or the error noted.
    pub(super) fn check<T>(&mut self, read: Result<T, FieldError>) -> Option<T> {
        read.map_err(|error| self.add(error)).ok()
    }

    /// As [`check`](Self::check), where everything that is wrong is told.
    pub(super) fn check_all<T>(&mut self, read: Result<T, Vec<FieldError>>) -> Option<T> {
        read.map_err(|errors| self.errors.extend(errors)).ok()
    }

    /// As [`check`](Self::check), for a phone number, which has a code of its own.
    pub(super) fn phone<T>(&mut self, read: Result<T, FieldError>) -> Option<T> {
        let before = self.errors.len();
        let value = self.check(read);
        self.phones += self.errors.len() - before;
        value
    }

    /// Fields that nobody reads are mistakes: a misspelt `schedule_at` must not become a message that goes at once.
    pub(super) fn unknown(&mut self, fields: &Map<String, Value>, known: &[&str], at: &str) {
        for (name, value) in fields.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            let name: String = name.chars().take(64).collect();
            let expected = format!("no such field; known are {}", known.join(", "));
            self.add(FieldError::new(format!("{at}{name}"), value, expected));
        }
    }

    /// The problem, unless all is well.
    pub(super) fn into_result(self) -> Result<(), Problem> {
        let Some(first) = self.errors.first().cloned() else {
            return Ok(());
        };
        let code = if self.phones == self.errors.len() {
            Code::InvalidPhoneNumber
        } else {
            Code::ValidationError
        };
        let mut problem = Problem::field(code, first);
        let count = self.errors.len();
        if count > 1 {
            problem.message = format!("{} (and {} more)", problem.message, count - 1);
            problem.details["error_count"] = json!(count);
            problem.details["errors"] = self
                .errors
                .into_iter()
                .take(MOST_TOLD)
                .map(|error| json!({"field": error.field, "value": error.value, "expected": error.expected}))
                .collect();
        }
        Err(problem)
    }
}
