//! Golden files: what is given and what has to come of it, byte for byte. `BLESS=1` writes down what comes of it today; what changed is
//! then for a reader to judge, in the diff.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use domain::Content;
use domain::template::{ParameterFormat, Shape};
use meta::webhook::Update;
use serde_json::Value;

/// The folder of all golden files.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("types/golden")
}

/// A request to send one message of one type.
#[derive(Debug)]
pub(crate) struct Given {
    /// The request, without its addressee.
    pub(crate) body: Value,
    /// For a template: what Meta stores of it.
    pub(crate) stored: Option<Value>,
}

/// All requests, by the name of what they show.
pub(crate) fn given() -> BTreeMap<String, Given> {
    let folders = fs::read_dir(folder().join("sent")).unwrap();
    folders
        .map(|entry| {
            let folder = entry.unwrap().path();
            let given = Given {
                body: json(&folder.join("given.json")).unwrap(),
                stored: json(&folder.join("stored.json")),
            };
            (folder.file_name().unwrap().to_string_lossy().into_owned(), given)
        })
        .collect()
}

/// What is read from each webhook, by its name.
pub(crate) fn received() -> BTreeMap<String, Value> {
    let folders = fs::read_dir(folder().join("received")).unwrap();
    folders
        .map(|entry| {
            let folder = entry.unwrap().path();
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            (name, json(&folder.join("read.json")).unwrap_or_default())
        })
        .collect()
}

/// Webhooks about accounts, numbers, templates and people's settings, by their names.
pub(crate) fn told() -> BTreeMap<String, Value> {
    let folders = fs::read_dir(folder().join("told")).unwrap();
    folders
        .map(|entry| {
            let folder = entry.unwrap().path();
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            (name, json(&folder.join("webhook.json")).unwrap())
        })
        .collect()
}

/// Reads every webhook of a folder, of which each holds one update, and compares what it means.
#[track_caller]
pub(crate) fn each_webhook_is_read(kind: &str, meaning: fn(&Update) -> Value) {
    for entry in fs::read_dir(folder().join(kind)).unwrap() {
        let folder = entry.unwrap().path();
        let raw = fs::read(folder.join("webhook.json")).unwrap();
        let updates = meta::webhook::parse(&raw).unwrap();
        let [update] = updates.as_slice() else {
            panic!("{}: {updates:?}", folder.display())
        };
        let text = serde_json::to_string_pretty(&meaning(update)).unwrap();
        compare(&folder.join("read.json"), &text);
    }
}

pub(crate) fn json(path: &Path) -> Option<Value> {
    let text = fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// Compares with the file's text, or writes it.
#[track_caller]
pub(crate) fn compare(path: &Path, got: &str) {
    let got = format!("{got}\n");
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, &got).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(got, expected, "{} is not what comes of it", path.display());
}

/// Reads a request as the API does.
pub(crate) fn read(body: &Value) -> Result<Content, Vec<domain::content::FieldError>> {
    Content::read(body.as_object().unwrap())
}

/// The bytes of its POST, and the edge that it goes to.
pub(crate) fn composed(body: &Value) -> (String, &'static str) {
    let content = read(body).unwrap_or_else(|errors| panic!("{body} is refused: {errors:?}"));
    let stored = content.to_json(body["context"]["message_id"].as_str()).to_string();
    let to = domain::Recipient::parse("+16505550100").unwrap();
    let composed = meta::message::compose(&to, &stored, "1.AAAAAAAAAAAAAAAAAAAAAAAAAA.1.golden").unwrap();
    (String::from_utf8(composed.body).unwrap(), composed.edge.as_str())
}

/// The shape of a stored template.
pub(crate) fn shape(stored: &Value) -> Shape {
    let format = match stored.to_string().contains("{{first_name}}") {
        true => ParameterFormat::Named,
        false => ParameterFormat::Positional,
    };
    Shape::from_components(stored, format)
}
