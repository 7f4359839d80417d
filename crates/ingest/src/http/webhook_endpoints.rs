//! Where an organization wants to hear of events: `/api/v1/webhook-endpoints`.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use chrono::TimeDelta;
use domain::EndpointId;
use domain::content::FieldError;
use domain::destination::Destination;
use domain::webhook::Secret;
use outbound::{SystemLookup, look_up};
use serde_json::{Value, json};
use store::webhooks::{Endpoint, EndpointChange, MOST_ENDPOINTS, NewEndpoint};

use super::read::Id;
use super::{Api, body, read};
use crate::answer::{Answer, optional_timestamp, timestamp};
use crate::credentials::{Caller, Scope};
use crate::openapi::events::{rotated, rotation, shown_secret};
use crate::openapi::schema::{boolean, data, id as id_schema, named, object, page, string};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};
use crate::request::EndpointFields;

/// How long the secret before a rotation signs too, unless the caller says otherwise; and at most.
const OVERLAP_HOURS: i64 = 24;
const MOST_OVERLAP_HOURS: i64 = 24 * 30;

pub(super) fn routes() -> Routes<Api> {
    const ALL: &str = "/api/v1/webhook-endpoints";
    const ONE: &str = "/api/v1/webhook-endpoints/{id}";
    let of = |operation: Operation| {
        operation
            .tag("Webhooks")
            .path_parameter("id", id_schema(), "The endpoint.")
            .no(Code::NotFound)
    };
    let shown = || data(named("WebhookEndpoint"));
    let deleted = object(&[("endpoint_id", id_schema()), ("deleted", boolean())]);
    let asked = object(&[("endpoint_id", id_schema()), ("event", string())]);
    Routes::new()
        .on(
            Operation::get(ALL, "listWebhookEndpoints", "Where the organization wants to hear of events")
                .tag("Webhooks")
                .scope(Scope::Read)
                .answer(200, "All of them.", page(&named("WebhookEndpoint"))),
            list,
        )
        .on(
            Operation::post(ALL, "createWebhookEndpoint", "Hear of events at an address")
                .about("Each event is a signed POST (Standard Webhooks), repeated for more than a day until it is answered with 2xx.")
                .tag("Webhooks")
                .scope(Scope::Admin)
                .json(named("NewWebhookEndpoint"))
                .no(Code::Conflict)
                .answer(201, "The endpoint, with the secret that signs.", data(named("WebhookEndpointWithSecret"))),
            create,
        )
        .on(
            of(Operation::get(ONE, "getWebhookEndpoint", "One endpoint, and how it is doing"))
                .scope(Scope::Read)
                .answer(200, "The endpoint.", shown()),
            show,
        )
        .on(
            of(Operation::patch(ONE, "changeWebhookEndpoint", "Change an endpoint, or switch it on or off"))
                .scope(Scope::Admin)
                .json(named("WebhookEndpointChange"))
                .no(Code::Conflict)
                .answer(200, "The endpoint.", shown()),
            change,
        )
        .on(
            of(Operation::delete(ONE, "deleteWebhookEndpoint", "Delete an endpoint and its log"))
                .scope(Scope::Admin)
                .answer(200, "It is gone.", data(deleted)),
            delete,
        )
        .on(
            of(Operation::get(
                "/api/v1/webhook-endpoints/{id}/secret",
                "getWebhookSecret",
                "The secret that signs an endpoint's webhooks",
            ))
            .scope(Scope::Admin)
            .answer(200, "The secret.", data(shown_secret())),
            secret,
        )
        .on(
            of(Operation::post(
                "/api/v1/webhook-endpoints/{id}/rotate-secret",
                "rotateWebhookSecret",
                "Another secret; both sign for a while",
            ))
            .scope(Scope::Admin)
            .optional_json(rotation())
            .answer(200, "The new secret.", data(rotated())),
            rotate,
        )
        .on(
            of(Operation::post("/api/v1/webhook-endpoints/{id}/test", "testWebhookEndpoint", "Send a test"))
                .scope(Scope::Admin)
                .no(Code::Conflict)
                .answer(202, "It will be sent.", data(asked)),
            test,
        )
}

pub(super) async fn list(State(api): State<Api>, Extension(caller): Extension<Caller>) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let found = api
        .0
        .store
        .endpoints(caller.organization, None, api.0.clock.now())
        .await;
    let found = found.map_err(|error| read::failed(&error))?;
    let mut answer = Answer::data(200, found.iter().map(shown).collect());
    answer.pagination = Some(json!({"cursor": null, "has_more": false}));
    Ok(answer)
}

/// Answers with the secret.
pub(super) async fn create(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let known = &["url", "description", "events", "concurrency", "secret"];
    let fields = EndpointFields::read(&body::object(&headers, body).await?, known)?;
    let url = callable(&api, fields.url.as_deref().unwrap_or_default()).await?;
    let now = api.0.clock.now();
    let endpoint = NewEndpoint {
        id: EndpointId::new(now),
        url,
        description: fields.description,
        events: fields.events.unwrap_or_else(|| vec!["*".to_owned()]),
        concurrency: fields.concurrency.unwrap_or(5),
        secret: fields.secret,
    };
    let kept = api.0.store.insert_endpoint(caller.organization, &endpoint, now).await;
    if !kept.map_err(|error| read::failed(&error))? {
        let message =
            format!("There are {MOST_ENDPOINTS} webhook endpoints already; delete one, or let one hear more.");
        return Err(Problem::new(Code::Conflict, message));
    }
    let mut data = one(&api, &caller, endpoint.id).await?;
    data["secret"] = json!(secret_of(&api, &caller, endpoint.id).await?.reveal());
    Ok(Answer::data(201, data))
}

pub(super) async fn show(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    Ok(Answer::data(200, one(&api, &caller, endpoint_id(id)?).await?))
}

pub(super) async fn change(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let id = endpoint_id(id)?;
    let known = &["url", "description", "events", "concurrency", "enabled"];
    let fields = EndpointFields::read(&body::object(&headers, body).await?, known)?;
    let url = match &fields.url {
        None => None,
        Some(url) => Some(callable(&api, url).await?),
    };
    let is_of_messages = one(&api, &caller, id).await?["of_messages"] == true;
    if is_of_messages && (url.is_some() || fields.events.is_some()) {
        let message =
            "This endpoint stands for the addresses that messages bring along: its address and events are theirs.";
        return Err(Problem::new(Code::Conflict, message));
    }
    let change = EndpointChange {
        url,
        description: fields.description,
        events: fields.events,
        concurrency: fields.concurrency,
        enabled: fields.enabled,
    };
    let changed = api.0.store.change_endpoint(caller.organization, id, &change).await;
    changed.map_err(|error| read::failed(&error))?;
    Ok(Answer::data(200, one(&api, &caller, id).await?))
}

pub(super) async fn delete(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let id = endpoint_id(id)?;
    let deleted = api.0.store.delete_endpoint(caller.organization, id).await;
    if deleted.map_err(|error| read::failed(&error))? {
        Ok(Answer::data(200, json!({"endpoint_id": id, "deleted": true})))
    } else {
        Err(no_endpoint())
    }
}

pub(super) async fn secret(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let id = endpoint_id(id)?;
    let secret = secret_of(&api, &caller, id).await?;
    Ok(Answer::data(200, json!({"endpoint_id": id, "secret": secret.reveal()})))
}

/// Another secret; the one so far signs too for a while, so that receivers can be changed one by one.
pub(super) async fn rotate(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let id = endpoint_id(id)?;
    let mut fields = body::object(&headers, body).await?;
    let hours = fields.remove("overlap_hours").unwrap_or_else(|| json!(OVERLAP_HOURS));
    let overlap = hours.as_i64().filter(|hours| (0..=MOST_OVERLAP_HOURS).contains(hours));
    let overlap = overlap.ok_or_else(|| {
        let expected = format!("a whole number of hours from 0 to {MOST_OVERLAP_HOURS}");
        Problem::field(
            Code::ValidationError,
            FieldError::new("overlap_hours", &hours, expected),
        )
    })?;
    let given = EndpointFields::read(&fields, &["secret"])?.secret;
    let secret = given.unwrap_or_else(|| Secret::new(&rand::random()));
    let until = api.0.clock.now() + TimeDelta::hours(overlap);
    let rotated = api
        .0
        .store
        .rotate_endpoint_secret(caller.organization, id, &secret, until)
        .await;
    if !rotated.map_err(|error| read::failed(&error))? {
        return Err(no_endpoint());
    }
    let data = json!({"endpoint_id": id, "secret": secret.reveal(), "old_secret_until": timestamp(until)});
    Ok(Answer::data(200, data))
}

pub(super) async fn test(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let id = endpoint_id(id)?;
    let asked = api.0.store.test_endpoint(caller.organization, id).await;
    if asked.map_err(|error| read::failed(&error))? {
        return Ok(Answer::data(
            202,
            json!({"endpoint_id": id, "event": domain::event::TEST}),
        ));
    }
    one(&api, &caller, id).await?;
    Err(disabled())
}

/// The address, when it may be called as things are now.
async fn callable(api: &Api, url: &str) -> Result<String, Problem> {
    let policy = &api.0.outbound;
    let refused = |why: domain::destination::Refused| {
        let value = Value::from(url);
        Problem::field(
            Code::ValidationError,
            FieldError::new("url", &value, format!("an address that may be called: {why}")),
        )
    };
    let destination = Destination::parse(url, policy).map_err(refused)?;
    look_up(&destination, policy, &SystemLookup).await.map_err(refused)?;
    Ok(destination.as_str().to_owned())
}

/// The id in a path.
pub(super) fn endpoint_id(id: Id) -> Result<EndpointId, Problem> {
    read::id(id).map(EndpointId).ok_or_else(no_endpoint)
}

async fn one(api: &Api, caller: &Caller, id: EndpointId) -> Result<Value, Problem> {
    let found = api
        .0
        .store
        .endpoints(caller.organization, Some(id), api.0.clock.now())
        .await;
    let found = found.map_err(|error| read::failed(&error))?;
    found.first().map(shown).ok_or_else(no_endpoint)
}

async fn secret_of(api: &Api, caller: &Caller, id: EndpointId) -> Result<Secret, Problem> {
    let found = api
        .0
        .store
        .endpoint_secret(caller.organization, id, api.0.clock.now())
        .await;
    found.map_err(|error| read::failed(&error))?.ok_or_else(no_endpoint)
}

/// Goes on only when there is such an endpoint.
pub(super) async fn must_exist(api: &Api, caller: &Caller, id: EndpointId) -> Result<(), Problem> {
    one(api, caller, id).await.map(drop)
}

pub(super) fn no_endpoint() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is no webhook endpoint with this id; GET /api/v1/webhook-endpoints lists them.",
    )
}

fn disabled() -> Problem {
    Problem::new(
        Code::Conflict,
        "This webhook endpoint is disabled; enable it with PATCH and {\"enabled\": true} first.",
    )
}

fn shown(endpoint: &Endpoint) -> Value {
    let status = match (&endpoint.disabled, endpoint.rests_until, endpoint.failures) {
        (Some(_), ..) => "disabled",
        (None, Some(_), _) => "resting",
        (None, None, 0) => "healthy",
        (None, None, _) => "failing",
    };
    json!({
        "endpoint_id": endpoint.id,
        "url": endpoint.url,
        "of_messages": endpoint.of_messages,
        "description": endpoint.description,
        "events": endpoint.events,
        "concurrency": endpoint.concurrency,
        "enabled": endpoint.disabled.is_none(),
        "disabled_reason": endpoint.disabled,
        "status": status,
        "failures": endpoint.failures,
        "failing_since": optional_timestamp(endpoint.failing_since),
        "rests_until": optional_timestamp(endpoint.rests_until),
        "waiting": endpoint.waiting,
        "old_secret_until": optional_timestamp(endpoint.old_secret_until),
        "created_at": timestamp(endpoint.created_at),
    })
}
