//! Hands a long list in, chunk by chunk. A chunk is named by what is in it, so a command that broke off is simply repeated.

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::api::{Api, Call};
use crate::exit::Exit;
use crate::output::{self, Progress};

/// Lines of a chunk: a second or two of work at the other end.
const LINES: usize = 20_000;
/// Wrong lines that are shown.
const MOST_SHOWN: usize = 20;

/// A part of a file.
#[derive(Debug, PartialEq, Eq)]
struct Chunk {
    text: String,
    /// How many lines of the file come before its first one; a repeated header counts for nothing.
    before: i64,
    bytes: u64,
}

/// What all chunks added.
#[derive(Debug, Default)]
struct Sum {
    added: u64,
    duplicates: u64,
    invalid: u64,
    audience: u64,
    errors: Vec<Value>,
}

pub(super) async fn add(api: &Api, id: &str, file: &Path, strict: bool, as_json: bool) -> Result<Exit> {
    let name = file.display();
    let opened = File::open(file).with_context(|| format!("reading recipients from {name}"))?;
    let size = opened.metadata().map_or(0, |about| about.len()).max(1);
    let extension = file
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    let is_csv = !matches!(extension, "ndjson" | "jsonl");
    let mut reader = Chunks::new(BufReader::new(opened), is_csv);
    let (mut sum, mut read, mut progress) = (Sum::default(), 0, Progress::new());
    while let Some(chunk) = reader
        .next()
        .with_context(|| format!("reading recipients from {name}"))?
    {
        let key = key(&chunk.text);
        let mut call = Call::post(["campaigns", id, "recipients"], None).query("chunk", Some(&key));
        call = call.query("strict", strict.then_some("true"));
        let text = chunk.text;
        let call = if is_csv { call.csv(text) } else { call.ndjson(text) };
        let answer = api.call(call.patient()).await?;
        if !answer.status.is_success() {
            progress.end();
            let exit = answer.show(as_json, |_| String::new());
            let lines = chunk.before + 1;
            output::talk(format!(
                "the chunk from line {lines} on was not added; all before it were. Repeat the command when it is mended"
            ));
            return Ok(exit);
        }
        sum.count(&answer.body["data"], chunk.before);
        read += chunk.bytes;
        progress.show(
            read as f64 * 100.0 / size as f64,
            "adding",
            &format!("{} added", sum.added),
        );
    }
    progress.end();
    let data = sum.to_json(id);
    output::data(if as_json {
        json!({"data": data}).to_string()
    } else {
        output::fields(&data)
    });
    Ok(if sum.invalid > 0 { Exit::Failed } else { Exit::Done })
}

fn key(text: &str) -> String {
    let mut hash = DefaultHasher::new();
    text.hash(&mut hash);
    format!("{:016x}-{}", hash.finish(), text.len())
}

impl Sum {
    fn count(&mut self, data: &Value, before: i64) {
        let number = |name: &str| data[name].as_u64().unwrap_or(0);
        self.added += number("added");
        self.duplicates += number("duplicates");
        self.invalid += number("invalid");
        self.audience = number("audience");
        for error in data["errors"].as_array().into_iter().flatten() {
            let mut error = error.clone();
            error["line"] = json!(error["line"].as_i64().unwrap_or(0) + before);
            self.errors.push(error);
        }
    }

    fn to_json(&self, id: &str) -> Value {
        let shown: Vec<&Value> = self.errors.iter().take(MOST_SHOWN).collect();
        json!({"campaign_id": id, "added": self.added, "duplicates": self.duplicates, "invalid": self.invalid,
            "audience": self.audience, "errors": shown})
    }
}

/// Cuts a file between records.
struct Chunks<R> {
    reader: R,
    is_csv: bool,
    header: Option<String>,
    line: i64,
}

impl<R: BufRead> Chunks<R> {
    fn new(reader: R, is_csv: bool) -> Self {
        Self {
            reader,
            is_csv,
            header: None,
            line: 0,
        }
    }

    fn next(&mut self) -> std::io::Result<Option<Chunk>> {
        let header = self.header.clone().unwrap_or_default();
        let repeated = i64::from(!header.is_empty());
        let (mut chunk, mut lines, mut bytes) = (header, 0, 0_u64);
        let (before, mut is_quoted) = (self.line - repeated, false);
        let mut line = String::new();
        // Never within a quoted value.
        while lines < LINES || is_quoted {
            line.clear();
            let read = self.reader.read_line(&mut line)?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
            self.line += 1;
            lines += 1;
            if self.is_csv {
                is_quoted ^= line.bytes().filter(|byte| *byte == b'"').count() % 2 == 1;
                let named = line
                    .trim_start_matches('\u{feff}')
                    .split(',')
                    .next()
                    .unwrap_or_default();
                if self.line == 1 && named.trim().eq_ignore_ascii_case("to") {
                    self.header = Some(line.clone());
                }
            }
            chunk.push_str(&line);
        }
        Ok((lines > 0).then_some(Chunk {
            text: chunk,
            before,
            bytes,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(text: &str, is_csv: bool) -> Vec<Chunk> {
        let mut reader = Chunks::new(text.as_bytes(), is_csv);
        std::iter::from_fn(|| reader.next().unwrap()).collect()
    }

    #[test]
    fn every_chunk_begins_with_the_names_of_the_columns() {
        let lines: String = (0..LINES + 5).map(|n| format!("+49{n},x\n")).collect();
        let chunks = chunks(&format!("to,1\n{lines}"), true);

        assert_eq!(chunks.len(), 2);
        assert!(chunks.iter().all(|chunk| chunk.text.starts_with("to,1\n")));
        // Line 2 of the second chunk is line 20,001 of the file.
        assert_eq!((chunks[0].before, chunks[1].before), (0, LINES as i64 - 1));
        assert_eq!(chunks[1].text.lines().count(), 1 + 6);
    }

    #[test]
    fn a_quoted_value_is_not_cut() {
        let filler: String = (0..LINES - 1).map(|n| format!("+49{n},x\n")).collect();
        let chunks = chunks(&format!("{filler}+1,\"a\nb\"\n+2,c\n"), true);

        assert_eq!(chunks.len(), 2);
        assert!(chunks[0].text.ends_with("b\"\n") && chunks[1].text == "+2,c\n");
    }

    #[test]
    fn the_same_chunk_has_the_same_name_and_errors_name_lines_of_the_file() {
        assert_eq!(key("a"), key("a"));
        assert_ne!(key("a"), key("b"));
        let mut sum = Sum::default();
        sum.count(
            &json!({"added": 1, "invalid": 1, "errors": [{"line": 3, "field": "to"}]}),
            19_999,
        );
        assert_eq!(sum.errors[0]["line"], 20_002);
    }
}
