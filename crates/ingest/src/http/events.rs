//! `GET /api/v1/events`: what changed, in order and without gaps, from any number on.

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use domain::content::FieldError;
use domain::event::Filter;
use serde_json::{Value, json};

use super::list::{MAX_LIMIT, Query, limit};
use super::{Api, read};
use crate::answer::Answer;
use crate::credentials::{Caller, Scope};
use crate::openapi::schema::{count, named, string};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};

/// Events that one request looks through at most to fill its page; a filter may want few of them.
const LOOKED_THROUGH: usize = 5_000;
const AT_ONCE: usize = 500;

pub(super) fn routes() -> Routes<Api> {
    Routes::new().on(
        Operation::get(
            "/api/v1/events",
            "listEvents",
            "What changed, in order and without gaps",
        )
        .about("Kept for seven days. The cursor of the last page, kept, finds what comes later.")
        .tag("Events")
        .scope(Scope::Read)
        .query("after", count(), "The number of an event: only what comes behind it.")
        .query(
            "types",
            string(),
            "Filters between commas, as in `message.failed,number.*`.",
        )
        .pages("A page, the oldest first.", &named("Event"), MAX_LIMIT),
        list,
    )
}

pub(super) async fn list(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let query = Query::read(&uri, &["after", "cursor", "types", "limit"])?;
    let (wanted, limit) = (wanted(&query)?, limit(&query)? as usize);
    let (mut after, mut found, mut looked_through) = (after(&query)?, Vec::new(), 0);
    let mut has_more = true;
    while has_more && found.len() < limit && looked_through < LOOKED_THROUGH {
        let page = api.0.store.events_after(caller.organization, after, AT_ONCE).await;
        let page = page.map_err(|error| read::failed(&error))?;
        looked_through += page.len();
        has_more = page.len() == AT_ONCE;
        for event in page.events() {
            if found.len() == limit {
                has_more = true;
                break;
            }
            after = event.sequence;
            if wants(&wanted, event.kind) {
                found.push(json!(event));
            }
        }
    }
    let mut answer = Answer::data(200, Value::from(found));
    // There is always a cursor: what comes later is behind it.
    answer.pagination = Some(json!({"cursor": after.to_string(), "has_more": has_more}));
    Ok(answer)
}

/// The number behind which to begin: `cursor` of the page before, or `after`, or the beginning.
pub(super) fn after(query: &Query) -> Result<i64, Problem> {
    for (name, code) in [("cursor", Code::InvalidCursor), ("after", Code::ValidationError)] {
        if let Some(text) = query.get(name) {
            return number(name, text, code);
        }
    }
    Ok(0)
}

pub(super) fn number(name: &str, text: &str, code: Code) -> Result<i64, Problem> {
    let read = text.parse().ok().filter(|number: &i64| *number >= 0);
    read.ok_or_else(|| {
        Problem::field(
            code,
            FieldError::new(name, &Value::from(text), "the number of an event, or 0"),
        )
    })
}

/// The filters of `types`, between commas; none wants everything.
pub(super) fn wanted(query: &Query) -> Result<Vec<Filter>, Problem> {
    let Some(text) = query.get("types") else {
        return Ok(Vec::new());
    };
    let filter = |word: &str| {
        Filter::parse(word.trim()).map_err(|error| {
            let wrong = FieldError::new("types", &Value::from(word), error.to_string());
            Problem::field(Code::ValidationError, wrong)
        })
    };
    text.split(',').map(filter).collect()
}

pub(super) fn wants(filters: &[Filter], kind: &str) -> bool {
    filters.is_empty() || filters.iter().any(|filter| filter.matches(kind))
}
