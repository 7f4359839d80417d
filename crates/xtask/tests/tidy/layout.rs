//! Where things belong: the root stays small, and every crate obeys the workspace's lints.

use std::fs;

use testkit::checkout;

use crate::metadata::packages;
use crate::none;

/// Everything the root may hold, next to files and folders whose name begins with a dot.
const ROOT: [&str; 8] = [
    "Cargo.toml",
    "Cargo.lock",
    "crates",
    "migrations",
    "deploy",
    "tests",
    "README.md",
    "LICENSE",
];

fn strangers_in_root(entries: &[String]) -> Vec<String> {
    let known = |name: &str| name.starts_with('.') || ROOT.contains(&name);
    let strangers = entries.iter().filter(|name| !known(name));
    strangers
        .map(|name| format!("{name}: does not belong in the root"))
        .collect()
}

#[test]
fn the_root_holds_only_what_belongs_there() {
    let entries = fs::read_dir(checkout::root()).unwrap().map(|entry| entry.unwrap());
    let built = checkout::target();
    let entries = entries.filter(|entry| entry.path() != built && entry.file_name() != "target");
    let names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();

    assert!(
        names.iter().any(|name| name == "Cargo.toml"),
        "this is not the root: {names:?}"
    );
    none(&strangers_in_root(&names));
}

#[test]
fn a_stranger_in_the_root_is_found() {
    let entries = ["Cargo.toml", ".cargo", "notes.txt"].map(String::from);

    assert_eq!(strangers_in_root(&entries), ["notes.txt: does not belong in the root"]);
}

/// Whether a manifest has `workspace = true` in its section `[lints]`.
fn obeys_the_workspace(manifest: &str) -> bool {
    let section = manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[lints]")
        .skip(1);
    section
        .take_while(|line| !line.starts_with('['))
        .any(|line| line.replace(' ', "") == "workspace=true")
}

#[test]
fn every_crate_obeys_the_lints_of_the_workspace() {
    let read = |path| fs::read_to_string(path).unwrap();
    let lax = packages()
        .iter()
        .filter(|package| !obeys_the_workspace(&read(&package.manifest)));
    let offences: Vec<String> = lax
        .map(|package| format!("{}: no `lints.workspace = true`", package.name))
        .collect();

    none(&offences);
}

#[test]
fn a_crate_with_lints_of_its_own_is_found() {
    assert!(obeys_the_workspace(
        "[package]\nname = \"store\"\n\n[lints]\nworkspace = true\n\n[dependencies]\n"
    ));
    assert!(!obeys_the_workspace(
        "[package]\nname = \"store\"\n\n[dependencies]\nworkspace = true\n"
    ));
    assert!(!obeys_the_workspace("[lints]\n\n[lints.clippy]\nworkspace = true\n"));
}
