//! Recipients of a campaign, line by line, as they come in: CSV or NDJSON of any length, never whole in memory.

use std::borrow::Cow;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use domain::content::FieldError;
use serde_json::{Map, Value, json};

use crate::problem::{Code, Problem};

/// Longest line, in bytes.
pub(super) const MAX_LINE: usize = 64 * 1024;
/// Most columns of a CSV file.
const MAX_COLUMNS: usize = 256;
/// A column that is no parameter.
const ZONE: &str = "zone";

/// In which form recipients come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// RFC 4180. A first line that begins with `to` names the columns: `zone`, and parameters by name; without it the columns after
    /// the first are the positional parameters. Empty lines and lines that begin with `#` are left out.
    Csv,
    /// One object per line: `{"to", "template_params"?, "metadata"?, "zone"?}`.
    Ndjson,
}

/// A line before it is checked.
#[derive(Debug, Clone, PartialEq)]
pub struct RawLine {
    /// To whom, as it stands there.
    pub to: Value,
    /// Their own parameters.
    pub params: Option<Value>,
    /// The caller's own.
    pub metadata: Option<Value>,
    /// Where they live.
    pub zone: Option<String>,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// Which, from 1.
    pub line: u64,
    /// Which column or field of it.
    pub field: String,
    /// What stands there, short.
    pub value: Value,
    /// What would have been right.
    pub expected: String,
}

/// Reads lines from pieces of a body.
#[derive(Debug)]
pub struct Lines(Form);

#[derive(Debug)]
enum Form {
    Csv(Box<Csv>),
    Ndjson { rest: Vec<u8>, line: u64, skipping: bool },
}

#[derive(Debug)]
struct Csv {
    reader: Reader,
    cells: Vec<u8>,
    filled: usize,
    ends: Vec<usize>,
    ended: usize,
    names: Option<Vec<String>>,
    /// The first bytes, until there are enough of them.
    first: Option<Vec<u8>>,
    /// Line breaks so far, and those of them inside of the current record.
    newlines: u64,
    inner: u64,
    /// Where the record begins.
    line: u64,
    too_long: bool,
}

/// A line, or what is wrong with it.
pub type Read = Result<RawLine, LineError>;

impl Lines {
    /// A reader of a form.
    pub fn new(kind: ListKind) -> Self {
        Self(match kind {
            ListKind::Ndjson => Form::Ndjson {
                rest: Vec::new(),
                line: 0,
                skipping: false,
            },
            ListKind::Csv => Form::Csv(Box::new(Csv {
                reader: ReaderBuilder::new().comment(Some(b'#')).build(),
                cells: vec![0; MAX_LINE],
                filled: 0,
                ends: vec![0; MAX_COLUMNS],
                ended: 0,
                names: None,
                first: Some(Vec::new()),
                newlines: 0,
                inner: 0,
                line: 1,
                too_long: false,
            })),
        })
    }

    /// Takes a piece of the body; hands every line that is whole to `each`, with its number.
    pub fn push(&mut self, piece: &[u8], each: &mut impl FnMut(u64, Read)) {
        match &mut self.0 {
            Form::Csv(csv) => csv.push(piece, each),
            Form::Ndjson { rest, line, skipping } => {
                let mut piece = piece;
                while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
                    rest.extend_from_slice(&piece[..end]);
                    piece = &piece[end + 1..];
                    *line += 1;
                    if !std::mem::take(skipping) {
                        ndjson(rest, *line, each);
                    }
                    rest.clear();
                }
                rest.extend_from_slice(piece);
                if rest.len() > MAX_LINE {
                    if !*skipping {
                        each(*line + 1, Err(too_long(*line + 1)));
                    }
                    *skipping = true;
                    rest.clear();
                }
            }
        }
    }

    /// The body is over: what is left is the last line.
    pub fn finish(mut self, each: &mut impl FnMut(u64, Read)) {
        match &mut self.0 {
            Form::Csv(csv) => {
                // Twice: what was held back of a very short body, and then its end.
                csv.push(&[], each);
                csv.push(&[], each);
            }
            Form::Ndjson { rest, line, skipping } => {
                if !*skipping {
                    ndjson(rest, *line + 1, each);
                }
            }
        }
    }
}

impl Csv {
    fn push(&mut self, piece: &[u8], each: &mut impl FnMut(u64, Read)) {
        let is_end = piece.is_empty();
        let Some(begun) = self.begin(piece) else { return };
        let mut piece = begun.as_ref();
        loop {
            let (cells, ends) = (&mut self.cells[self.filled..], &mut self.ends[self.ended..]);
            let (result, read, written, ended) = self.reader.read_record(piece, cells, ends);
            self.newlines += newlines(&piece[..read]);
            let ends_line = piece[..read].ends_with(b"\n");
            piece = &piece[read..];
            self.inner += newlines(&self.cells[self.filled..self.filled + written]);
            self.filled += written;
            self.ended += ended;
            match result {
                ReadRecordResult::InputEmpty if is_end || piece.is_empty() => return,
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::End => return,
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    // Read to its end and forgotten.
                    self.too_long = true;
                    (self.filled, self.ended) = (0, 0);
                }
                ReadRecordResult::Record => {
                    // Where it began: before its own line breaks, behind everybody else's.
                    self.line = 1 + self.newlines - u64::from(ends_line) - self.inner;
                    self.record(each);
                    (self.filled, self.ended, self.inner) = (0, 0, 0);
                }
            }
        }
    }

    /// The first bytes may be a mark of the encoding, as spreadsheets write it; they are looked at together, however they come.
    fn begin<'p>(&mut self, piece: &'p [u8]) -> Option<Cow<'p, [u8]>> {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        let Some(first) = &mut self.first else {
            return Some(Cow::Borrowed(piece));
        };
        first.extend_from_slice(piece);
        if first.len() < MARK.len() && !piece.is_empty() {
            return None;
        }
        let first = self.first.take().unwrap_or_default();
        // At the end of a body that is as short as that, what is left has to be read before the end is told.
        let text = first.strip_prefix(MARK).unwrap_or(&first).to_vec();
        Some(Cow::Owned(text))
    }

    fn record(&mut self, each: &mut impl FnMut(u64, Read)) {
        if std::mem::take(&mut self.too_long) {
            each(self.line, Err(too_long(self.line)));
            return;
        }
        let mut cells = Vec::with_capacity(self.ended);
        let mut start = 0;
        for end in &self.ends[..self.ended] {
            match std::str::from_utf8(&self.cells[start..*end]) {
                Ok(cell) => cells.push(cell),
                Err(_) => {
                    let expected = "UTF-8";
                    each(
                        self.line,
                        Err(error(
                            self.line,
                            &format!("column {}", cells.len() + 1),
                            Value::Null,
                            expected,
                        )),
                    );
                    return;
                }
            }
            start = *end;
        }
        if self.names.is_none() && cells[0].trim().eq_ignore_ascii_case("to") {
            self.names = Some(cells.iter().map(|name| name.trim().to_owned()).collect());
            return;
        }
        let names = self.names.get_or_insert_with(Vec::new);
        let read = if names.is_empty() {
            Ok(RawLine {
                to: Value::from(cells[0].trim()),
                params: (cells.len() > 1).then(|| cells[1..].iter().map(|cell| Value::from(*cell)).collect()),
                metadata: None,
                zone: None,
            })
        } else if names.len() != cells.len() {
            let expected = format!(
                "{} values, as the first line names {} columns",
                names.len(),
                names.len()
            );
            Err(error(self.line, "columns", Value::from(cells.len()), &expected))
        } else {
            let named = names.iter().zip(&cells).skip(1);
            let zone = named.clone().find(|(name, _)| *name == ZONE);
            let params: Map<String, Value> = named
                .filter(|(name, _)| *name != ZONE)
                .map(|(name, cell)| (name.clone(), Value::from(*cell)))
                .collect();
            Ok(RawLine {
                to: Value::from(cells[0].trim()),
                params: (!params.is_empty()).then_some(Value::Object(params)),
                metadata: None,
                zone: zone
                    .map(|(_, cell)| cell.trim().to_owned())
                    .filter(|zone| !zone.is_empty()),
            })
        };
        each(self.line, read);
    }
}

fn newlines(text: &[u8]) -> u64 {
    text.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

fn ndjson(text: &[u8], line: u64, each: &mut impl FnMut(u64, Read)) {
    if text.iter().all(u8::is_ascii_whitespace) {
        return;
    }
    let read = match serde_json::from_slice(text) {
        Ok(Value::Object(fields)) => object(fields, line),
        Ok(other) => Err(error(line, "$", short(&other), "a JSON object")),
        Err(wrong) => Err(error(line, "$", Value::Null, &format!("a JSON object: {wrong}"))),
    };
    each(line, read);
}

/// A recipient as a JSON object.
pub(super) fn object(mut fields: Map<String, Value>, line: u64) -> Read {
    const FIELDS: [&str; 4] = ["to", "template_params", "metadata", ZONE];
    if let Some((name, value)) = fields.iter().find(|(name, _)| !FIELDS.contains(&name.as_str())) {
        let expected = format!("no such field; known are {}", FIELDS.join(", "));
        return Err(error(line, name, short(value), &expected));
    }
    let mut take = |name: &str| fields.remove(name).filter(|value| !value.is_null());
    let (to, params, metadata) = (take("to"), take("template_params"), take("metadata"));
    let zone = match take(ZONE) {
        None => None,
        Some(Value::String(zone)) => Some(zone),
        Some(other) => return Err(error(line, ZONE, short(&other), "a zone, as in \"Europe/Berlin\"")),
    };
    if let Some(params) = params
        .as_ref()
        .filter(|params| !params.is_array() && !params.is_object())
    {
        return Err(error(
            line,
            "template_params",
            short(params),
            "a list of values, or an object",
        ));
    }
    Ok(RawLine {
        to: to.unwrap_or(Value::Null),
        params,
        metadata,
        zone,
    })
}

/// The recipients of a JSON body, `{"recipients": [{"to": …}, …]}`, counted from 1.
///
/// # Errors
/// When the body has another form.
pub fn json_list(body: &[u8]) -> Result<Vec<(u64, Read)>, Problem> {
    let read: Result<Value, _> = serde_json::from_slice(body);
    let read = read.map_err(|error| {
        let message = format!("The body is not JSON: {error}; send a JSON object.");
        Problem::new(Code::InvalidJson, message).details(json!({"line": error.line(), "column": error.column()}))
    })?;
    let invalid = |field: &str, value: &Value, expected: &str| {
        Err(Problem::field(
            Code::ValidationError,
            FieldError::new(field, value, expected),
        ))
    };
    let Value::Object(mut fields) = read else {
        return invalid("$", &read, "a JSON object");
    };
    let list = fields.remove("recipients").unwrap_or_default();
    if let Some((name, value)) = fields.iter().next() {
        return invalid(name, value, "no such field; known is recipients");
    }
    let Value::Array(items) = list else {
        return invalid(
            "recipients",
            &list,
            "a list of recipients, each {\"to\": \"+15550001111\"}",
        );
    };
    let numbered = (1..).zip(items);
    let read = numbered.map(|(line, item)| match item {
        Value::Object(fields) => (line, object(fields, line)),
        other => (line, Err(error(line, "$", short(&other), "a JSON object"))),
    });
    Ok(read.collect())
}

fn too_long(line: u64) -> LineError {
    let expected = format!("at most {MAX_LINE} bytes and {MAX_COLUMNS} columns");
    error(line, "line", Value::Null, &expected)
}

fn short(value: &Value) -> Value {
    FieldError::new("", value, "").value
}

fn error(line: u64, field: &str, value: Value, expected: &str) -> LineError {
    LineError {
        line,
        field: field.to_owned(),
        value,
        expected: expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a text is read as, in pieces of so many bytes.
    fn read(kind: ListKind, text: &[u8], piece: usize) -> Vec<(u64, Read)> {
        let mut lines = Lines::new(kind);
        let mut all = Vec::new();
        let mut each = |line, read| all.push((line, read));
        text.chunks(piece.max(1)).for_each(|piece| lines.push(piece, &mut each));
        lines.finish(&mut each);
        all
    }

    fn told(kind: ListKind, text: &str, piece: usize) -> Vec<(u64, String)> {
        let read = read(kind, text.as_bytes(), piece).into_iter();
        read.map(|(line, read)| match read {
            Ok(read) => (
                line,
                format!(
                    "{} {}",
                    read.to.as_str().unwrap_or("?"),
                    read.params.unwrap_or_default()
                ),
            ),
            Err(error) => (line, format!("{}: {}", error.field, error.expected)),
        })
        .collect()
    }

    #[test]
    fn csv_with_and_without_names() {
        let named = "\u{feff}to,name,zone\n+1, Ana ,Europe/Berlin\n# a comment\n\n+2,\"Bo, \"\"B\"\"\",\n+3\n";
        for piece in [1, 2, 7, 1_000] {
            assert_eq!(
                told(ListKind::Csv, named, piece),
                [
                    (2, r#"+1 {"name":" Ana "}"#.to_owned()),
                    (5, r#"+2 {"name":"Bo, \"B\""}"#.to_owned()),
                    (6, "columns: 3 values, as the first line names 3 columns".to_owned()),
                ],
                "in pieces of {piece}"
            );
            assert_eq!(
                told(ListKind::Csv, "+1,a,b\r\n+2,c", piece),
                [(1, r#"+1 ["a","b"]"#.to_owned()), (2, r#"+2 ["c"]"#.to_owned())]
            );
        }
        let zones = read(ListKind::Csv, named.as_bytes(), 5);
        assert_eq!(zones[0].1.as_ref().unwrap().zone.as_deref(), Some("Europe/Berlin"));
    }

    #[test]
    fn a_quoted_line_break_is_counted() {
        let text = "to,text\n+1,\"a\nb\"\n+2,c\n";
        for piece in [1, 3, 100] {
            let lines: Vec<u64> = told(ListKind::Csv, text, piece)
                .into_iter()
                .map(|(line, _)| line)
                .collect();
            assert_eq!(lines, [2, 4], "in pieces of {piece}");
        }
    }

    #[test]
    fn ndjson_names_the_line_and_the_field() {
        let text = "{\"to\": \"+1\", \"template_params\": [1]}\n\n[]\n{\"tu\": 1}\n{\"to\": \"+2\", \"zone\": 5}\n{\"to\": \"+3\"}";
        let told = told(ListKind::Ndjson, text, 4);
        let fields: Vec<(u64, &str)> = told.iter().map(|(line, text)| (*line, &text[..2])).collect();
        assert_eq!(fields, [(1, "+1"), (3, "$:"), (4, "tu"), (5, "zo"), (6, "+3")]);
    }

    #[test]
    fn a_line_without_end_is_not_kept() {
        let long = format!("+1,{}\n+2,a\n", "x".repeat(3 * MAX_LINE));
        let told_csv = told(ListKind::Csv, &long, 1_000);
        assert_eq!((told_csv[0].0, told_csv[1].1.as_str()), (1, r#"+2 ["a"]"#));
        let long = format!("{{\"to\": \"{}\"}}\n{{\"to\": \"+2\"}}\n", "x".repeat(3 * MAX_LINE));
        let told = told(ListKind::Ndjson, &long, 1_000);
        assert_eq!(told.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2]);
    }

    proptest! {
        /// Wherever the pieces are cut, and whatever is in them.
        #[test]
        fn pieces_make_no_difference(text in "[a,\"\n#+1é ]{0,60}", piece in 1_usize..20, csv: bool) {
            let kind = if csv { ListKind::Csv } else { ListKind::Ndjson };
            prop_assert_eq!(read(kind, text.as_bytes(), piece), read(kind, text.as_bytes(), 1_000));
        }

        #[test]
        fn a_record_of_csv_comes_back(cells in proptest::collection::vec("[^\0#]{0,12}", 1..6), piece in 1_usize..9) {
            let quoted: Vec<String> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
            let text = format!("+1,{}\n", quoted.join(","));

            let read = read(ListKind::Csv, text.as_bytes(), piece);

            prop_assert_eq!(&read[0].1.as_ref().unwrap().params, &Some(json!(cells)));
        }
    }
}
