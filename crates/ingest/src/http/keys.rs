//! The keys of an organization: `/api/v1/keys`, for those with the scope `admin`.
//!
//! **Invariant:** a secret is in the one answer that makes it, and nowhere else.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use chrono::{DateTime, TimeDelta, Utc};
use domain::api_key::ApiKey;
use domain::content::FieldError;
use domain::declaration::{MOST_PER_MINUTE, SCOPES};
use domain::network::Network;
use serde_json::{Map, Value, json};
use store::api_keys::{KeyView, NewKey, Rights};

use super::read::Id;
use super::{Api, body, read};
use crate::answer::{Answer, optional_timestamp, timestamp};
use crate::credentials::{Caller, Scope};
use crate::openapi::schema::{data, list as list_of, named, nullable, request, string, timestamp as timestamp_schema};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};
use crate::request::timestamp_of_query;

/// Longest name, in characters.
const MAX_NAME: usize = 100;
/// Most networks of one key.
const MAX_NETWORKS: usize = 100;
/// How long a rotated key stays valid beside the one that follows it, unless the caller says otherwise; and at most.
const OVERLAP: TimeDelta = TimeDelta::hours(24);
const LONGEST_OVERLAP: TimeDelta = TimeDelta::days(90);

pub(super) fn routes() -> Routes<Api> {
    const ALL: &str = "/api/v1/keys";
    let of_keys = |operation: Operation| operation.tag("Keys").scope(Scope::Admin);
    let of_one = |path, id, summary| {
        of_keys(Operation::post(path, id, summary))
            .path_parameter("id", string(), "The public half of the key.")
            .no(Code::NotFound)
    };
    let rotation = request(&[], &[("ends_at", nullable(timestamp_schema()))]);
    Routes::new()
        .on(
            of_keys(Operation::get(ALL, "listKeys", "Every key, without its secret")).answer(
                200,
                "The newest first.",
                data(list_of(&named("Key"))),
            ),
            list,
        )
        .on(
            of_keys(Operation::post(ALL, "createKey", "Make a key"))
                .json(named("NewKey"))
                .no(Code::NameTaken)
                .answer(201, "The key, shown this once.", data(named("MadeKey"))),
            create,
        )
        .on(
            of_one(
                "/api/v1/keys/{id}/rotate",
                "rotateKey",
                "Make a key that follows this one",
            )
            .about("It may do the same. Both are valid until `ends_at`, a day from now where it is left out.")
            .optional_json(rotation)
            .answer(201, "The new key, shown this once.", data(named("MadeKey"))),
            rotate,
        )
        .on(
            of_one("/api/v1/keys/{id}/revoke", "revokeKey", "Take a key back")
                .about("It may still work for ten seconds.")
                .answer(200, "It is revoked.", data(named("Key"))),
            revoke,
        )
}

pub(super) async fn list(State(api): State<Api>, Extension(caller): Extension<Caller>) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let keys = api.0.store.api_keys(caller.organization).await;
    let keys = keys.map_err(|error| read::failed(&error))?;
    let now = api.0.clock.now();
    Ok(Answer::data(200, keys.iter().map(|key| shown(key, now)).collect()))
}

pub(super) async fn create(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let fields = body::object(&headers, body).await?;
    body::known(
        &fields,
        &[
            "name",
            "scopes",
            "mode",
            "expires_at",
            "allowed_from",
            "requests_per_minute",
        ],
    )?;
    let now = api.0.clock.now();
    let new = new_key(&fields, now).map_err(|wrong| Problem::field(Code::ValidationError, wrong))?;
    let made = api.0.store.create_api_key(caller.organization, &new).await;
    let made = made.map_err(|error| read::failed(&error))?.ok_or_else(|| {
        let message = "A key that is in use has this name; choose another name, or rotate that key.";
        Problem::new(Code::NameTaken, message).details(json!({"field": "name", "value": new.name}))
    })?;
    told(&api, &caller, &made, None).await
}

pub(super) async fn rotate(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let id = read::named_id(id);
    let fields = body::object(&headers, body).await?;
    body::known(&fields, &["ends_at"])?;
    let now = api.0.clock.now();
    let invalid = |wrong| Problem::field(Code::ValidationError, wrong);
    let ends_at = time(&fields, "ends_at").map_err(invalid)?.unwrap_or(now + OVERLAP);
    if ends_at < now || ends_at > now + LONGEST_OVERLAP {
        let expected = format!("a time from now to {}", timestamp(now + LONGEST_OVERLAP));
        return Err(invalid(FieldError::new("ends_at", &fields["ends_at"], expected)));
    }
    let rotated = api
        .0
        .store
        .rotate_api_key(caller.organization, &id, (ends_at, now))
        .await;
    let (made, ends_at) = rotated.map_err(|error| read::failed(&error))?.ok_or_else(no_key)?;
    let old = json!({"id": id, "expires_at": timestamp(ends_at)});
    told(&api, &caller, &made, Some(old)).await
}

pub(super) async fn revoke(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let id = read::named_id(id);
    let now = api.0.clock.now();
    let revoked = api.0.store.revoke_api_key(caller.organization, &id, now).await;
    if !revoked.map_err(|error| read::failed(&error))? {
        return Err(no_key());
    }
    let key = api.0.store.api_key(caller.organization, &id).await;
    let key = key.map_err(|error| read::failed(&error))?.ok_or_else(no_key)?;
    Ok(Answer::data(200, shown(&key, now)))
}

/// A key that was made now, with its secret.
async fn told(api: &Api, caller: &Caller, made: &ApiKey, replaces: Option<Value>) -> Result<Answer, Problem> {
    let key = api.0.store.api_key(caller.organization, &made.id).await;
    let key = key.map_err(|error| read::failed(&error))?.ok_or_else(no_key)?;
    let mut data = shown(&key, api.0.clock.now());
    data["key"] = json!(made.to_text());
    if let Some(old) = replaces {
        data["follows"] = old;
    }
    Ok(Answer::data(201, data))
}

fn new_key(fields: &Map<String, Value>, now: DateTime<Utc>) -> Result<NewKey, FieldError> {
    let absent = Value::Null;
    let name = fields.get("name").unwrap_or(&absent);
    let fits = |name: &&str| (1..=MAX_NAME).contains(&name.chars().count()) && !name.contains('\0');
    let name = name.as_str().filter(fits).ok_or_else(|| {
        let expected = format!("1 to {MAX_NAME} characters, without U+0000");
        FieldError::new("name", name, expected)
    })?;
    let test = match given(fields, "mode").map(Value::as_str) {
        None | Some(Some("live")) => false,
        Some(Some("test")) => true,
        Some(_) => return Err(FieldError::new("mode", &fields["mode"], "live or test")),
    };
    let expires_at = time(fields, "expires_at")?;
    if expires_at.is_some_and(|at| at <= now) {
        return Err(FieldError::new("expires_at", &fields["expires_at"], "a time to come"));
    }
    Ok(NewKey {
        name: name.to_owned(),
        expires_at,
        rights: Rights {
            scopes: scopes(given(fields, "scopes"))?,
            test,
            allowed_from: given(fields, "allowed_from").map(networks).transpose()?,
            requests_per_minute: given(fields, "requests_per_minute").map(per_minute).transpose()?,
        },
    })
}

fn scopes(value: Option<&Value>) -> Result<Vec<String>, FieldError> {
    let wrong = || {
        let expected = format!("a list of at least one of {}", SCOPES.join(", "));
        FieldError::new("scopes", value.unwrap_or(&Value::Null), expected)
    };
    let list = value
        .and_then(Value::as_array)
        .filter(|list| !list.is_empty())
        .ok_or_else(wrong)?;
    let mut scopes = Vec::new();
    for scope in list {
        let known = SCOPES.into_iter().find(|known| scope.as_str() == Some(known));
        scopes.push(known.ok_or_else(wrong)?.to_owned());
    }
    scopes.dedup();
    Ok(scopes)
}

fn networks(value: &Value) -> Result<Vec<String>, FieldError> {
    let expected = "a list of 1 to 100 networks, as in 10.0.0.0/8 or 2001:db8::/32";
    let wrong = || FieldError::new("allowed_from", value, expected);
    let list = value.as_array().filter(|list| (1..=MAX_NETWORKS).contains(&list.len()));
    let network = |(place, item): (usize, &Value)| {
        let network = item
            .as_str()
            .and_then(Network::parse)
            .map(|network| network.to_string());
        network.ok_or_else(|| {
            FieldError::new(
                format!("allowed_from[{place}]"),
                item,
                "a network, as in 10.0.0.0/8 or 2001:db8::/32",
            )
        })
    };
    list.ok_or_else(wrong)?.iter().enumerate().map(network).collect()
}

fn per_minute(value: &Value) -> Result<u32, FieldError> {
    let read = value.as_u64().and_then(|limit| u32::try_from(limit).ok());
    read.filter(|limit| (1..=MOST_PER_MINUTE).contains(limit))
        .ok_or_else(|| {
            let expected = format!("a whole number from 1 to {MOST_PER_MINUTE}");
            FieldError::new("requests_per_minute", value, expected)
        })
}

fn given<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

fn time(fields: &Map<String, Value>, name: &str) -> Result<Option<DateTime<Utc>>, FieldError> {
    let Some(value) = given(fields, name) else {
        return Ok(None);
    };
    let text = value.as_str().unwrap_or_default();
    let read = timestamp_of_query(name, text).map_err(|error| FieldError::new(name, value, error.expected))?;
    Ok(Some(read))
}

fn shown(key: &KeyView, now: DateTime<Utc>) -> Value {
    let status = match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(at)) if at <= now => "expired",
        (None, _) if key.followed_by.is_some() => "followed",
        (None, _) => "active",
    };
    json!({
        "id": key.id,
        "name": key.name,
        "status": status,
        "mode": if key.rights.test { "test" } else { "live" },
        "scopes": key.rights.scopes,
        "allowed_from": key.rights.allowed_from,
        "requests_per_minute": key.rights.requests_per_minute,
        "created_at": timestamp(key.created_at),
        "expires_at": optional_timestamp(key.expires_at),
        "revoked_at": optional_timestamp(key.revoked_at),
        "followed_by": key.followed_by,
    })
}

fn no_key() -> Problem {
    let message = "There is no key in use with this id; `GET /api/v1/keys` lists those there are.";
    Problem::new(Code::NotFound, message)
}
