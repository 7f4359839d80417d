//! Keys: made, rotated and revoked by their organization, bound to times, addresses and rates.

use chrono::{TimeDelta, Utc};
use runtime::Clock;
use serde_json::{Value, json};
use testkit::until;

use crate::client::{Answer, Request};
use crate::rig::{MESSAGES, Rig, SOON, hello, person};

const KEYS: &str = "/api/v1/keys";

fn in_hours(hours: i64) -> chrono::DateTime<Utc> {
    Clock::system().now() + TimeDelta::hours(hours)
}

async fn with(rig: &Rig, key: &str, method: &str, path: &str) -> Answer {
    Request::new(rig.addr, method, path)
        .header("x-api-key", key)
        .send()
        .await
}

/// A key that was made now: its public half and the whole.
async fn made(rig: &Rig, body: Value) -> (String, String) {
    let data = rig.post(KEYS, &body).await.data(201);
    let text = |field: &str| data[field].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

#[tokio::test]
async fn a_key_is_shown_once_and_may_do_what_it_was_made_for() {
    let rig = Rig::start().await;

    let data = rig
        .post(
            KEYS,
            &json!({"name": "reader", "scopes": ["messages:read"], "expires_at": in_hours(1)}),
        )
        .await
        .data(201);

    let key = data["key"].as_str().unwrap();
    assert!(
        key.starts_with(&format!("tp_{}_", data["id"].as_str().unwrap())),
        "{key}"
    );
    assert_eq!((&data["status"], &data["mode"]), (&json!("active"), &json!("live")));
    with(&rig, key, "GET", "/api/v1/limits").await.data(200);
    let refused = Request::new(rig.addr, "POST", MESSAGES).header("x-api-key", key);
    refused
        .json(&hello(&person(1)))
        .send()
        .await
        .error(403, "INSUFFICIENT_PERMISSIONS");
    with(&rig, key, "GET", KEYS)
        .await
        .error(403, "INSUFFICIENT_PERMISSIONS");
    let listed = rig.get(KEYS).await;
    assert!(!listed.body.to_string().contains(key), "a secret is shown once");
    let names: Vec<Value> = listed
        .data(200)
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["name"].clone())
        .collect();
    assert_eq!(names, ["reader", "default"]);
    let taken = rig
        .post(KEYS, &json!({"name": "reader", "scopes": ["admin"]}))
        .await
        .error(409, "NAME_TAKEN");
    assert_eq!(taken["details"]["field"], "name");
    rig.finish().await;
}

#[tokio::test]
async fn each_wrong_field_of_a_key_is_named() {
    let rig = Rig::start().await;
    let wrong = async |field: &str, value: Value| {
        let mut body = json!({"name": "k", "scopes": ["admin"]});
        body[field] = value;
        let error = rig.post(KEYS, &body).await.error(422, "VALIDATION_ERROR");
        error["details"]["field"].as_str().unwrap().to_owned()
    };
    for (field, value) in [
        ("name", json!("")),
        ("scopes", json!(["root"])),
        ("scopes", json!([])),
        ("mode", json!("real")),
        ("expires_at", json!(in_hours(-1))),
        ("expires_at", json!("tomorrow")),
        ("allowed_from", json!([])),
        ("requests_per_minute", json!(0)),
        ("secret", json!("mine")),
    ] {
        assert_eq!(wrong(field, value.clone()).await, field, "{value}");
    }
    assert_eq!(
        wrong("allowed_from", json!(["10.0.0.0/8", "10.0.0.0/40"])).await,
        "allowed_from[1]"
    );
    rig.finish().await;
}

#[tokio::test]
async fn a_rotated_key_works_beside_the_one_that_follows_it_until_its_end() {
    let rig = Rig::start().await;
    let (old_id, old) = made(
        &rig,
        json!({"name": "shop", "scopes": ["messages:read"], "requests_per_minute": 600}),
    )
    .await;
    let rotate = format!("{KEYS}/{old_id}/rotate");

    let data = rig.post(&rotate, &json!({"ends_at": in_hours(2)})).await.data(201);

    let new = data["key"].as_str().unwrap();
    assert_eq!(data["name"], "shop");
    assert_eq!(
        (&data["scopes"], &data["requests_per_minute"]),
        (&json!(["messages:read"]), &json!(600))
    );
    assert_eq!(data["follows"]["id"], old_id.as_str());
    for key in [&old, new] {
        let answer = with(&rig, key, "GET", "/api/v1/limits").await;
        assert_eq!(
            (answer.status, answer.headers["x-ratelimit-limit"].as_str()),
            (200, "600")
        );
    }
    // It is followed once, and the next rotation is that of the new one.
    rig.post(&rotate, &json!({})).await.error(404, "NOT_FOUND");
    let too_long = json!({"ends_at": in_hours(24 * 91)});
    let path = format!("{KEYS}/{}/rotate", data["id"].as_str().unwrap());
    let error = rig.post(&path, &too_long).await.error(422, "VALIDATION_ERROR");
    assert_eq!(error["details"]["field"], "ends_at");
    // Its end has come.
    rig.sql(&format!("UPDATE api_key SET expires_at = now() WHERE id = '{old_id}'"))
        .await;
    until(SOON, "what was read of the key to be read again", async || {
        (with(&rig, &old, "GET", "/api/v1/limits").await.status == 401).then_some(())
    })
    .await;
    with(&rig, new, "GET", "/api/v1/limits").await.data(200);
    rig.finish().await;
}

#[tokio::test]
async fn a_revoked_key_is_refused_and_its_name_is_free_again() {
    let rig = Rig::start().await;
    let (id, key) = made(&rig, json!({"name": "leaked", "scopes": ["admin"]})).await;
    with(&rig, &key, "GET", KEYS).await.data(200);

    let data = rig.post(&format!("{KEYS}/{id}/revoke"), &json!({})).await.data(200);

    assert_eq!(data["status"], "revoked");
    until(SOON, "what was read of the key to be read again", async || {
        (with(&rig, &key, "GET", KEYS).await.status == 401).then_some(())
    })
    .await;
    rig.post(&format!("{KEYS}/nobodyhasit1/revoke"), &json!({}))
        .await
        .error(404, "NOT_FOUND");
    made(&rig, json!({"name": "leaked", "scopes": ["admin"]})).await;
    let neighbour = rig.neighbour().await;
    let others = Request::new(rig.addr, "POST", &format!("{KEYS}/{id}/revoke"));
    others
        .header("x-api-key", &neighbour.api_key)
        .send()
        .await
        .error(404, "NOT_FOUND");
    rig.finish().await;
}

#[tokio::test]
async fn a_key_that_is_bound_to_networks_works_from_there_only() {
    let rig = Rig::start().await;
    let bound = async |networks: Value| {
        let name = networks.to_string();
        made(
            &rig,
            json!({"name": name, "scopes": ["admin"], "allowed_from": networks}),
        )
        .await
        .1
    };
    let (here, there) = (
        bound(json!(["127.0.0.0/8"])).await,
        bound(json!(["198.51.100.0/24", "2001:db8::/32"])).await,
    );

    with(&rig, &here, "GET", KEYS).await.data(200);
    let error = with(&rig, &there, "GET", KEYS).await.error(403, "ADDRESS_NOT_ALLOWED");
    assert_eq!(error["details"]["address"], "127.0.0.1");
    // The rig trusts this machine as a proxy.
    for (forwarded, status) in [
        ("198.51.100.7", 200),
        ("2001:db8::7", 200),
        ("203.0.113.9, 198.51.100.7", 200),
        ("198.51.100.7, 203.0.113.9", 403),
    ] {
        let request = Request::new(rig.addr, "GET", KEYS).header("x-api-key", &there);
        let answer = request.header("x-forwarded-for", forwarded).send().await;
        assert_eq!(answer.status, status, "{forwarded}");
    }
    rig.finish().await;
}

#[tokio::test]
async fn a_key_with_a_rate_of_its_own_is_told_how_much_is_left_and_when_to_come_again() {
    let rig = Rig::start().await;
    let (_, key) = made(
        &rig,
        json!({"name": "slow", "scopes": ["admin"], "requests_per_minute": 2}),
    )
    .await;
    let call = async || with(&rig, &key, "GET", "/api/v1/limits").await;

    let left = [call().await, call().await].map(|answer| answer.headers["x-ratelimit-remaining"].clone());
    let refused = call().await;

    assert_eq!(left, ["1", "0"]);
    let wait: u32 = refused.headers["retry-after"].parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(refused.headers["x-ratelimit-limit"], "2");
    assert!(refused.headers.contains_key("x-ratelimit-reset"));
    let error = refused.error(429, "RATE_LIMITED");
    assert_eq!(error["details"]["limit"], 2);
    rig.finish().await;
}
