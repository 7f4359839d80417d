//! The table of types in the documentation is made from the golden files, so neither can go without the other.
//!
//! `BLESS=1 cargo test -p system-tests --test types table` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::{golden, told};

#[test]
fn the_table_in_the_documentation_is_complete() {
    let mut table = String::from(
        "<!-- Made from tests/types/golden by tests/types/table.rs; BLESS=1 writes it anew. -->\n\n# Message types\n\n## Sent\n\nAs in a request to `POST /api/v1/messages/whatsapp`, and as Meta gets it: the files stand in `tests/types/golden/sent/<name>/`.\n\n| name | `type` | in it |\n|---|---|---|\n",
    );
    for (name, given) in golden::given() {
        let kind = given.body["type"].as_str().unwrap().to_owned();
        let object = given.body.get(&kind).unwrap_or_else(|| &given.body["raw"]);
        let parts: Vec<String> = match object.as_object() {
            Some(fields) => fields.keys().map(|key| format!("`{key}`")).collect(),
            None => vec!["a list".to_owned()],
        };
        writeln!(table, "| {name} | `{kind}` | {} |", parts.join(", ")).unwrap();
    }
    table.push_str(
        "\n## Received\n\nAs Meta's webhooks bring it, and as it is read: `tests/types/golden/received/<name>/`. What people send is at `GET /api/v1/inbound`.\n\n| name | opens the service window | in it |\n|---|---|---|\n",
    );
    for (name, read) in golden::received() {
        let window = match &read["opens_window"] {
            Value::Bool(true) => "yes",
            Value::Bool(false) => "no",
            _ => "",
        };
        let told = read["told"].as_object();
        let parts: Vec<String> = told
            .into_iter()
            .flatten()
            .filter(|(key, value)| !value.is_null() && key.as_str() != "type")
            .map(|(key, _)| format!("`{key}`"))
            .collect();
        writeln!(table, "| {name} | {window} | {} |", parts.join(", ")).unwrap();
    }
    table.push_str(
        "\n## Told\n\nWhat Meta's other webhook fields bring: `tests/types/golden/told/<name>/`. What is kept is at `GET /api/v1/accounts/events`, \
         the newest first. Where that could be about a person, only how many things came is kept there, and the whole stays in the inbox until its \
         retention is over. A field that is newer than this build is treated so too.\n\n| name | what comes of it |\n|---|---|\n",
    );
    for name in golden::told().keys() {
        writeln!(table, "| {name} | {} |", told::comes_of(name)).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/message-types.md");
    golden::compare(&path, table.trim_end());
}
