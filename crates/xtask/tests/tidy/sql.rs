//! SQL is prose of its own: it lives in store's `.sql` files, where it can be read, and pasted into psql.

use std::fs;
use std::path::{Path, PathBuf};

use crate::metadata::packages;
use crate::none;

/// Who may write statements in Rust: store, where a file of its own is too much, and testkit, which makes databases.
/// Tests in a `tests` folder may too: they look into the ledger as an auditor would.
const ALLOWED: [&str; 2] = ["store", "testkit"];

/// How a statement begins. Written in two parts, so that this file does not find itself.
const STATEMENTS: [[&str; 2]; 8] = [
    ["SEL", "ECT "],
    ["INSERT", " INTO "],
    ["DELETE", " FROM "],
    ["TRUNCATE", " "],
    ["CREATE", " TABLE "],
    ["ALTER", " TABLE "],
    ["DROP", " TABLE "],
    ["FOR", " UPDATE"],
];

/// The lines of Rust code, comments left out, in which a statement begins.
fn statements(file: &str, code: &str) -> Vec<String> {
    let is_statement = |line: &str| STATEMENTS.iter().any(|parts| line.contains(&parts.concat()));
    let lines = code
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"));
    let found = lines.filter(|(_, line)| is_statement(line));
    found
        .map(|(index, _)| format!("{file}:{}: SQL belongs in store", index + 1))
        .collect()
}

/// All `.rs` files below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| match path.is_dir() {
        true => sources(&path),
        false => vec![path],
    });
    found
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .collect()
}

#[test]
fn no_program_speaks_sql_but_through_store() {
    let others = packages()
        .iter()
        .filter(|package| !ALLOWED.contains(&package.name.as_str()));
    let folders = others
        .map(|package| package.manifest.with_file_name("src"))
        .filter(|folder| folder.exists());
    let files: Vec<PathBuf> = folders.flat_map(|folder| sources(&folder)).collect();
    let read = |file: &PathBuf| statements(&file.display().to_string(), &fs::read_to_string(file).unwrap());
    let offences: Vec<String> = files.iter().flat_map(read).collect();

    assert!(
        files.iter().any(|file| file.ends_with("xtask/src/main.rs")),
        "the search finds at least xtask"
    );
    none(&offences);
}

#[test]
fn a_statement_in_a_role_is_found_and_one_in_a_comment_is_not() {
    let statement = [STATEMENTS[0].concat(), "id FROM message".into()].concat();
    let code = format!("// {statement}\nlet rows = client.query(\"{statement}\");\n");

    assert_eq!(statements("sender.rs", &code), ["sender.rs:2: SQL belongs in store"]);
}
