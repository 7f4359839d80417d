//! One request of each type and component, and the bytes that Meta gets.

use domain::Content;
use domain::content::{components, interactive};

use crate::golden;

#[test]
fn each_type_is_sent_byte_for_byte() {
    for (name, given) in golden::given() {
        let (body, edge) = golden::composed(&given.body);
        let folder = golden::folder().join("sent").join(&name);
        golden::compare(&folder.join("sent.json"), &body);
        let expected = if name == "marketing_messages" {
            "marketing_messages"
        } else {
            "messages"
        };
        assert_eq!(edge, expected, "{name}");
    }
}

#[test]
fn what_is_sent_is_valid_for_the_referee() {
    for (name, given) in golden::given() {
        // What is newer than this build is newer than the referee too.
        if name.ends_with("raw") {
            continue;
        }
        let (body, _) = golden::composed(&given.body);
        assert_eq!(simulator::validate(body.as_bytes()), Ok(()), "{name}");
    }
}

#[test]
fn templates_fit_what_meta_stores_and_nothing_less() {
    for (name, given) in golden::given() {
        let Ok(Content::Template(template)) = golden::read(&given.body) else {
            continue;
        };
        let stored = given.stored.unwrap_or_else(|| panic!("{name} has no stored.json"));
        assert_eq!(template.parameters.fit(&golden::shape(&stored)), Ok(()), "{name}");
    }
}

#[test]
fn marks_of_reading_are_sent_byte_for_byte() {
    for (name, typing) in [("read", false), ("typing", true)] {
        let body = String::from_utf8(meta::message::read_mark("wamid.HBgLMTY1MDU1NTAxMDA", typing)).unwrap();
        golden::compare(&golden::folder().join(format!("{name}.json")), &body);
        assert_eq!(simulator::validate(body.as_bytes()), Ok(()), "{name}");
    }
}

#[test]
fn every_type_and_component_has_a_golden_file() {
    let given = golden::given();
    let plain = domain::content::KINDS
        .iter()
        .filter(|kind| !matches!(**kind, "interactive" | "template"))
        .map(|kind| (*kind).to_owned());
    let interactive = interactive::KINDS.iter().map(|kind| format!("interactive.{kind}"));
    let components = components::KINDS
        .iter()
        .filter(|kind| !matches!(**kind, "header" | "button"));
    let components = components.map(|kind| format!("template.{kind}"));
    let headers = components::HEADER_KINDS
        .iter()
        .map(|kind| format!("template.header.{kind}"));
    let buttons = components::SUB_TYPES
        .iter()
        .map(|kind| format!("template.button.{kind}"));
    let all = plain.chain(interactive).chain(components).chain(headers).chain(buttons);
    for name in all {
        assert!(given.contains_key(&name), "{name} has no golden file");
    }
}
