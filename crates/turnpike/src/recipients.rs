//! The recipients of a broadcast from a CSV file (RFC 4180).
//!
//! A first line that begins with `to` names the columns, which are then named parameters; without it the columns after the first
//! are the positional parameters. Empty lines and lines that begin with `#` are left out.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

/// One recipient, with parameters of its own where the file has any.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recipient {
    /// The number, as written.
    pub(crate) to: String,
    /// The API's short form of template parameters.
    pub(crate) parameters: Option<Value>,
}

impl Recipient {
    /// As the API takes it.
    pub(crate) fn to_json(&self) -> Value {
        match &self.parameters {
            None => json!({"to": self.to}),
            Some(parameters) => json!({"to": self.to, "template_params": parameters}),
        }
    }
}

/// What is wrong with the file, or with the recipients altogether.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("line {line}: a quoted value does not end; close it with \", and write a \" inside as \"\"")]
    OpenQuote { line: usize },
    #[error("line {line}: {found} values, but the first line names {named} columns")]
    Columns { line: usize, found: usize, named: usize },
    #[error("line {line}: the number is missing")]
    NoNumber { line: usize },
    #[error("{0} is there twice; one broadcast writes to a person once")]
    Twice(String),
    #[error("there is no recipient; give --to or a --to-file with at least one line")]
    None,
}

/// Reads a file's text.
pub(crate) fn parse(text: &str) -> Result<Vec<Recipient>, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text); // as spreadsheets write it
    let mut records = records(text)?.into_iter().peekable();
    let names = records
        .next_if(|(_, cells)| cells[0].trim().eq_ignore_ascii_case("to"))
        .map(|(_, cells)| cells);
    records
        .map(|(line, cells)| recipient(line, cells, names.as_deref()))
        .collect()
}

/// At least one, and nobody twice: the API would refuse it, but only per broadcast of 256.
pub(crate) fn check(recipients: &[Recipient]) -> Result<(), Error> {
    let mut seen = HashSet::new();
    match recipients.iter().find(|recipient| !seen.insert(&recipient.to)) {
        Some(twice) => Err(Error::Twice(twice.to.clone())),
        None if recipients.is_empty() => Err(Error::None),
        None => Ok(()),
    }
}

fn recipient(line: usize, cells: Vec<String>, names: Option<&[String]>) -> Result<Recipient, Error> {
    let found = cells.len();
    if let Some(named) = names.map(<[_]>::len).filter(|named| *named != found) {
        return Err(Error::Columns { line, found, named });
    }
    let mut cells = cells.into_iter();
    let to = cells.next().map(|to| to.trim().to_owned()).filter(|to| !to.is_empty());
    let to = to.ok_or(Error::NoNumber { line })?;
    let parameters = match names {
        _ if found == 1 => None,
        None => Some(json!(cells.collect::<Vec<_>>())),
        Some(names) => {
            let named = names.iter().skip(1).map(|name| name.trim().to_owned());
            Some(Value::Object(
                named.zip(cells.map(Value::String)).collect::<Map<_, _>>(),
            ))
        }
    };
    Ok(Recipient { to, parameters })
}

/// Every record with the number of its first line.
fn records(text: &str) -> Result<Vec<(usize, Vec<String>)>, Error> {
    let mut records = Vec::new();
    let (mut line, mut rest) = (1, text);
    while !rest.is_empty() {
        let (whole, after) = rest.split_once('\n').unwrap_or((rest, ""));
        if whole.trim().is_empty() || whole.starts_with('#') {
            (line, rest) = (line + 1, after);
            continue;
        }
        let (cells, after) = record(rest).ok_or(Error::OpenQuote { line })?;
        records.push((line, cells));
        line += rest[..rest.len() - after.len()].matches('\n').count();
        rest = after;
    }
    Ok(records)
}

/// One record and what follows it; `None` when a quoted value does not end.
fn record(text: &str) -> Option<(Vec<String>, &str)> {
    let (mut cells, mut rest) = (Vec::new(), text);
    loop {
        let cell;
        (cell, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_cell(quoted)?,
            None => {
                let end = rest.find([',', '\n']).unwrap_or(rest.len());
                (rest[..end].trim_end_matches('\r').to_owned(), &rest[end..])
            }
        };
        cells.push(cell);
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => {
                let rest = rest.strip_prefix('\r').unwrap_or(rest);
                return Some((cells, rest.strip_prefix('\n').unwrap_or(rest)));
            }
        }
    }
}

/// The value up to its closing quote, and what follows that.
fn quoted_cell(text: &str) -> Option<(String, &str)> {
    let (mut value, mut rest) = (String::new(), text);
    loop {
        let (part, after) = rest.split_once('"')?;
        value.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                value.push('"');
                rest = more;
            }
            // Anything between a closing quote and the next comma belongs to nothing; it is kept rather than lost.
            None => {
                let end = after.find([',', '\n']).unwrap_or(after.len());
                value.push_str(after[..end].trim_end());
                return Some((value, &after[end..]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(to: &str, parameters: Option<Value>) -> Recipient {
        Recipient {
            to: to.to_owned(),
            parameters,
        }
    }

    #[test]
    fn plain_numbers_one_per_line() {
        let read = parse("\u{feff}+14155550100\r\n\n# a remark\n+14155550101").unwrap();

        assert_eq!(read, [one("+14155550100", None), one("+14155550101", None)]);
    }

    #[test]
    fn further_columns_are_positional_parameters() {
        let read = parse("+14155550100,Ana,\"A-17, express\"\n+14155550101,\"the \"\"other\"\"\",\n").unwrap();

        assert_eq!(read[0], one("+14155550100", Some(json!(["Ana", "A-17, express"]))));
        assert_eq!(read[1], one("+14155550101", Some(json!(["the \"other\"", ""]))));
    }

    #[test]
    fn a_first_line_that_begins_with_to_names_the_parameters() {
        let read = parse("to,first_name\n+14155550100,\"Ana\nMaria\"\n").unwrap();

        assert_eq!(read, [one("+14155550100", Some(json!({"first_name": "Ana\nMaria"})))]);
    }

    #[test]
    fn mistakes_name_their_line() {
        assert_eq!(parse("+1\n\"+2\n+3"), Err(Error::OpenQuote { line: 2 }));
        let columns = Error::Columns {
            line: 4,
            found: 1,
            named: 2,
        };
        assert_eq!(parse("to,name\n+1,\"two\nlines\"\n+2\n"), Err(columns));
        assert_eq!(parse("+1\n,Ana\n"), Err(Error::NoNumber { line: 2 }));
    }

    #[test]
    fn nobody_is_written_to_twice() {
        assert_eq!(check(&[]), Err(Error::None));
        assert_eq!(check(&[one("+1", None), one("+2", None)]), Ok(()));
        assert_eq!(
            check(&[one("+1", None), one("+1", None)]),
            Err(Error::Twice("+1".to_owned()))
        );
    }

    proptest! {
        #[test]
        fn what_is_quoted_comes_back(values in prop::collection::vec("[ -~\n]{1,12}", 1..4)) {
            let quoted = values.iter().map(|value| format!(",\"{}\"", value.replace('"', "\"\"")));
            let text = format!("+14155550100{}\n", quoted.collect::<String>());

            prop_assert_eq!(parse(&text).unwrap(), [one("+14155550100", Some(json!(values)))]);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = parse(&text);
        }
    }
}
