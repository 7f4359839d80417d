//! `GET /api/v1/messages`: newest first, filtered, page by page.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use domain::content::FieldError;
use domain::{FlowId, MessageId, PublicStatus};
use serde_json::{Value, json};
use store::queries::Filter;

use super::{Api, read};
use crate::answer::Answer;
use crate::credentials::{Caller, Scope};
use crate::openapi::schema::{id, named, phone, sender, status, timestamp};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};
use crate::request::{SenderName, recipient_of_query, timestamp_of_query, with_plus};
use crate::view;

const DEFAULT_LIMIT: u32 = 50;
pub(super) const MAX_LIMIT: u32 = 200;
const FILTERS: &[&str] = &[
    "status",
    "broadcast_id",
    "to",
    "from",
    "since",
    "until",
    "limit",
    "cursor",
];

pub(super) fn routes() -> Routes<Api> {
    Routes::new().on(
        Operation::get("/api/v1/messages", "listMessages", "Messages, newest first")
            .scope(Scope::Read)
            .query("status", status(), "Only these.")
            .query("broadcast_id", id(), "Only those of this broadcast.")
            .query("to", phone(), "Only those to this person.")
            .query("from", sender(), "Only those from this sender number.")
            .query("since", timestamp(), "Accepted then or later.")
            .query("until", timestamp(), "Accepted before then.")
            .no(Code::InvalidPhoneNumber)
            .pages("A page.", &named("Message"), MAX_LIMIT),
        messages,
    )
}

pub(super) async fn messages(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let query = Query::read(&uri, FILTERS)?;
    let (filter, limit, now) = (filter(&query)?, limit(&query)?, api.0.clock.now());
    // One more than asked for tells whether there are more.
    let found = api.0.store.messages(caller.organization, &filter, limit + 1, now).await;
    let mut found = found.map_err(|error| read::failed(&error))?;
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let cursor = found.last().filter(|_| has_more).map(|last| last.id);
    let page: Vec<Value> = found.iter().map(|message| view::message(message, now)).collect();
    let mut answer = Answer::data(200, Value::Array(page));
    answer.pagination = Some(json!({"cursor": cursor, "has_more": has_more}));
    Ok(answer)
}

fn filter(query: &Query) -> Result<Filter, Problem> {
    let invalid = |wrong| Problem::field(Code::ValidationError, wrong);
    let invalid_phone = |wrong| Problem::field(Code::InvalidPhoneNumber, wrong);
    let status = query.get("status").map(|word| {
        PublicStatus::parse(word).ok_or_else(|| {
            let words: Vec<&str> = PublicStatus::ALL.iter().map(|status| status.as_str()).collect();
            FieldError::new("status", &Value::from(word), format!("one of {}", words.join(", ")))
        })
    });
    let flow = query.get("broadcast_id").map(|id| {
        let wrong = || FieldError::new("broadcast_id", &Value::from(id), "the id of a broadcast");
        id.parse().map(FlowId).map_err(|_| wrong())
    });
    let to = query.get("to").map(|_| recipient_of_query("to", query.get("to")));
    let from = query.phone("from").map(|name| SenderName::parse("from", &name));
    let time = |name| query.get(name).map(|text| timestamp_of_query(name, text)).transpose();
    let before = query.cursor()?.map(MessageId);
    Ok(Filter {
        status: status.transpose().map_err(invalid)?,
        flow: flow.transpose().map_err(invalid)?,
        to: to.transpose().map_err(invalid_phone)?.map(|to| to.as_str().to_owned()),
        from: from
            .transpose()
            .map_err(invalid_phone)?
            .map(|from| from.as_str().to_owned()),
        since: time("since").map_err(invalid)?,
        until: time("until").map_err(invalid)?,
        before,
    })
}

/// How many a page holds.
pub(super) fn limit(query: &Query) -> Result<u32, Problem> {
    let Some(text) = query.get("limit") else {
        return Ok(DEFAULT_LIMIT);
    };
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| {
        let wrong = FieldError::new("limit", &Value::from(text), format!("a number from 1 to {MAX_LIMIT}"));
        Problem::field(Code::ValidationError, wrong)
    })
}

/// The parameters of a query string, all of them known.
#[derive(Debug)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads a query string that may have these parameters and no others.
    pub(super) fn read(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let invalid = |field: &str, value: &str, expected: String| {
            Problem::field(
                Code::ValidationError,
                FieldError::new(field, &Value::from(value), expected),
            )
        };
        let read = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| {
            invalid(
                "query",
                uri.query().unwrap_or_default(),
                "name=value pairs, URL-encoded".into(),
            )
        })?;
        let mut values = BTreeMap::new();
        for (name, value) in read.0 {
            if !known.contains(&name.as_str()) {
                return Err(invalid(
                    &name,
                    &value,
                    format!("no such parameter; known are {}", known.join(", ")),
                ));
            }
            if value.contains('\0') || values.insert(name.clone(), value.clone()).is_some() {
                return Err(invalid(&name, &value, "each parameter once, without U+0000".into()));
            }
        }
        Ok(Self(values))
    }

    /// A parameter; an empty one is as good as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Where the page before ended, as its `meta.pagination` says.
    pub(super) fn cursor<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        let Some(text) = self.get("cursor") else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            let wrong = FieldError::new("cursor", &Value::from(text), "the cursor of the page before");
            Problem::field(Code::InvalidCursor, wrong)
        })
    }

    /// Something that is on or off, and off by default.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => {
                let wrong = FieldError::new(name, &Value::from(other), "true or false");
                Err(Problem::field(Code::ValidationError, wrong))
            }
        }
    }

    /// As [`get`](Self::get), for a number that may be a phone number.
    pub(super) fn phone(&self, name: &str) -> Option<String> {
        self.get(name).map(with_plus)
    }
}
