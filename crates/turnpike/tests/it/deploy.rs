//! What `deploy/` says about the executable is true: every variable, every role.

use std::collections::BTreeSet;

use runtime::config::VARIABLES;

fn read(path: &str) -> String {
    let path = testkit::checkout::root().join("deploy").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_example_has_every_variable_once_and_no_other() {
    let text = read("env.example");

    let mut found = BTreeSet::new();
    for line in text.lines() {
        let line = line.strip_prefix('#').unwrap_or(line);
        let Some((name, _)) = line.split_once('=').filter(|(name, _)| is_name(name)) else {
            continue;
        };
        assert!(found.insert(name), "{name} stands there twice");
    }

    let known: BTreeSet<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    assert_eq!(found, known, "env.example and runtime::config::VARIABLES name the same");
}

fn is_name(text: &str) -> bool {
    text.starts_with("TURNPIKE_") && text.bytes().all(|letter| letter.is_ascii_uppercase() || letter == b'_')
}

#[test]
fn the_list_of_metrics_is_the_catalog() {
    let document = runtime::telemetry::catalog::document();
    let path = testkit::checkout::root().join("deploy/METRICS.md");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    if written != document {
        std::fs::write(&path, &document).expect("the list can be written anew");
        panic!("deploy/METRICS.md was not what runtime::telemetry::catalog says; it was written anew, commit it");
    }
}

#[test]
fn every_role_has_a_service_and_a_deployment() {
    let compose = read("compose.yaml");
    for role in ["ingest", "scheduler", "sender", "receipts", "notifier", "migrate"] {
        assert!(
            compose.contains(&format!("\n  {role}:\n    <<: *role\n    command: [{role}]\n")),
            "{role}"
        );
        assert!(
            read(&format!("kubernetes/{role}.yaml")).contains(&format!("\n          args: [{role}]\n")),
            "{role}"
        );
    }
}

#[test]
fn no_setting_of_the_deployment_is_taken_for_a_variable_of_ours() {
    // Compose hands all of .env to every role, so what Compose itself reads from there must not begin with our prefix.
    assert!(!read("compose.yaml").contains("${TURNPIKE_"));
    for file in ["ingest", "scheduler", "sender", "receipts", "notifier", "migrate"] {
        let manifest = read(&format!("kubernetes/{file}.yaml"));
        assert!(
            manifest.contains("enableServiceLinks: false"),
            "{file}: Kubernetes would add TURNPIKE_PORT"
        );
    }
}
