//! Declared, changed, withdrawn.

use domain::declaration::Declaration;
use serde_json::{Value, json};
use store::intake::Questions;
use store::policies::KnownPolicies;
use store::tenancy::Change;
use testkit::database;
use testkit::seed::{self, Choice};

use crate::rows::{batch, row};

fn declared(policies: &Value) -> Declaration {
    let mut declared = seed::declaration(&Choice::default());
    let organization = declared["organization"][0].as_object_mut().unwrap();
    organization.extend(policies.as_object().unwrap().clone());
    serde_json::from_value(declared).unwrap()
}

#[tokio::test]
async fn policies_are_declared_changed_and_withdrawn_and_readers_see_it_at_once() {
    let database = database::fresh().await;
    let store = &database.store;
    let tenant = seed::tenant(store, &Choice::default()).await;
    let known = KnownPolicies::default();
    let apply = async |policies: Value| {
        let applied = store.apply(&declared(&policies), &|_| None).await.unwrap();
        let item = applied.items.into_iter().find(|item| item.what == "policies of acme0");
        let intake = store.intake().await.unwrap();
        let now = store.clock().await.unwrap().at();
        let numbers = intake.numbers(&[tenant.organization], now).await.unwrap();
        let seen = intake.policies(&known, &numbers).await.unwrap();
        drop(intake);
        let seen = seen.get(&tenant.organization).map(|policies| policies.daily_quota);
        (item.map(|item| item.change), seen)
    };
    let quota = |n: u32| json!({"daily_quota": n, "quiet_hours": {"start": "21:00", "end": "08:00"}});

    assert_eq!(apply(json!({})).await, (None, None));
    assert_eq!(apply(quota(5)).await, (Some(Change::Created), Some(Some(5))));
    assert_eq!(apply(quota(5)).await, (Some(Change::Unchanged), Some(Some(5))));
    assert_eq!(apply(quota(6)).await, (Some(Change::Updated), Some(Some(6))));
    assert_eq!(apply(json!({})).await, (Some(Change::Updated), None));
    assert_eq!(
        apply(quota(7)).await,
        (Some(Change::Created), Some(Some(7))),
        "a new revision, not the old one again"
    );
}

#[tokio::test]
async fn policies_of_a_newer_version_are_refused_rather_than_ignored() {
    let database = database::fresh().await;
    let tenant = seed::tenant(&database.store, &Choice::default()).await;
    let newer = r#"{"fraud_guard": {"moon_phase": {}}}"#;
    let sql = format!(
        "INSERT INTO policy (organization_id, rules) VALUES ({}, '{newer}')",
        tenant.organization
    );
    database.store.raw(&sql).await.unwrap();
    let intake = database.store.intake().await.unwrap();
    let now = database.store.clock().await.unwrap().at();
    let numbers = intake.numbers(&[tenant.organization], now).await.unwrap();

    let error = intake.policies(&KnownPolicies::default(), &numbers).await.unwrap_err();

    assert!(error.to_string().contains("moon_phase"), "{error}");
}

#[tokio::test]
async fn an_organization_without_policies_pays_no_statement_for_them() {
    let database = database::fresh().await;
    let tenant = seed::tenant(&database.store, &Choice::default()).await;
    let now = database.store.clock().await.unwrap().at();
    // One connection, which remembers every statement it was asked to prepare.
    let store = database::store(&database.url, 1);
    let known = KnownPolicies::default();
    let message = row(&tenant, 1, now);
    let id = message.id;

    let mut intake = store.intake().await.unwrap();
    let numbers = intake.numbers(&[tenant.organization], now).await.unwrap();
    assert!(intake.policies(&known, &numbers).await.unwrap().is_empty());
    intake.facts(&Questions::default(), now).await.unwrap();
    intake.insert(&batch(vec![message]), now).await.unwrap();
    drop(intake);
    let rows = store.load(&[id]).await.unwrap();
    assert!(store.policy_facts(&known, &rows).await.unwrap().is_empty());
    assert!(store.take_frequency(&[]).await.unwrap().is_empty());

    assert_eq!(rows.len(), 1);
    let prepared = store.raw("SELECT statement FROM pg_prepared_statements").await.unwrap();
    assert!(prepared.len() >= 3, "{prepared:?}");
    let tables = [
        "quota_use",
        "new_recipient_count",
        "content_count",
        "frequency_",
        "recipient_zone",
        "FROM policy",
    ];
    for statement in prepared {
        let statement = statement["statement"].as_str().unwrap();
        assert!(!tables.iter().any(|table| statement.contains(table)), "{statement}");
    }
}
