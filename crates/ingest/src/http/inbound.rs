//! `GET /api/v1/inbound` and one of them: what people wrote.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use domain::MessageId;
use serde_json::{Value, json};
use store::inbound::Filter;

use super::list::{MAX_LIMIT, Query, limit};
use super::{Api, read};
use crate::answer::Answer;
use crate::credentials::{Caller, Scope};
use crate::openapi::schema::{data, id as id_schema, named, phone, sender, string, timestamp};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};
use crate::request::{SenderName, recipient_of_query, timestamp_of_query};
use crate::view;

const FILTERS: &[&str] = &["from", "to", "type", "since", "until", "limit", "cursor"];

pub(super) fn routes() -> Routes<Api> {
    Routes::new()
        .on(
            Operation::get("/api/v1/inbound", "listInbound", "What people wrote, newest first")
                .tag("Inbound")
                .scope(Scope::Read)
                .query("from", phone(), "Of this person.")
                .query("to", sender(), "To this sender number.")
                .query("type", string(), "Meta's word for the kind of message.")
                .query("since", timestamp(), "Received then or later.")
                .query("until", timestamp(), "Received before then.")
                .no(Code::InvalidPhoneNumber)
                .pages("A page.", &named("InboundMessage"), MAX_LIMIT),
            list,
        )
        .on(
            Operation::get("/api/v1/inbound/{id}", "getInbound", "A message of a person")
                .tag("Inbound")
                .scope(Scope::Read)
                .path_parameter("id", id_schema(), "The message.")
                .no(Code::NotFound)
                .answer(200, "The message.", data(named("InboundMessage"))),
            one,
        )
}

pub(super) async fn list(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let query = Query::read(&uri, FILTERS)?;
    let (filter, limit) = (filter(&query)?, limit(&query)?);
    let found = api.0.store.inbound(caller.organization, &filter, limit + 1).await;
    let mut found = found.map_err(|error| read::failed(&error))?;
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let cursor = found.last().filter(|_| has_more).map(|last| last.id);
    let mut answer = Answer::data(200, found.iter().map(view::inbound).collect::<Vec<Value>>().into());
    answer.pagination = Some(json!({"cursor": cursor, "has_more": has_more}));
    Ok(answer)
}

pub(super) async fn one(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let id = read::id(id).ok_or_else(no_inbound)?;
    let found = api.0.store.inbound_message(caller.organization, MessageId(id)).await;
    let found = found.map_err(|error| read::failed(&error))?.ok_or_else(no_inbound)?;
    Ok(Answer::data(200, view::inbound(&found)))
}

pub(super) fn no_inbound() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is no message of a person with this id in your organization.",
    )
}

fn filter(query: &Query) -> Result<Filter, Problem> {
    let invalid = |wrong| Problem::field(Code::ValidationError, wrong);
    let invalid_phone = |wrong| Problem::field(Code::InvalidPhoneNumber, wrong);
    let from = query.get("from").map(|_| recipient_of_query("from", query.get("from")));
    let to = query.phone("to").map(|name| SenderName::parse("to", &name));
    let time = |name| query.get(name).map(|text| timestamp_of_query(name, text)).transpose();
    let before = query.cursor()?.map(MessageId);
    Ok(Filter {
        from: from
            .transpose()
            .map_err(invalid_phone)?
            .map(|from| from.as_str().to_owned()),
        to: to.transpose().map_err(invalid_phone)?.map(|to| to.as_str().to_owned()),
        kind: query.get("type").map(str::to_owned),
        since: time("since").map_err(invalid)?,
        until: time("until").map_err(invalid)?,
        before,
    })
}
