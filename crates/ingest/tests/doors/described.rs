//! The OpenAPI document: complete, true, and served.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::client::{DOCUMENT, Request};
use crate::rig::Rig;

/// Every operation of the document is asked for without a key; a route answers 401, or knows Meta by other means.
#[tokio::test]
async fn every_operation_of_the_document_is_a_route() {
    let rig = Rig::start().await;
    for operation in DOCUMENT.operations() {
        let path = operation.path.replace(['{', '}'], "");
        if path.starts_with("/webhooks/") {
            continue; // mounted beside, by the executable
        }
        let answer = Request::new(rig.addr, &operation.method.to_uppercase(), &path)
            .send()
            .await;
        let expected = if operation.about["security"].is_null() {
            200
        } else {
            401
        };
        assert_eq!(answer.status, expected, "{} {path}: {}", operation.method, answer.body);
    }
    rig.finish().await;
}

#[tokio::test]
async fn the_document_is_served_to_everybody() {
    let rig = Rig::start().await;

    let answer = Request::new(rig.addr, "GET", "/openapi.json").send().await;

    assert_eq!((answer.status, &answer.body), (200, &DOCUMENT.document));
    rig.finish().await;
}

/// There is one place where routes are mounted, and it asks for a description.
#[test]
fn no_route_is_mounted_without_its_description() {
    let mounted = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .into_iter()
        .filter(|path| fs::read_to_string(path).unwrap().contains(".route("))
        .collect::<Vec<_>>();
    assert!(
        mounted.len() == 1 && mounted[0].ends_with("openapi/routes.rs"),
        "{mounted:?}"
    );
}

#[test]
fn every_name_of_the_document_is_there_and_every_operation_has_its_own() {
    let mut references = BTreeSet::new();
    collect_references(&DOCUMENT.document, &mut references);
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(
            DOCUMENT.document.pointer(pointer).is_some(),
            "{reference} leads nowhere"
        );
    }
    let mut ids = BTreeSet::new();
    for operation in DOCUMENT.operations() {
        let id = operation.about["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{id} names two operations");
        let described = operation.about["parameters"].as_array().into_iter().flatten();
        let described: BTreeSet<&str> = described
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let named = operation
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(described, named.collect(), "the path parameters of {id}");
    }
}

fn collect_references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect_references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, found)),
        _ => {}
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}
