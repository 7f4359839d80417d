//! The `turnpike` executable that system tests start.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::checkout;

static BINARY: OnceLock<PathBuf> = OnceLock::new();

/// Chooses the executable for the rest of this process, before anything is started: the benchmark measures a release build.
///
/// # Panics
/// When another one was used already.
pub fn use_binary(path: PathBuf) {
    BINARY
        .set(path)
        .expect("the executable is chosen before the first program is started");
}

/// Path of the built executable: `TURNPIKE_BIN` when set (`cargo xtask test` sets it), else `target/debug/turnpike`,
/// brought up to date once per test program, with its crash points; cargo's own lock keeps parallel ones apart.
///
/// Remove `TURNPIKE_BIN` from a child's environment: `turnpike` refuses variables that it does not know.
///
/// # Panics
/// When the build fails; cargo's own words are part of the message.
pub fn turnpike_binary() -> PathBuf {
    BINARY
        .get_or_init(|| env::var_os("TURNPIKE_BIN").map_or_else(build, PathBuf::from))
        .clone()
}

fn build() -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = Command::new(cargo)
        .args(["build", "--quiet", "--package", "turnpike"])
        .args(["--features", "crash-points", "--target-dir"])
        .arg(checkout::target())
        .current_dir(checkout::root())
        .output()
        .expect("cargo can be started: it started this test");
    assert!(
        build.status.success(),
        "building turnpike failed:\n{}",
        String::from_utf8_lossy(&build.stderr)
    );
    checkout::target()
        .join("debug")
        .join(format!("turnpike{}", env::consts::EXE_SUFFIX))
}
