//! Whom an organization does not write to: `/api/v1/suppressions`.

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use domain::Recipient;
use domain::content::FieldError;
use serde_json::{Value, json};
use store::suppressions::{Source, Suppression};

use super::list::{MAX_LIMIT, Query, limit};
use super::{Api, body, read};
use crate::answer::{Answer, timestamp};
use crate::credentials::{Caller, Scope};
use crate::openapi::schema::{boolean, count, data, named, object, phone as phone_schema, string, word};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};
use crate::request::{phone_list, recipient_of_query};

/// Longest list, in bytes: a hundred thousand lines with a column or two beside the number.
const MAX_BYTES: usize = 6 * 1024 * 1024;

pub(super) fn routes() -> Routes<Api> {
    let imported = object(&[
        ("dry_run", boolean()),
        ("numbers", count()),
        ("repeated", count()),
        ("known", count()),
        ("new", count()),
    ]);
    const SCOPE: &str = "Everything, unless it is about marketing only.";
    let scope = || word(&["all", "marketing"]);
    let shown = || data(named("Suppression"));
    let of = |operation: Operation| {
        operation
            .tag("Suppressions")
            .path_parameter("phone", phone_schema(), "The person; the plus as %2B.")
            .no(Code::InvalidPhoneNumber)
    };
    const ONE: &str = "/api/v1/suppressions/{phone}";
    Routes::new()
        .on(
            Operation::get("/api/v1/suppressions", "listSuppressions", "Whom the organization does not write to")
                .tag("Suppressions")
                .scope(Scope::Read)
                .pages("A page, by number.", &named("Suppression"), MAX_LIMIT),
            list,
        )
        .on(
            Operation::post("/api/v1/suppressions/import", "importSuppressions", "Suppress everybody on a list")
                .about("CSV, the number in the first column; all of the list or none of it.")
                .tag("Suppressions")
                .scope(Scope::Write)
                .query("dry_run", boolean(), "Only say what it would do.")
                .query("scope", scope(), SCOPE)
                .body("text/csv", string(), false)
                .no(Code::InvalidPhoneNumber)
                .answer(200, "What it did.", data(imported)),
            import,
        )
        .on(
            of(Operation::get(ONE, "getSuppression", "Whether a person is suppressed"))
                .scope(Scope::Read)
                .answer(200, "Yes or no.", shown()),
            show,
        )
        .on(
            of(Operation::put(ONE, "putSuppression", "Write to a person no more"))
                .scope(Scope::Write)
                .query("scope", scope(), SCOPE)
                .answer(200, "So it is.", shown()),
            put,
        )
        .on(
            of(Operation::delete(ONE, "deleteSuppression", "Write to a person again"))
                .about("Takes the organization's own word back. What the person said stays, unless `override` is set by a key with the scope admin.")
                .scope(Scope::Write)
                .query("override", boolean(), "Against the person's word.")
                .no(Code::OptedOut)
                .answer(200, "So it is.", shown()),
            delete,
        )
}

pub(super) async fn show(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    phone: Result<Path<String>, PathRejection>,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let person = person(phone)?;
    let found = api.0.store.suppression(caller.organization, &person).await;
    let found = found.map_err(|error| read::failed(&error))?;
    Ok(Answer::data(200, shown(&person, found.as_ref())))
}

pub(super) async fn put(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    phone: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Answer, Problem> {
    caller.require(Scope::Write)?;
    let (person, now) = (person(phone)?, api.0.clock.now());
    let marketing_only = marketing_only(&Query::read(&uri, &["scope"])?)?;
    let people = std::slice::from_ref(&person);
    let put = api
        .0
        .store
        .suppress(caller.organization, people, (Source::Api, marketing_only), now)
        .await;
    put.map_err(|error| read::failed(&error))?;
    let found = api.0.store.suppression(caller.organization, &person).await;
    let found = found.map_err(|error| read::failed(&error))?;
    Ok(Answer::data(200, shown(&person, found.as_ref())))
}

/// Takes the organization's own word back; the person's word only when it is overridden knowingly.
pub(super) async fn delete(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    phone: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Answer, Problem> {
    caller.require(Scope::Write)?;
    let (person, query) = (person(phone)?, Query::read(&uri, &["override"])?);
    if query.flag("override")? {
        caller.require(Scope::Admin)?;
        let lifted = api.0.store.override_suppression(caller.organization, &person).await;
        lifted.map_err(|error| read::failed(&error))?;
        return Ok(Answer::data(200, shown(&person, None)));
    }
    let left = api.0.store.lift_suppression(caller.organization, &person).await;
    match left.map_err(|error| read::failed(&error))? {
        None => Ok(Answer::data(200, shown(&person, None))),
        Some(left) => {
            let message = "This person asked not to be written to, and only they can take that back, by writing START. A key with \
                           the scope admin may override it with ?override=true, where the person said so elsewhere.";
            Err(Problem::new(Code::OptedOut, message).details(shown(&person, Some(&left))))
        }
    }
}

pub(super) async fn list(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let query = Query::read(&uri, &["cursor", "limit"])?;
    let limit = limit(&query)?;
    let after = query
        .get("cursor")
        .map(|cursor| recipient_of_query("cursor", Some(cursor)));
    let after = after
        .transpose()
        .map_err(|wrong| Problem::field(Code::InvalidCursor, wrong))?;
    // One more than asked for tells whether there are more.
    let found = api
        .0
        .store
        .suppressions(caller.organization, after.as_ref(), limit + 1)
        .await;
    let mut found = found.map_err(|error| read::failed(&error))?;
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let cursor = found.last().filter(|_| has_more).map(|last| last.recipient.clone());
    let mut answer = Answer::data(200, found.iter().map(row).collect());
    answer.pagination = Some(json!({"cursor": cursor, "has_more": has_more}));
    Ok(answer)
}

/// All of a list, or none of it.
pub(super) async fn import(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    caller.require(Scope::Write)?;
    let query = Query::read(&uri, &["dry_run", "scope"])?;
    let (dry_run, marketing_only) = (query.flag("dry_run")?, marketing_only(&query)?);
    let mut people = phone_list(&body::csv(&headers, body, MAX_BYTES).await?)?;
    let numbers = people.len();
    people.sort_unstable();
    people.dedup();
    let store = &api.0.store;
    let known = store.count_suppressed(caller.organization, &people).await;
    let known = known.map_err(|error| read::failed(&error))?;
    let new = if dry_run {
        (people.len() as u64).saturating_sub(known)
    } else {
        let now = api.0.clock.now();
        let put = store
            .suppress(caller.organization, &people, (Source::Import, marketing_only), now)
            .await;
        put.map_err(|error| read::failed(&error))?
    };
    Ok(Answer::data(
        200,
        json!({"dry_run": dry_run, "numbers": numbers, "repeated": numbers - people.len(), "known": known, "new": new}),
    ))
}

fn person(phone: Result<Path<String>, PathRejection>) -> Result<Recipient, Problem> {
    let text = phone.map(|Path(text)| text).unwrap_or_default();
    recipient_of_query("phone", Some(&text)).map_err(|wrong| Problem::field(Code::InvalidPhoneNumber, wrong))
}

/// Whether a word is about marketing only; without a scope it is about everything.
fn marketing_only(query: &Query) -> Result<bool, Problem> {
    match query.get("scope") {
        None | Some("all") => Ok(false),
        Some("marketing") => Ok(true),
        Some(other) => {
            let wrong = FieldError::new("scope", &Value::from(other), "all or marketing");
            Err(Problem::field(Code::ValidationError, wrong))
        }
    }
}

fn shown(person: &Recipient, found: Option<&Suppression>) -> Value {
    found.map_or_else(|| json!({"phone": person, "suppressed": false}), row)
}

fn row(suppression: &Suppression) -> Value {
    json!({
        "phone": suppression.recipient,
        "suppressed": true,
        "scope": if suppression.marketing_only { "marketing" } else { "all" },
        "source": suppression.source,
        "created_at": timestamp(suppression.created_at),
    })
}
