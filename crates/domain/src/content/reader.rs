//! Reading a request's JSON by hand: every value knows its path, every mistake is noted, and what nobody asked for is a mistake too.
//!
//! serde stops at the first mistake and speaks of Rust's types; callers are owed all of them, in Meta's words.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::FieldError;

/// Longest address that is passed on, in bytes.
const MAX_URL: usize = 2000;

/// What is wrong so far, in the order it was found.
#[derive(Debug, Default)]
pub(crate) struct Faults(RefCell<Vec<FieldError>>);

impl Faults {
    pub(crate) fn into_vec(self) -> Vec<FieldError> {
        self.0.into_inner()
    }
}

/// A value, where it stands, and where mistakes go.
#[derive(Debug, Clone)]
pub(crate) struct At<'a> {
    path: String,
    value: &'a Value,
    faults: &'a Faults,
}

/// An object that is being read, field by field.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    at: At<'a>,
    map: &'a Map<String, Value>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> At<'a> {
    pub(crate) fn new(path: impl Into<String>, value: &'a Value, faults: &'a Faults) -> Self {
        Self {
            path: path.into(),
            value,
            faults,
        }
    }

    /// The value as it is.
    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    /// Where it stands.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Notes that this value is wrong.
    pub(crate) fn fault(&self, expected: impl Into<String>) {
        let error = FieldError::new(&self.path, self.value, expected);
        self.faults.0.borrow_mut().push(error);
    }

    /// Reads an object; fields that `read` does not ask for are mistakes.
    pub(crate) fn object<T>(self, read: impl FnOnce(&Fields<'a>) -> Option<T>) -> Option<T> {
        let Value::Object(map) = self.value else {
            self.fault("an object");
            return None;
        };
        let fields = Fields {
            at: self,
            map,
            asked: RefCell::default(),
        };
        let read = read(&fields);
        fields.close();
        read
    }

    /// Reads a list of so many elements, each by `read`. An element that cannot be read costs the list.
    pub(crate) fn list<T>(self, count: RangeInclusive<usize>, read: impl Fn(At<'a>) -> Option<T>) -> Option<Vec<T>> {
        let (least, most) = (*count.start(), *count.end());
        match self.value {
            Value::Array(items) if count.contains(&items.len()) => {
                let elements = items.iter().enumerate();
                let read: Vec<Option<T>> = elements
                    .map(|(n, item)| read(At::new(format!("{}[{n}]", self.path), item, self.faults)))
                    .collect();
                read.into_iter().collect()
            }
            Value::Array(items) => {
                self.fault(format!("a list of {least} to {most}, given {}", items.len()));
                None
            }
            _ => {
                self.fault(format!("a list of {least} to {most}"));
                None
            }
        }
    }

    /// A text of 1 to `most` characters that says something. Meta does not say what a character is; these are code points.
    pub(crate) fn text(self, most: usize) -> Option<String> {
        match self.value.as_str() {
            Some(text) if text.trim().is_empty() => self.fault(format!("1 to {most} characters, not only spaces")),
            Some(text) => match text.chars().count() {
                count if count <= most => return Some(text.to_owned()),
                count => self.fault(format!("1 to {most} characters, given {count}")),
            },
            None => self.fault(format!("a text of 1 to {most} characters")),
        }
        None
    }

    /// As [`text`](Self::text); where a text is at hand that `is_right` refuses, `expected` says why.
    pub(crate) fn text_that(self, most: usize, is_right: impl Fn(&str) -> bool, expected: &str) -> Option<String> {
        let text = self.clone().text(most)?;
        if is_right(&text) {
            return Some(text);
        }
        self.fault(expected);
        None
    }

    /// True or false.
    pub(crate) fn flag(self) -> Option<bool> {
        if !self.value.is_boolean() {
            self.fault("true or false");
        }
        self.value.as_bool()
    }

    /// An integer in the range.
    pub(crate) fn integer(self, range: RangeInclusive<i64>) -> Option<i64> {
        let number = self.value.as_i64().filter(|number| range.contains(number));
        if number.is_none() {
            self.fault(format!("an integer from {} to {}", range.start(), range.end()));
        }
        number
    }

    /// One of Meta's words, in any case of letters; read as it stands in `words`.
    pub(crate) fn word(self, words: &[&'static str]) -> Option<&'static str> {
        let given = self.value.as_str().unwrap_or_default();
        let word = words.iter().find(|word| word.eq_ignore_ascii_case(given)).copied();
        if word.is_none() {
            match words {
                [only] => self.fault(format!("\"{only}\"")),
                _ => self.fault(format!("one of {}", words.join(", "))),
            }
        }
        word
    }

    /// An address that starts with `http://` or `https://` and names a host.
    pub(crate) fn link(self) -> Option<String> {
        let link = self.value.as_str().filter(|text| is_link(text));
        if link.is_none() {
            self.fault(format!("an address: https://… or http://…, up to {MAX_URL} bytes"));
        }
        link.map(str::to_owned)
    }

    /// An object of texts of at most so many characters, under names that are not ours to know; empty ones are fine.
    pub(crate) fn texts(self, most: impl Fn(&str) -> usize) -> Option<Map<String, Value>> {
        let object = self.clone().any_object()?;
        for (name, value) in self.value.as_object().into_iter().flatten() {
            let most = most(name);
            if value.as_str().is_none_or(|text| text.chars().count() > most) {
                At::new(format!("{}.{name}", self.path), value, self.faults)
                    .fault(format!("a text of at most {most} characters"));
            }
        }
        Some(object)
    }

    /// An object of the caller's own, passed on as it is.
    pub(crate) fn any_object(self) -> Option<Map<String, Value>> {
        let object = self.value.as_object().cloned();
        if object.is_none() {
            self.fault("an object");
        }
        object
    }
}

impl<'a> Fields<'a> {
    /// A field that must be there; reading it says so when it is not.
    pub(crate) fn need(&self, name: &'static str) -> At<'a> {
        static ABSENT: Value = Value::Null;
        self.asked.borrow_mut().push(name);
        let path = match self.at.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        At::new(path, self.map.get(name).unwrap_or(&ABSENT), self.at.faults)
    }

    /// A field that may be there; explicit `null` is as good as absent.
    pub(crate) fn find(&self, name: &'static str) -> Option<At<'a>> {
        Some(self.need(name)).filter(|at| !at.value.is_null())
    }

    /// Whether the field is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    /// Notes that something is wrong with the object as a whole.
    pub(crate) fn fault(&self, expected: impl Into<String>) {
        self.at.fault(expected);
    }

    /// Where mistakes go.
    pub(crate) fn faults(&self) -> &'a Faults {
        self.at.faults
    }

    fn close(self) {
        let asked = self.asked.into_inner();
        for (name, value) in self.map.iter().filter(|(name, _)| !asked.contains(&name.as_str())) {
            let name: String = name.chars().take(64).collect();
            let mut known = asked.clone();
            known.dedup();
            At::new(format!("{}.{name}", self.at.path), value, self.at.faults)
                .fault(format!("no such field; known are {}", known.join(", ")));
        }
    }
}

fn is_link(text: &str) -> bool {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let rest = match (lower.starts_with("https://"), lower.starts_with("http://")) {
        (true, _) => &text[8..],
        (false, true) => &text[7..],
        (false, false) => return false,
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    text.len() <= MAX_URL
        && !host.is_empty()
        && !host.contains('@')
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is wrong with a value, as `path: expected`.
    fn faults(value: &Value, read: impl for<'a> FnOnce(At<'a>)) -> Vec<String> {
        let faults = Faults::default();
        read(At::new("x", value, &faults));
        faults.into_vec().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_mistakes_are_told_with_their_paths() {
        let value = json!({"a": "", "b": [1], "c": true, "odd": 1});

        let told = faults(&value, |at| {
            at.object(|fields| {
                fields.need("a").text(3);
                fields.need("b").list(2..=4, |item| item.text(1));
                fields.need("c").flag();
                fields.need("d").word(&["one", "two"]);
                Some(())
            });
        });

        assert_eq!(
            told,
            [
                "x.a: expected 1 to 3 characters, not only spaces",
                "x.b: expected a list of 2 to 4, given 1",
                "x.d: expected one of one, two",
                "x.odd: expected no such field; known are a, b, c, d",
            ]
        );
    }

    #[test]
    fn links_need_a_scheme_and_a_host() {
        for good in [
            "https://example.com/a?b#c",
            "http://127.0.0.1:8080",
            "HTTPS://EXAMPLE.COM",
        ] {
            assert!(is_link(good), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "ftp://example.com",
            "https://",
            "https:///a",
            "https://u:p@h/",
            "https://a b",
        ] {
            assert!(!is_link(bad), "{bad}");
        }
    }
}
