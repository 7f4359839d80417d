//! `turnpike check` on a set-up that works and on ones that do not.

use serde_json::json;
use testkit::database::{self, TestDatabase};
use testkit::seed::{self, Choice};

use crate::invocation::{Said, borrowed, call, ledger};

/// Everything that `turnpike run` needs, with a stand-in for Meta.
fn variables(database: &TestDatabase, meta: &str) -> Vec<(&'static str, String)> {
    let mut variables = ledger(database);
    variables.extend([
        ("TURNPIKE_AMQP_URL", database.amqp_url.clone()),
        ("TURNPIKE_AMQP_PREFIX", format!("check{}", std::process::id())),
        ("TURNPIKE_META_APP_SECRET", "app-secret".to_owned()),
        ("TURNPIKE_META_VERIFY_TOKEN", "verify-token".to_owned()),
        ("TURNPIKE_META_BASE_URL", meta.to_owned()),
    ]);
    variables
}

fn check(variables: &[(&'static str, String)]) -> Said {
    call(&["check"], &borrowed(variables))
}

/// The line about something: its verdict and its words.
fn line<'a>(said: &'a Said, what: &str) -> (&'a str, &'a str) {
    let line = said.stdout.lines().find_map(|line| line.strip_prefix(what));
    let line = line
        .unwrap_or_else(|| panic!("a line about {what} in {}", said.stdout))
        .trim_start();
    let (verdict, words) = line.split_once(' ').expect("a verdict and words");
    (verdict, words.trim_start())
}

fn meta_with(numbers: &[(&str, &str)]) -> simulator::Config {
    let numbers = numbers
        .iter()
        .map(|(id, waba)| simulator::Number::new(*id, "+15550001110", *waba));
    simulator::Config {
        numbers: numbers.collect(),
        ..simulator::Config::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_set_up_is_ok_line_by_line() {
    let database = database::fresh().await;
    seed::tenant(&database.store, &Choice::default()).await;
    let meta = simulator::Simulator::start(meta_with(&[("2000000", "1000000")]))
        .await
        .unwrap();

    let said = check(&variables(&database, &meta.base_url()));

    assert_eq!(said.code, Some(0), "{said:?}");
    for what in ["configuration", "database", "broker", "meta, waba 1000000"] {
        assert_eq!(line(&said, what).0, "ok", "{}", said.stdout);
    }
    assert!(
        line(&said, "meta, waba 1000000").1.contains("the number may send"),
        "{}",
        said.stdout
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_part_that_is_wrong_says_the_next_step_and_the_others_are_looked_at_all_the_same() {
    let database = database::empty().await;
    let mut variables = variables(&database, "http://127.0.0.1:1");
    variables.retain(|(name, _)| !["TURNPIKE_AMQP_URL", "TURNPIKE_META_APP_SECRET"].contains(name));
    variables.push(("TURNPIKE_AMQP_URL", "amqp://127.0.0.1:1".to_owned()));

    let said = check(&variables);

    assert_eq!(said.code, Some(1), "{said:?}");
    let (verdict, words) = line(&said, "configuration");
    assert!(
        verdict == "FAILED" && words.contains("TURNPIKE_META_APP_SECRET is not set"),
        "{}",
        said.stdout
    );
    let (verdict, words) = line(&said, "database");
    assert!(
        verdict == "FAILED" && words.contains("run `turnpike migrate`"),
        "{}",
        said.stdout
    );
    let (verdict, words) = line(&said, "broker");
    assert!(
        verdict == "FAILED" && words.contains("check TURNPIKE_AMQP_URL"),
        "{}",
        said.stdout
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_meta_does_not_agree_with_is_told_per_account() {
    let database = database::fresh().await;
    seed::tenant(&database.store, &Choice::default()).await;
    let meta = simulator::Simulator::start(meta_with(&[("2999999", "1000000")]))
        .await
        .unwrap();

    let unknown_number = check(&variables(&database, &meta.base_url()));
    meta.patch_config(&json!({"access_tokens": ["another-token"]})).unwrap();
    let refused_token = check(&variables(&database, &meta.base_url()));
    let mut other_key = variables(&database, &meta.base_url());
    other_key.retain(|(name, _)| *name != "TURNPIKE_SECRET_KEY");
    other_key.push((
        "TURNPIKE_SECRET_KEY",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned(),
    ));
    let wrong_key = check(&other_key);

    for (said, expected) in [
        (&unknown_number, "number 2000000 is not in this account"),
        (&refused_token, "code 190"),
        (&wrong_key, "TURNPIKE_SECRET_KEY must be the one it was sealed with"),
    ] {
        let (verdict, words) = line(said, "meta, waba 1000000");
        assert!(
            verdict == "FAILED" && words.contains(expected),
            "{expected} in {}",
            said.stdout
        );
        assert_eq!(said.code, Some(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_installation_is_told_to_declare_who_sends() {
    let database = database::fresh().await;

    let said = check(&variables(&database, "http://127.0.0.1:1"));

    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(line(&said, "meta").1.contains("turnpike apply FILE"), "{}", said.stdout);
}
