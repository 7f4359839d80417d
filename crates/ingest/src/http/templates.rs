//! Templates: listed, created, changed, deleted, compared with Meta. What changes is Meta's first and ours after.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use domain::content::{FieldError, language_code, template_name};
use domain::{Category, TemplateId};
use serde_json::{Map, Value, json};
use store::management::{KnownTemplate, NewTemplate, TemplateFilter};

use super::list::{MAX_LIMIT, Query, limit};
use super::read::Id;
use super::{Api, body, read};
use crate::answer::{Answer, optional_timestamp};
use crate::credentials::{Caller, Scope};
use crate::openapi::schema::{anything, boolean, data, list as list_of, named, object, request, string, word};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};

const ALL: &str = "/api/v1/templates";
const ONE: &str = "/api/v1/templates/{id}";
const CATEGORIES: [&str; 3] = ["MARKETING", "UTILITY", "AUTHENTICATION"];

pub(super) fn routes() -> Routes<Api> {
    let components = || json!({"type": "array", "items": {"type": "object"}, "description": "As in Meta's API."});
    let new = request(
        &[
            ("name", json!({"type": "string", "pattern": "^[a-z0-9_]{1,512}$"})),
            (
                "language",
                json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{2,15}$"}),
            ),
            ("category", word(&CATEGORIES)),
            ("components", components()),
        ],
        &[
            (
                "waba",
                json!({"type": "string", "description": "The account, where there are several."}),
            ),
            ("parameter_format", word(&["POSITIONAL", "NAMED"])),
            ("message_send_ttl_seconds", json!({"type": "integer"})),
        ],
    );
    let change = request(&[], &[("components", components()), ("category", word(&CATEGORIES))]);
    let of = |operation: Operation| {
        operation
            .tag("Templates")
            .path_parameter("id", string(), "Its `id` here.")
            .no(Code::NotFound)
    };
    let changes = |operation: Operation| {
        operation
            .scope(Scope::Admin)
            .nos(&[Code::MetaRefused, Code::MetaUnavailable, Code::ValidationError])
    };
    Routes::new()
        .on(
            Operation::get(ALL, "listTemplates", "Templates of all accounts")
                .tag("Templates")
                .scope(Scope::Read)
                .query("name", string(), "Only of this name.")
                .query("status", string(), "Only in this status, in Meta's word.")
                .pages("A page.", &named("Template"), MAX_LIMIT),
            all,
        )
        .on(
            changes(Operation::post(ALL, "createTemplate", "Hand a template in for Meta's review").tag("Templates"))
                .json(new)
                .answer(201, "Meta has it; a webhook tells what comes of the review.", data(named("Template"))),
            create,
        )
        .on(
            of(Operation::get(ONE, "getTemplate", "One template"))
                .scope(Scope::Read)
                .answer(200, "As it is known here.", data(named("Template"))),
            one,
        )
        .on(
            changes(of(Operation::put(ONE, "editTemplate", "Change a template")))
                .about("It goes to Meta's review again, and waits for it: messages that name it are not sent meanwhile.")
                .json(change)
                .answer(200, "Meta has the change.", data(named("Template"))),
            edit,
        )
        .on(
            changes(of(Operation::delete(ONE, "deleteTemplate", "Delete a template in its language")))
                .answer(200, "It is gone.", data(object(&[("id", string()), ("deleted", boolean())]))),
            delete,
        )
        .on(
            Operation::post("/api/v1/templates/sync", "syncTemplates", "Compare accounts with Meta now")
                .about("Templates, numbers and limits. It begins within seconds; `GET /api/v1/accounts` tells when it is done.")
                .tag("Templates")
                .scope(Scope::Admin)
                .answer(202, "It was asked for.", data(object(&[("accounts", list_of(&string()))]))),
            sync,
        )
}

/// The schema of a template.
pub(crate) fn schema() -> Value {
    use crate::openapi::schema::{nullable, timestamp};
    object(&[
        ("id", string()),
        ("waba", string()),
        ("meta_id", nullable(string())),
        ("name", string()),
        ("language", string()),
        ("category", string()),
        ("status", string()),
        ("parameter_format", string()),
        ("components", anything()),
        ("quality", nullable(string())),
        ("rejected_reason", nullable(string())),
        ("status_at", nullable(timestamp())),
        ("synced_at", nullable(timestamp())),
    ])
}

pub(super) async fn all(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let query = Query::read(&uri, &["name", "status", "limit", "cursor"])?;
    let limit = limit(&query)?;
    let after = query.cursor()?;
    let filter = TemplateFilter {
        after: after.unwrap_or(0),
        name: query.get("name").map(str::to_owned),
        status: query.get("status").map(str::to_ascii_uppercase),
        id: None,
    };
    let found = api
        .0
        .store
        .known_templates(caller.organization, &filter, i64::from(limit) + 1)
        .await;
    let mut found = found.map_err(|error| read::failed(&error))?;
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let cursor = found.last().filter(|_| has_more).map(|last| last.id.to_string());
    let mut answer = Answer::data(200, found.iter().map(shown).collect());
    answer.pagination = Some(json!({"cursor": cursor, "has_more": has_more}));
    Ok(answer)
}

pub(super) async fn one(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    Ok(Answer::data(200, shown(&find(&api, &caller, id).await?)))
}

pub(super) async fn create(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let mut fields = body::object(&headers, body).await?;
    let known = [
        "waba",
        "name",
        "language",
        "category",
        "components",
        "parameter_format",
        "message_send_ttl_seconds",
    ];
    body::known(&fields, &known)?;
    let invalid = |wrong| Problem::field(Code::ValidationError, wrong);
    let waba = match fields.remove("waba") {
        None | Some(Value::Null) => None,
        Some(Value::String(waba)) => Some(waba),
        Some(other) => {
            return Err(invalid(FieldError::new(
                "waba",
                &other,
                "Meta's id of an account, as a text",
            )));
        }
    };
    let name = template_name("name", fields.get("name").unwrap_or(&Value::Null)).map_err(invalid)?;
    let language = language_code("language", fields.get("language").unwrap_or(&Value::Null)).map_err(invalid)?;
    let category = category(&fields)?.ok_or_else(|| wrong_category(&Value::Null))?;
    let components = components(&fields)?.ok_or_else(|| wrong_components(&Value::Null))?;
    let format = match fields.get("parameter_format") {
        None | Some(Value::Null) => "POSITIONAL",
        Some(Value::String(word)) if word == "POSITIONAL" || word == "NAMED" => word,
        Some(other) => {
            return Err(invalid(FieldError::new(
                "parameter_format",
                other,
                "POSITIONAL or NAMED",
            )));
        }
    };
    let accounts = api.0.store.account_tokens(caller.organization, waba.as_deref()).await;
    let mut accounts = accounts.map_err(|error| read::failed(&error))?;
    if accounts.len() != 1 {
        let ids: Vec<&str> = accounts.iter().map(|(_, id, _)| id.as_str()).collect();
        let expected = if ids.is_empty() {
            "an account of this organization".to_owned()
        } else {
            format!("one of {}", ids.join(", "))
        };
        return Err(invalid(FieldError::new("waba", &json!(waba), expected)));
    }
    let (row, waba, token) = accounts.remove(0);
    let token = token.map_err(|error| read::failed(&error))?;
    let template = Value::Object(fields.clone());
    let created = api
        .0
        .meta
        .create_template(&waba, &template, &token)
        .await
        .map_err(|error| Problem::meta(&error))?;
    let taken = created
        .category
        .as_deref()
        .and_then(Category::parse)
        .unwrap_or(category);
    let new = NewTemplate {
        meta_id: &created.id,
        name: &name,
        language: &language,
        category: taken.code(),
        status: created.status.as_deref().unwrap_or("PENDING"),
        parameter_format: format,
        components,
    };
    let id = api
        .0
        .store
        .put_template(row, new)
        .await
        .map_err(|error| read::failed(&error))?;
    let template = by_id(&api, &caller, id).await?;
    Ok(Answer::data(201, shown(&template)).recorded())
}

pub(super) async fn edit(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let template = find(&api, &caller, id).await?;
    let fields = body::object(&headers, body).await?;
    body::known(&fields, &["components", "category"])?;
    let (components, category) = (components(&fields)?, category(&fields)?);
    if components.is_none() && category.is_none() {
        return Err(wrong_components(&Value::Null));
    }
    let (meta_id, token) = with_meta(&api, &caller, &template).await?;
    let change = Value::Object(fields.clone());
    api.0
        .meta
        .edit_template(meta_id, &change, &token)
        .await
        .map_err(|error| Problem::meta(&error))?;
    let kept = api
        .0
        .store
        .edit_template(template.id, components, category.map(Category::code))
        .await;
    kept.map_err(|error| read::failed(&error))?;
    Ok(Answer::data(200, shown(&by_id(&api, &caller, template.id).await?)).recorded())
}

pub(super) async fn delete(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let template = find(&api, &caller, id).await?;
    let (meta_id, token) = with_meta(&api, &caller, &template).await?;
    let deleted = api
        .0
        .meta
        .delete_template(&template.waba, &template.name, Some(meta_id), &token)
        .await;
    deleted.map_err(|error| Problem::meta(&error))?;
    let marked = api.0.store.mark_template_deleted(template.id).await;
    marked.map_err(|error| read::failed(&error))?;
    Ok(Answer::data(
        200,
        json!({"id": template.id.to_string(), "deleted": true}),
    ))
}

pub(super) async fn sync(State(api): State<Api>, Extension(caller): Extension<Caller>) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let accounts = api.0.store.want_accounts_compared(caller.organization).await;
    let accounts = accounts.map_err(|error| read::failed(&error))?;
    Ok(Answer::data(202, json!({"accounts": accounts})).recorded())
}

async fn find(api: &Api, caller: &Caller, id: Id) -> Result<KnownTemplate, Problem> {
    let id = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(not_there)?;
    by_id(api, caller, TemplateId(id)).await
}

async fn by_id(api: &Api, caller: &Caller, id: TemplateId) -> Result<KnownTemplate, Problem> {
    let filter = TemplateFilter {
        id: Some(id),
        ..TemplateFilter::default()
    };
    let found = api.0.store.known_templates(caller.organization, &filter, 1).await;
    found.map_err(|error| read::failed(&error))?.pop().ok_or_else(not_there)
}

/// Meta's id of a template and the token to change it with.
async fn with_meta<'a>(
    api: &Api,
    caller: &Caller,
    template: &'a KnownTemplate,
) -> Result<(&'a str, secrecy::SecretString), Problem> {
    let Some(meta_id) = &template.meta_id else {
        let wrong = FieldError::new(
            "id",
            &json!(template.id.to_string()),
            "a template that Meta has; compare with Meta first: POST /api/v1/templates/sync",
        );
        return Err(Problem::field(Code::ValidationError, wrong));
    };
    let accounts = api
        .0
        .store
        .account_tokens(caller.organization, Some(&template.waba))
        .await;
    let account = accounts
        .map_err(|error| read::failed(&error))?
        .pop()
        .ok_or_else(not_there)?;
    Ok((meta_id, account.2.map_err(|error| read::failed(&error))?))
}

fn category(fields: &Map<String, Value>) -> Result<Option<Category>, Problem> {
    match fields.get("category") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) if CATEGORIES.contains(&word.as_str()) => Ok(Category::parse(word)),
        Some(other) => Err(wrong_category(other)),
    }
}

fn components(fields: &Map<String, Value>) -> Result<Option<&Value>, Problem> {
    match fields.get("components") {
        None | Some(Value::Null) => Ok(None),
        Some(value)
            if value
                .as_array()
                .is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_object)) =>
        {
            Ok(Some(value))
        }
        Some(other) => Err(wrong_components(other)),
    }
}

fn wrong_category(value: &Value) -> Problem {
    let wrong = FieldError::new("category", value, format!("one of {}", CATEGORIES.join(", ")));
    Problem::field(Code::ValidationError, wrong)
}

fn wrong_components(value: &Value) -> Problem {
    let wrong = FieldError::new(
        "components",
        value,
        "a list of objects, as in [{\"type\": \"BODY\", \"text\": \"Hi {{1}}\"}]",
    );
    Problem::field(Code::ValidationError, wrong)
}

fn not_there() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is no such template; GET /api/v1/templates lists them.",
    )
}

fn shown(template: &KnownTemplate) -> Value {
    json!({
        "id": template.id.to_string(),
        "waba": template.waba,
        "meta_id": template.meta_id,
        "name": template.name,
        "language": template.language,
        "category": Category::from_code(template.category).map(Category::as_str),
        "status": template.status,
        "parameter_format": template.parameter_format,
        "components": template.components,
        "quality": template.quality,
        "rejected_reason": template.rejected_reason,
        "status_at": optional_timestamp(template.status_at),
        "synced_at": optional_timestamp(template.synced_at),
    })
}
