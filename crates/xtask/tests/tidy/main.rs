//! What holds this workspace together and no compiler checks: who may depend on whom, and where things belong.
//!
//! Every rule is a function from what it looks at to a list of offences, and two tests: the workspace commits none, and
//! an example commits one.

#![expect(
    clippy::unwrap_used,
    reason = "a check that cannot look at the workspace has to fail"
)]

mod dependencies;
mod layout;
mod metadata;
mod sql;

/// Fails with every offence in the message.
#[track_caller]
fn none(offences: &[String]) {
    assert!(offences.is_empty(), "\n  {}\n", offences.join("\n  "));
}
