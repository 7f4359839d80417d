//! `turnpike apply`: what a file declares, once and again.

use serde_json::Value;
use testkit::database::{self, TestDatabase};

use crate::invocation::{Said, borrowed, call, call_with_input, ledger};

pub(crate) const ACME: &str = r#"
[[organization]]
slug = "acme"
name = "Acme"
[[organization.api_key]]
name = "default"
[[organization.waba]]
id = "1000001"
access_token_env = "ACME_META_TOKEN"
portfolio = "9001"
messaging_limit_tier = "TIER_100K"
[[organization.waba.number]]
phone_number_id = "2000001"
phone = "+15550001111"
throughput = 80
[[organization.waba.template]]
name = "order_update"
language = "en_US"
category = "UTILITY"
body = "Hi {{1}}, order {{2}} is on its way."
"#;

fn apply(database: &TestDatabase, arguments: &[&str], text: &str) -> Said {
    let variables = ledger(database);
    let variables = [&borrowed(&variables)[..], &[("ACME_META_TOKEN", "EAAB-token")]].concat();
    call_with_input(&[&["apply", "-"], arguments].concat(), &variables, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_time_nothing_changes() {
    let database = database::fresh().await;

    let first = apply(&database, &[], ACME);
    let second = apply(&database, &[], ACME);

    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(first.stdout.contains("created  organization acme"), "{}", first.stdout);
    assert!(first.stdout.contains("NEW KEY of api_key default"), "{}", first.stdout);
    assert_eq!(second.code, Some(0), "{second:?}");
    assert_eq!(second.stderr, "nothing changed\n");
    assert!(
        second.stdout.lines().all(|line| line.starts_with("unchanged  ")),
        "{}",
        second.stdout
    );
    assert!(!second.stdout.contains("tp_"), "{}", second.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_machine_form_says_the_same_and_the_key_opens() {
    let database = database::fresh().await;

    let first: Value = serde_json::from_str(&apply(&database, &["--json"], ACME).stdout).unwrap();
    let second: Value = serde_json::from_str(&apply(&database, &["--json"], ACME).stdout).unwrap();

    let items = first["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["change"] == "created"), "{first}");
    let key = items.iter().find(|item| item["what"] == "api_key default").unwrap()["key"]
        .as_str()
        .unwrap();
    assert!(domain::api_key::ApiKey::parse(key).is_some(), "{key}");
    let items = second["items"].as_array().unwrap();
    assert!(
        items
            .iter()
            .all(|item| item["change"] == "unchanged" && item.get("key").is_none()),
        "{second}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_file_is_an_update_of_that_item_alone() {
    let database = database::fresh().await;
    apply(&database, &[], ACME);

    let said = apply(&database, &[], &ACME.replace("throughput = 80", "throughput = 20"));

    assert!(said.stdout.contains("updated    number 2000001"), "{}", said.stdout);
    assert_eq!(said.stdout.matches("updated").count(), 1, "{}", said.stdout);
    assert_eq!(said.stderr, "0 created, 1 updated, 5 unchanged\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_mistakes_are_listed_and_nothing_is_changed() {
    let database = database::fresh().await;
    let wrong = ACME
        .replace("+15550001111", "555")
        .replace("UTILITY", "NEWS")
        .replace("TIER_100K", "HUGE");

    let said = apply(&database, &[], &wrong);

    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{said:?}");
    for place in [
        "number 2000001: phone: \"555\"",
        "category: \"NEWS\"",
        "messaging_limit_tier: \"HUGE\"",
    ] {
        assert!(said.stderr.contains(place), "{place} in {}", said.stderr);
    }
    assert!(
        database
            .store
            .raw("SELECT slug FROM organization")
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_declaration_is_told_its_line() {
    let database = database::fresh().await;

    let misspelt = apply(
        &database,
        &[],
        "[[organization]]\nslug = \"a\"\nname = \"A\"\namqp_usr = \"a\"\n",
    );
    let broken = apply(&database, &[], "[[organization]\n");

    assert_eq!(misspelt.code, Some(1));
    assert!(
        misspelt.stderr.contains("amqp_usr") && misspelt.stderr.contains("line 4"),
        "{}",
        misspelt.stderr
    );
    assert_eq!(broken.code, Some(1));
    assert!(broken.stderr.contains("line 1"), "{}", broken.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_is_named_and_one_from_a_file_is_taken() {
    let database = database::fresh().await;
    let variables = ledger(&database);
    let variables = borrowed(&variables);
    let folder = std::env::temp_dir().join(format!("turnpike-apply-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (declaration, token) = (folder.join("acme.toml"), folder.join("token"));
    std::fs::write(&declaration, ACME).unwrap();
    std::fs::write(&token, "EAAB-token\n").unwrap();
    let declaration = declaration.to_str().unwrap();

    let missing = call(&["apply", declaration], &variables);
    let from_file = [&variables[..], &[("ACME_META_TOKEN_FILE", token.to_str().unwrap())]].concat();
    let given = call(&["apply", declaration], &from_file);
    std::fs::remove_dir_all(&folder).unwrap();

    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(
        missing.stderr.contains("ACME_META_TOKEN is not set"),
        "{}",
        missing.stderr
    );
    assert_eq!(given.code, Some(0), "{given:?}");
    let same = apply(&database, &[], ACME);
    assert_eq!(
        same.stderr, "nothing changed\n",
        "the token from the file is the same without its line end"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balance_is_opened_once_and_a_rate_card_replaced_as_a_whole() {
    let database = database::fresh().await;
    let with = |money: &str| ACME.replacen("name = \"Acme\"\n", &format!("name = \"Acme\"\n{money}\n"), 1);
    let card = |prefix: &str, price: &str| {
        with(&format!(
            "currency = \"EUR\"\nbalance = \"100.00\"\n[[organization.rate]]\nprefix = \"{prefix}\"\ncategory = \"MARKETING\"\nprice = \"{price}\""
        ))
    };
    let money = async || {
        let balances = database
            .store
            .raw("SELECT available, funded FROM balance_account")
            .await
            .unwrap();
        let rates = database.store.raw("SELECT prefix, price FROM rate").await.unwrap();
        (balances, rates)
    };

    let first = apply(&database, &[], &card("+1", "0.025"));
    let opened = money().await;
    let again = apply(&database, &[], &card("+1", "0.025").replace("100.00", "500.00"));
    let after = money().await;
    let changed = apply(&database, &[], &card("+49", "0.07"));

    assert!(first.stdout.contains("created  balance of acme\n"), "{first:?}");
    assert!(first.stdout.contains("created  rate card of acme\n"), "{first:?}");
    assert_eq!(
        opened.0,
        [serde_json::json!({"available": 100_000_000, "funded": 100_000_000})]
    );
    assert_eq!(opened.1, [serde_json::json!({"prefix": "+1", "price": 25_000})]);
    assert_eq!(again.stderr, "nothing changed\n", "{again:?}");
    assert_eq!(after, opened, "what is declared later moves no money");
    assert!(changed.stdout.contains("updated    rate card of acme\n"), "{changed:?}");
    assert_eq!(money().await.1, [serde_json::json!({"prefix": "+49", "price": 70_000})]);
    let other = apply(&database, &[], &card("+49", "0.07").replace("EUR", "USD"));
    assert_eq!(other.code, Some(1), "{other:?}");
    assert!(other.stderr.contains("kept in EUR, not in USD"), "{other:?}");
}
