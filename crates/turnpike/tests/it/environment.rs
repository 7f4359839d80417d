//! What is missing, mistyped or malformed is named, all of it at once, before anything is started.

use crate::invocation::{Said, call};

const KEY: (&str, &str) = ("TURNPIKE_SECRET_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
/// Nobody listens on port 1.
const DATABASE: (&str, &str) = ("TURNPIKE_DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/none");
const AMQP: (&str, &str) = ("TURNPIKE_AMQP_URL", "amqp://127.0.0.1:1");

/// The variables that are complained about, one line each.
fn complaints(said: &Said) -> Vec<&str> {
    let lines = said.stderr.lines().filter(|line| line.starts_with("TURNPIKE_"));
    lines.filter_map(|line| line.split(' ').next()).collect()
}

#[test]
fn with_nothing_configured_every_role_names_all_that_it_needs() {
    let common = ["TURNPIKE_DATABASE_URL", "TURNPIKE_AMQP_URL", "TURNPIKE_SECRET_KEY"];
    let ingest = ["TURNPIKE_META_APP_SECRET", "TURNPIKE_META_VERIFY_TOKEN"];
    for (role, own) in [
        ("run", &ingest[..]),
        ("ingest", &ingest),
        ("scheduler", &[]),
        ("sender", &[]),
        ("receipts", &[]),
        ("notifier", &[]),
    ] {
        let said = call(&[role], &[]);

        assert_eq!(said.code, Some(64), "{role}: {said:?}");
        assert_eq!(complaints(&said), [&common[..], own].concat(), "{role}");
        assert_eq!(said.stdout, "", "{role}");
        assert!(
            said.stderr.contains("openssl rand -base64 32"),
            "an example to copy: {}",
            said.stderr
        );
    }
}

#[test]
fn commands_ask_only_for_what_they_read() {
    for (arguments, expected) in [
        (&["migrate"][..], &["TURNPIKE_DATABASE_URL"][..]),
        (&["apply", "-"], &["TURNPIKE_DATABASE_URL", "TURNPIKE_SECRET_KEY"]),
        (&["status", "x"], &["TURNPIKE_API_KEY"]),
        (&["window", "--to", "+14155550100"], &["TURNPIKE_API_KEY"]),
    ] {
        let said = call(arguments, &[]);

        assert_eq!(
            (said.code, complaints(&said)),
            (Some(64), expected.to_vec()),
            "{arguments:?}: {}",
            said.stderr
        );
    }
}

#[test]
fn an_unknown_variable_is_named_with_the_one_that_was_meant() {
    for arguments in [
        &["run"][..],
        &["scheduler"],
        &["migrate"],
        &["simulator"],
        &["status", "x"],
    ] {
        let said = call(arguments, &[KEY, DATABASE, AMQP, ("TURNPIKE_AMPQ_PREFIX", "x")]);

        assert_eq!(said.code, Some(64), "{arguments:?}: {said:?}");
        let expected = "TURNPIKE_AMPQ_PREFIX is not a variable of turnpike: did you mean TURNPIKE_AMQP_PREFIX?";
        assert!(said.stderr.contains(expected), "{arguments:?}: {}", said.stderr);
    }
}

#[test]
fn malformed_values_are_named_with_the_form_they_should_have_and_secrets_stay_secret() {
    let said = call(
        &["run"],
        &[
            ("TURNPIKE_DATABASE_URL", "mysql://root:hunter2@db"),
            ("TURNPIKE_AMQP_URL", "hunter2"),
            ("TURNPIKE_SECRET_KEY", "hunter2"),
            ("TURNPIKE_HTTP_ADDR", "8080"),
            ("TURNPIKE_META_VERSION", "26"),
            ("TURNPIKE_LOG", "sender=loud"),
            ("TURNPIKE_META_APP_SECRET", "a"),
            ("TURNPIKE_META_VERIFY_TOKEN", "b"),
        ],
    );

    assert_eq!(said.code, Some(64), "{said:?}");
    let mut named = complaints(&said);
    named.sort_unstable();
    let expected = [
        "TURNPIKE_AMQP_URL",
        "TURNPIKE_DATABASE_URL",
        "TURNPIKE_HTTP_ADDR",
        "TURNPIKE_LOG",
        "TURNPIKE_META_VERSION",
        "TURNPIKE_SECRET_KEY",
    ];
    assert_eq!(named, expected, "{}", said.stderr);
    assert!(
        said.stderr.contains("(\"8080\"): expected an IP address and a port"),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains("hunter2"), "{}", said.stderr);
}

#[test]
fn wrong_options_end_with_the_code_of_wrong_configuration() {
    for arguments in [&["fly"][..], &["send", "--to", "+1"], &["run", "--fast"], &["apply"]] {
        let said = call(arguments, &[]);

        assert_eq!(
            (said.code, said.stdout.as_str()),
            (Some(64), ""),
            "{arguments:?}: {}",
            said.stderr
        );
    }
}

#[test]
fn a_role_without_its_database_fails_with_the_next_step_and_without_the_password() {
    let said = call(&["scheduler"], &[KEY, DATABASE, AMQP]);

    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("check TURNPIKE_DATABASE_URL"), "{}", said.stderr);
    assert!(!said.stderr.contains("hunter2"), "{}", said.stderr);
}
