//! Declared, changed, withdrawn.

use domain::declaration::Declaration;
use serde_json::{Value, json};
use store::policies::KnownPolicies;
use store::tenancy::Change;
use testkit::database;
use testkit::seed::{self, Choice};

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
