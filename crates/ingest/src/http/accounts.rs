//! Accounts and sender numbers as Meta sees them: listed, told of, registered.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use domain::content::FieldError;
use serde_json::{Map, Value, json};
use store::accounts::CallerNumber;
use store::management::{AccountEvent, KnownAccount, KnownNumber};

use super::list::{MAX_LIMIT, Query, limit};
use super::read::Id;
use super::{Api, body, read, templates};
use crate::answer::{Answer, optional_timestamp, timestamp};
use crate::credentials::{Caller, Scope};
use crate::openapi::schema::{
    anything, boolean, count, data, list, nullable, object, request, string, timestamp as time, word,
};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};

pub(super) fn routes() -> Routes<Api> {
    let number = object(&[
        ("phone_number_id", string()),
        ("phone", string()),
        ("waba", string()),
        ("status", string()),
        ("throughput", count()),
        ("throughput_level", nullable(string())),
        ("quality", nullable(string())),
        ("verified_name", nullable(string())),
        ("name_status", nullable(string())),
        ("account_mode", nullable(string())),
        ("messaging_limit", nullable(string())),
        ("restricted", boolean()),
        ("synced_at", nullable(time())),
    ]);
    let account = object(&[
        ("waba", string()),
        ("restricted", boolean()),
        ("restricted_until", nullable(time())),
        ("synced_at", nullable(time())),
        ("sync_due", boolean()),
        ("sync_error", nullable(string())),
    ]);
    let event = object(&[
        ("id", string()),
        ("waba", string()),
        ("at", time()),
        ("received_at", time()),
        ("field", string()),
        ("event", nullable(string())),
        ("value", anything()),
    ]);
    let changes = |path, id, summary| {
        let done = object(&[("phone_number_id", string()), ("done", string())]);
        Operation::post(path, id, summary)
            .tag("Numbers")
            .scope(Scope::Admin)
            .path_parameter("phone_number_id", string(), "Meta's id of the sender number.")
            .nos(&[
                Code::NotFound,
                Code::MetaRefused,
                Code::MetaUnavailable,
                Code::ValidationError,
            ])
            .answer(200, "Meta did it.", data(done))
    };
    let six = || json!({"type": "string", "pattern": "^[0-9]{6}$"});
    Routes::new()
        .on(
            Operation::get(
                "/api/v1/numbers",
                "listNumbers",
                "Sender numbers, with Meta's words about them",
            )
            .tag("Numbers")
            .scope(Scope::Read)
            .answer(200, "All of them.", data(list(&number))),
            numbers,
        )
        .on(
            Operation::post("/api/v1/numbers/sync", "syncNumbers", "Compare accounts with Meta now")
                .tag("Numbers")
                .scope(Scope::Admin)
                .answer(202, "It was asked for.", data(object(&[("accounts", list(&string()))]))),
            templates::sync,
        )
        .on(
            changes(
                "/api/v1/numbers/{phone_number_id}/register",
                "registerNumber",
                "Register a number for the Cloud API",
            )
            .json(request(&[("pin", six())], &[])),
            register,
        )
        .on(
            changes(
                "/api/v1/numbers/{phone_number_id}/deregister",
                "deregisterNumber",
                "Take a number off the Cloud API",
            ),
            deregister,
        )
        .on(
            changes(
                "/api/v1/numbers/{phone_number_id}/request-code",
                "requestCode",
                "Let Meta send a code to a number",
            )
            .json(request(
                &[("method", word(&["SMS", "VOICE"]))],
                &[("language", string())],
            )),
            request_code,
        )
        .on(
            changes(
                "/api/v1/numbers/{phone_number_id}/verify-code",
                "verifyCode",
                "Show Meta the code that came",
            )
            .json(request(&[("code", six())], &[])),
            verify_code,
        )
        .on(
            changes(
                "/api/v1/numbers/{phone_number_id}/pin",
                "setPin",
                "Set the PIN of two-step verification",
            )
            .json(request(&[("pin", six())], &[])),
            set_pin,
        )
        .on(
            Operation::get(
                "/api/v1/accounts",
                "listAccounts",
                "WhatsApp Business Accounts, and when they were compared with Meta",
            )
            .tag("Accounts")
            .scope(Scope::Read)
            .answer(200, "All of them.", data(list(&account))),
            accounts,
        )
        .on(
            Operation::get(
                "/api/v1/accounts/events",
                "listAccountEvents",
                "What Meta told of accounts, numbers and templates",
            )
            .tag("Accounts")
            .scope(Scope::Read)
            .pages("A page, the newest first.", &event, MAX_LIMIT),
            events,
        )
}

pub(super) async fn numbers(State(api): State<Api>, Extension(caller): Extension<Caller>) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let numbers = api.0.store.known_numbers(caller.organization).await;
    let numbers = numbers.map_err(|error| read::failed(&error))?;
    Ok(Answer::data(200, numbers.iter().map(number).collect()))
}

pub(super) async fn accounts(State(api): State<Api>, Extension(caller): Extension<Caller>) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let accounts = api.0.store.known_accounts(caller.organization).await;
    let accounts = accounts.map_err(|error| read::failed(&error))?;
    Ok(Answer::data(200, accounts.iter().map(account).collect()))
}

pub(super) async fn events(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let query = Query::read(&uri, &["limit", "cursor"])?;
    let limit = limit(&query)?;
    let before = query.cursor()?.unwrap_or(i64::MAX);
    let found = api
        .0
        .store
        .account_events(caller.organization, before, i64::from(limit) + 1)
        .await;
    let mut found = found.map_err(|error| read::failed(&error))?;
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let cursor = found.last().filter(|_| has_more).map(|last| last.id.to_string());
    let mut answer = Answer::data(200, found.iter().map(event).collect());
    answer.pagination = Some(json!({"cursor": cursor, "has_more": has_more}));
    Ok(answer)
}

pub(super) async fn register(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    let number = find(&api, &caller, id).await?;
    let fields = body::object(&headers, body).await?;
    body::known(&fields, &["pin"])?;
    let (pin, token) = (six(&fields, "pin")?, token(&number)?);
    let registered = api.0.meta.register_number(&number.phone_number_id, &pin, token).await;
    let answer = done(&number, "registered", registered)?;
    // Meta had refused to send because it was not; now it is.
    let lifted = api.0.store.lift_stop(&number.phone_number_id).await;
    lifted.map_err(|error| read::failed(&error))?;
    Ok(answer)
}

pub(super) async fn deregister(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    let number = find(&api, &caller, id).await?;
    let token = token(&number)?;
    done(
        &number,
        "deregistered",
        api.0.meta.deregister_number(&number.phone_number_id, token).await,
    )
}

pub(super) async fn request_code(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    let number = find(&api, &caller, id).await?;
    let fields = body::object(&headers, body).await?;
    body::known(&fields, &["method", "language"])?;
    let method = fields
        .get("method")
        .and_then(Value::as_str)
        .filter(|method| matches!(*method, "SMS" | "VOICE"));
    let method = method.ok_or_else(|| wrong("method", fields.get("method"), "SMS or VOICE"))?;
    let language = match fields.get("language") {
        None | Some(Value::Null) => "en_US",
        Some(Value::String(language)) => language,
        Some(other) => return Err(wrong("language", Some(other), "a language code, as in en_US")),
    };
    let token = token(&number)?;
    done(
        &number,
        "code requested",
        api.0
            .meta
            .request_code(&number.phone_number_id, method, language, token)
            .await,
    )
}

pub(super) async fn verify_code(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    let number = find(&api, &caller, id).await?;
    let fields = body::object(&headers, body).await?;
    body::known(&fields, &["code"])?;
    let (code, token) = (six(&fields, "code")?, token(&number)?);
    done(
        &number,
        "verified",
        api.0.meta.verify_code(&number.phone_number_id, &code, token).await,
    )
}

pub(super) async fn set_pin(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    let number = find(&api, &caller, id).await?;
    let fields = body::object(&headers, body).await?;
    body::known(&fields, &["pin"])?;
    let (pin, token) = (six(&fields, "pin")?, token(&number)?);
    done(
        &number,
        "PIN set",
        api.0.meta.set_pin(&number.phone_number_id, &pin, token).await,
    )
}

async fn find(api: &Api, caller: &Caller, id: Id) -> Result<CallerNumber, Problem> {
    caller.require(Scope::Admin)?;
    let id = read::named_id(id);
    let found = api.0.store.callers(caller.organization, Some(&id)).await;
    let found = found.map_err(|error| read::failed(&error))?.pop();
    found.ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            "There is no such sender number; GET /api/v1/numbers lists them.",
        )
    })
}

fn token(number: &CallerNumber) -> Result<&secrecy::SecretString, Problem> {
    number.token.as_ref().map_err(read::failed)
}

fn done(number: &CallerNumber, what: &str, outcome: Result<(), meta::Error>) -> Result<Answer, Problem> {
    outcome.map_err(|error| Problem::meta(&error))?;
    Ok(Answer::data(
        200,
        json!({"phone_number_id": number.phone_number_id, "done": what}),
    ))
}

fn six(fields: &Map<String, Value>, name: &str) -> Result<String, Problem> {
    let is_six = |text: &&str| text.len() == 6 && text.bytes().all(|digit| digit.is_ascii_digit());
    let found = fields
        .get(name)
        .and_then(Value::as_str)
        .filter(is_six)
        .map(str::to_owned);
    // What was given is a secret, so it is not echoed.
    found.ok_or_else(|| wrong(name, None, "six digits, as a text"))
}

fn wrong(field: &str, value: Option<&Value>, expected: &str) -> Problem {
    Problem::field(
        Code::ValidationError,
        FieldError::new(field, value.unwrap_or(&Value::Null), expected),
    )
}

fn number(number: &KnownNumber) -> Value {
    json!({
        "phone_number_id": number.phone_number_id,
        "phone": number.phone,
        "waba": number.waba,
        "status": number.status,
        "throughput": number.throughput,
        "throughput_level": number.throughput_level,
        "quality": number.quality,
        "verified_name": number.verified_name,
        "name_status": number.name_status,
        "account_mode": number.account_mode,
        "messaging_limit": number.messaging_limit,
        "restricted": number.restricted,
        "synced_at": optional_timestamp(number.synced_at),
    })
}

fn account(account: &KnownAccount) -> Value {
    json!({
        "waba": account.waba,
        "restricted": account.restricted,
        "restricted_until": optional_timestamp(account.restricted_until),
        "synced_at": optional_timestamp(account.synced_at),
        "sync_due": account.sync_due,
        "sync_error": account.sync_error,
    })
}

fn event(event: &AccountEvent) -> Value {
    json!({
        "id": event.id.to_string(),
        "waba": event.waba,
        "at": timestamp(event.at),
        "received_at": timestamp(event.received_at),
        "field": event.field,
        "event": event.event,
        "value": event.value,
    })
}
