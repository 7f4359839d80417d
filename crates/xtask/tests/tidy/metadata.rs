//! The packages of the workspace, as `cargo metadata` describes them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use testkit::checkout;

/// A member of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A line in a package's manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Only its tests see it.
    pub(crate) dev: bool,
}

impl Package {
    /// A package for examples: `domain`, `["chrono", "dev:tokio"]`.
    pub(crate) fn example(name: &str, dependencies: &[&str]) -> Package {
        let dependencies = dependencies.iter().map(|line| match line.strip_prefix("dev:") {
            Some(name) => Dependency {
                name: name.into(),
                dev: true,
            },
            None => Dependency {
                name: (*line).into(),
                dev: false,
            },
        });
        Package {
            name: name.into(),
            manifest: PathBuf::new(),
            dependencies: dependencies.collect(),
        }
    }
}

/// All members of this workspace.
pub(crate) fn packages() -> &'static [Package] {
    static PACKAGES: OnceLock<Vec<Package>> = OnceLock::new();
    PACKAGES.get_or_init(|| read(&checkout::root()))
}

fn read(root: &Path) -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let output = Command::new(cargo).args(arguments).current_dir(root).output().unwrap();
    assert!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

fn package(found: &Value) -> Package {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let dependency = |found: &Value| Dependency {
        name: text(&found["name"]),
        dev: found["kind"] == "dev",
    };
    Package {
        name: text(&found["name"]),
        manifest: text(&found["manifest_path"]).into(),
        dependencies: found["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .map(dependency)
            .collect(),
    }
}

#[test]
fn cargo_names_every_crate_and_tells_what_only_tests_need() {
    let found = package(&serde_json::json!({
        "name": "domain",
        "manifest_path": "/checkout/crates/domain/Cargo.toml",
        "dependencies": [{ "name": "chrono", "kind": null }, { "name": "proptest", "kind": "dev" }],
    }));

    assert_eq!(
        found.dependencies,
        Package::example("domain", &["chrono", "dev:proptest"]).dependencies
    );
    assert!(packages().iter().any(|package| package.name == "domain"));
}
