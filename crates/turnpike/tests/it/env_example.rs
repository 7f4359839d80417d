//! `deploy/env.example` documents every variable, and no other.

use std::collections::BTreeSet;

use runtime::config::VARIABLES;

#[test]
fn the_example_has_every_variable_once_and_no_other() {
    let path = testkit::checkout::root().join("deploy/env.example");
    let text = std::fs::read_to_string(&path).expect("deploy/env.example");

    let mut found = BTreeSet::new();
    for line in text.lines() {
        let line = line.strip_prefix('#').unwrap_or(line);
        let Some((name, _)) = line.split_once('=').filter(|(name, _)| is_name(name)) else {
            continue;
        };
        assert!(found.insert(name), "{name} stands in {} twice", path.display());
    }

    let known: BTreeSet<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    assert_eq!(
        found,
        known,
        "{} and runtime::config::VARIABLES name the same",
        path.display()
    );
}

fn is_name(text: &str) -> bool {
    text.starts_with("TURNPIKE_") && text.bytes().all(|letter| letter.is_ascii_uppercase() || letter == b'_')
}
