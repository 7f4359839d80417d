//! Help is an answer: on standard output, with code 0, and with an example.

use runtime::config::VARIABLES;

use crate::invocation::call;

const COMMANDS: [&str; 27] = [
    "migrate",
    "apply",
    "check",
    "doctor",
    "run",
    "ingest",
    "scheduler",
    "sender",
    "receipts",
    "notifier",
    "simulator",
    "send",
    "broadcast",
    "status",
    "window",
    "inbound",
    "read",
    "cancel",
    "explain",
    "limits",
    "flow",
    "number",
    "suppress",
    "webhook",
    "key",
    "resolve",
    "dead",
];

#[test]
fn every_command_explains_itself_with_an_example() {
    let overview = call(&["--help"], &[]).stdout;
    for command in COMMANDS {
        let said = call(&[command, "--help"], &[]);

        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{command}");
        let (_, example) = said
            .stdout
            .split_once("Example")
            .unwrap_or_else(|| panic!("{command}: {}", said.stdout));
        assert!(
            example.contains(&format!("\n  turnpike {command}")),
            "{command}: {}",
            said.stdout
        );
        assert!(
            said.stdout.contains("TURNPIKE_"),
            "{command} says which variables it needs: {}",
            said.stdout
        );
        assert!(
            overview.contains(&format!("\n  {command} ")),
            "{command} is in the overview: {overview}"
        );
    }
}

#[test]
fn the_overview_describes_every_variable() {
    let said = call(&["--help"], &[]);

    assert_eq!(said.code, Some(0));
    for variable in VARIABLES {
        let line = format!("\n{}\n", variable.name);
        assert!(said.stdout.contains(&line), "{} in {}", variable.name, said.stdout);
    }
}

#[test]
fn help_has_no_colour() {
    assert!(!call(&["--help"], &[("CLICOLOR_FORCE", "1")]).stdout.contains('\u{1b}'));
}
