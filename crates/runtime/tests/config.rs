//! The environment as an operator meets it: what is missing, mistyped or malformed is named, all of it at once.

use runtime::config::{
    Admin, Amqp, ConfigError, Database, Env, Http, Log, LogFormat, Meta, MetaApp, Proxies, SecretKey, TestMeta,
    VARIABLES,
};
use secrecy::ExposeSecret as _;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Everything `turnpike run` reads.
fn read(variables: &[(&str, &str)]) -> Result<(Database, Amqp, SecretKey, MetaApp), String> {
    let mut reader = Env::from_map(variables.iter().copied()).reader();
    let database = Database::from_env(&mut reader);
    let amqp = Amqp::from_env(&mut reader);
    let key = SecretKey::from_env(&mut reader);
    let app = MetaApp::from_env(&mut reader);
    let all = (|| Some((database?, amqp?, key?, app?)))();
    reader.finish(all).map_err(|errors| errors.to_string())
}

fn complete() -> Vec<(&'static str, &'static str)> {
    vec![
        ("TURNPIKE_DATABASE_URL", "postgres://db/turnpike"),
        ("TURNPIKE_AMQP_URL", "amqp://broker"),
        ("TURNPIKE_SECRET_KEY", KEY),
        ("TURNPIKE_META_APP_SECRET", "app-secret"),
        ("TURNPIKE_META_VERIFY_TOKEN", "verify-token"),
    ]
}

/// The one line of complaint about `name`.
fn complaint(variables: &[(&str, &str)], name: &str) -> String {
    let errors = read(variables).expect_err("the environment has a mistake");
    let lines: Vec<&str> = errors.lines().filter(|line| line.starts_with(name)).collect();
    assert_eq!(lines.len(), 1, "one line about {name} in:\n{errors}");
    lines[0].to_owned()
}

#[test]
fn a_complete_environment_is_read() {
    let (database, amqp, key, app) = read(&complete()).unwrap();

    assert_eq!(database.url.expose_secret(), "postgres://db/turnpike");
    assert_eq!(
        (amqp.url.expose_secret(), amqp.prefix.as_str()),
        ("amqp://broker", "turnpike")
    );
    assert_eq!(key.0, std::array::from_fn(|index| u8::try_from(index).unwrap()));
    assert_eq!(app.verify_token.expose_secret(), "verify-token");
}

#[test]
fn with_nothing_set_every_required_variable_is_named_with_an_example() {
    let errors = read(&[]).unwrap_err();

    let named: Vec<&str> = errors.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(named, complete().iter().map(|(name, _)| *name).collect::<Vec<_>>());
    assert!(
        errors.contains("for example postgres://turnpike:password@127.0.0.1:5432/turnpike"),
        "{errors}"
    );
    assert!(errors.contains("openssl rand -base64 32"), "{errors}");
}

#[test]
fn an_unknown_variable_is_an_error_that_suggests_the_nearest_name() {
    let mut variables = complete();
    variables.push(("TURNPIKE_AMPQ_PREFIX", "x"));

    let line = complaint(&variables, "TURNPIKE_AMPQ_PREFIX");

    assert_eq!(
        line,
        "TURNPIKE_AMPQ_PREFIX is not a variable of turnpike: did you mean TURNPIKE_AMQP_PREFIX?"
    );
}

#[test]
fn unknown_and_missing_and_malformed_are_told_together() {
    let errors = read(&[
        ("TURNPIKE_NONSENSE", "1"),
        ("TURNPIKE_AMQP_URL", "http://x"),
        ("TURNPIKE_AMQP_PREFIX", "A b"),
    ])
    .unwrap_err();

    for name in [
        "TURNPIKE_NONSENSE",
        "TURNPIKE_DATABASE_URL",
        "TURNPIKE_AMQP_URL",
        "TURNPIKE_AMQP_PREFIX",
    ] {
        assert!(
            errors.lines().any(|line| line.starts_with(name)),
            "{name} in:\n{errors}"
        );
    }
}

#[test]
fn variables_of_the_test_harness_and_of_others_are_not_ours() {
    let mut variables = complete();
    variables.extend([
        ("TURNPIKE_BIN", "x"),
        ("TURNPIKE_TEST_SEED", "7"),
        ("PATH", "/bin"),
        ("TURNPIKES", "2"),
    ]);

    assert!(read(&variables).is_ok());
}

#[test]
fn a_malformed_value_is_shown_with_the_form_it_should_have() {
    let mut variables = complete();
    variables.push(("TURNPIKE_AMQP_PREFIX", "Turnpike"));

    let line = complaint(&variables, "TURNPIKE_AMQP_PREFIX");

    assert!(
        line.contains("(\"Turnpike\")") && line.contains("expected 1 to 40 of a-z, 0-9, _ - and ."),
        "{line}"
    );
}

#[test]
fn a_malformed_secret_is_never_shown() {
    for (name, value) in [
        ("TURNPIKE_SECRET_KEY", "c2hvcnQ="),
        ("TURNPIKE_SECRET_KEY", "hunter2"),
        ("TURNPIKE_DATABASE_URL", "mysql://root:hunter2@db"),
        ("TURNPIKE_AMQP_URL", "hunter2"),
    ] {
        let mut variables = complete();
        variables.retain(|(other, _)| *other != name);
        variables.push((name, value));

        let line = complaint(&variables, name);

        assert!(line.contains("is malformed: expected"), "{line}");
        assert!(!line.contains("hunter2") && !line.contains("c2hvcnQ"), "{line}");
    }
}

#[test]
fn debug_output_hides_the_secrets() {
    let text = format!("{:?}", read(&complete()).unwrap());

    for secret in ["postgres://", "amqp://", "app-secret", "verify-token", "1, 2, 3"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn a_value_may_come_from_a_file_without_its_last_line_end() {
    let path = std::env::temp_dir().join(format!("turnpike-config-{}", std::process::id()));
    std::fs::write(&path, "postgres://from/file\n").unwrap();
    let mut variables = complete();
    variables[0] = ("TURNPIKE_DATABASE_URL_FILE", path.to_str().unwrap());

    let read = read(&variables);
    std::fs::remove_file(&path).unwrap();

    assert_eq!(read.unwrap().0.url.expose_secret(), "postgres://from/file");
}

#[test]
fn a_missing_file_is_named_and_the_variable_is_not_called_missing() {
    let mut variables = complete();
    variables[0] = ("TURNPIKE_DATABASE_URL_FILE", "/nonexistent/secret");

    let line = complaint(&variables, "TURNPIKE_DATABASE_URL");

    assert!(
        line.starts_with("TURNPIKE_DATABASE_URL_FILE names /nonexistent/secret, which cannot be read"),
        "{line}"
    );
}

#[test]
fn a_variable_and_its_file_together_are_an_error() {
    let mut variables = complete();
    variables.push(("TURNPIKE_SECRET_KEY_FILE", "/run/secrets/key"));

    let line = complaint(&variables, "TURNPIKE_SECRET_KEY");

    assert_eq!(
        line,
        "TURNPIKE_SECRET_KEY and TURNPIKE_SECRET_KEY_FILE are both set: keep one of them"
    );
}

#[test]
fn an_empty_value_counts_as_not_set() {
    let mut variables = complete();
    variables[1] = ("TURNPIKE_AMQP_URL", "");
    variables.push(("TURNPIKE_AMQP_PREFIX", ""));

    assert!(complaint(&variables, "TURNPIKE_AMQP_URL").contains("is not set"));
}

#[test]
fn everything_but_the_required_has_a_default() {
    let mut reader = Env::from_map::<&str, &str>([]).reader();
    let http = Http::from_env(&mut reader);
    let admin = Admin::from_env(&mut reader);
    let meta = Meta::from_env(&mut reader);
    let log = Log::from_env(&mut reader);
    let (http, admin, meta, log) = reader.finish((|| Some((http?, admin?, meta?, log?)))()).unwrap();

    assert_eq!(http.addr, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(admin.addr, "127.0.0.1:0".parse().unwrap());
    assert_eq!(
        meta,
        Meta {
            base_url: "https://graph.facebook.com".into(),
            version: "v26.0".into()
        }
    );
    assert_eq!(log.filter, "info");
}

#[test]
fn addresses_versions_filters_and_formats_are_checked() {
    for (name, value) in [
        ("TURNPIKE_HTTP_ADDR", "8080"),
        ("TURNPIKE_ADMIN_ADDR", "localhost"),
        ("TURNPIKE_META_BASE_URL", "graph.facebook.com"),
        ("TURNPIKE_META_VERSION", "26"),
        ("TURNPIKE_LOG", "sender=loud"),
        ("TURNPIKE_LOG_FORMAT", "yaml"),
    ] {
        let mut reader = Env::from_map([(name, value)]).reader();
        Http::from_env(&mut reader);
        Admin::from_env(&mut reader);
        Meta::from_env(&mut reader);
        Log::from_env(&mut reader);

        let errors = reader.finish(Some(())).unwrap_err();

        assert!(
            matches!(errors.0.as_slice(), [ConfigError::Malformed { variable, .. }] if variable.name == name),
            "{name}: {errors}"
        );
    }
}

#[test]
fn a_stand_in_for_tests_is_never_meta() {
    let read = |value: &[(&str, &str)]| {
        let mut reader = Env::from_map(value.iter().copied()).reader();
        let stand_in = TestMeta::from_env(&mut reader);
        reader.finish(stand_in)
    };
    let given = |value| read(&[("TURNPIKE_META_TEST_BASE_URL", value)]);

    assert_eq!(read(&[]).unwrap().base_url, None);
    assert_eq!(
        given("http://simulator:8090/").unwrap().base_url.as_deref(),
        Some("http://simulator:8090")
    );
    assert!(given("https://graph.facebook.com").is_err());
    assert!(given("simulator").is_err());
}

#[test]
fn trusted_proxies_are_networks_separated_by_commas_and_none_when_absent() {
    let read = |value: &[(&str, &str)]| {
        let mut reader = Env::from_map(value.iter().copied()).reader();
        let proxies = Proxies::from_env(&mut reader, |text| text.contains('.'));
        reader.finish(proxies)
    };
    let given = |value| read(&[("TURNPIKE_TRUSTED_PROXIES", value)]);

    assert_eq!(read(&[]).unwrap().networks, Vec::<String>::new());
    assert_eq!(
        given("10.0.0.0/8, 192.0.2.7").unwrap().networks,
        ["10.0.0.0/8", "192.0.2.7"]
    );
    assert!(given("10.0.0.0/8,nowhere").is_err());
}

#[test]
fn a_log_format_and_a_base_url_are_taken_as_given() {
    let mut reader = Env::from_map([
        ("TURNPIKE_LOG_FORMAT", "json"),
        ("TURNPIKE_META_BASE_URL", "http://127.0.0.1:9000/"),
    ])
    .reader();
    let (log, meta) = (Log::from_env(&mut reader), Meta::from_env(&mut reader));
    let (log, meta) = reader.finish(log.zip(meta)).unwrap();

    assert_eq!(log.format, LogFormat::Json);
    assert_eq!(meta.base_url, "http://127.0.0.1:9000");
}

#[test]
fn the_defaults_in_the_table_are_well_formed() {
    let defaults = VARIABLES
        .iter()
        .filter_map(|variable| Some((variable.name, variable.default()?)));
    let mut reader = Env::from_map(defaults).reader();
    Http::from_env(&mut reader);
    Admin::from_env(&mut reader);
    Meta::from_env(&mut reader);
    Log::from_env(&mut reader);

    assert!(reader.finish(Some(())).is_ok());
}
