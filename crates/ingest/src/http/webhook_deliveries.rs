//! What became of an endpoint's webhooks, and telling again: `/api/v1/webhook-endpoints/{id}/deliveries` and `/replay`.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use chrono::{DateTime, Utc};
use domain::content::FieldError;
use serde_json::{Map, Value, json};
use store::webhooks::{Delivery, DeliveryState, Stretch};

use super::list::{MAX_LIMIT, Query, limit};
use super::read::Id;
use super::webhook_endpoints::{endpoint_id, must_exist};
use super::{Api, body, read};
use crate::answer::{Answer, optional_timestamp, timestamp};
use crate::credentials::{Caller, Scope};
use crate::openapi::events::{replay as replay_schema, replayed};
use crate::openapi::schema::{data, id as id_schema, named, word};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};
use crate::request::timestamp_of_query;

/// Most events of one replay; a longer stretch is cut by its caller, who sees how far it is.
const MOST: i64 = 100_000;

pub(super) fn routes() -> Routes<Api> {
    let of = |operation: Operation| {
        operation
            .tag("Webhooks")
            .path_parameter("id", id_schema(), "The endpoint.")
            .no(Code::NotFound)
    };
    let words: Vec<&str> = DeliveryState::ALL.iter().map(|state| state.as_str()).collect();
    Routes::new()
        .on(
            of(Operation::get(
                "/api/v1/webhook-endpoints/{id}/deliveries",
                "listWebhookDeliveries",
                "What became of an endpoint's webhooks",
            ))
            .scope(Scope::Read)
            .query("status", word(&words), "Only these.")
            .pages("A page, the newest first.", &named("WebhookDelivery"), MAX_LIMIT),
            list,
        )
        .on(
            of(Operation::post(
                "/api/v1/webhook-endpoints/{id}/replay",
                "replayWebhooks",
                "Deliver again: one, a stretch by number or time, or all that failed",
            ))
            .scope(Scope::Admin)
            .json(replay_schema())
            .answer(202, "So many will be delivered.", data(replayed())),
            replay,
        )
}

pub(super) async fn list(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
    uri: Uri,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let (id, query) = (endpoint_id(id)?, Query::read(&uri, &["status", "limit", "cursor"])?);
    must_exist(&api, &caller, id).await?;
    let state = query.get("status").map(|word| {
        let known = DeliveryState::ALL.into_iter().find(|state| state.as_str() == word);
        known.ok_or_else(|| invalid("status", &Value::from(word), "one of pending, delivered, failed"))
    });
    let (state, limit, before) = (state.transpose()?, limit(&query)?, query.cursor()?);
    // One more than asked for tells whether there are more.
    let found = api
        .0
        .store
        .deliveries(caller.organization, id, state, before, limit + 1)
        .await;
    let mut found = found.map_err(|error| read::failed(&error))?;
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let cursor = found.last().filter(|_| has_more).map(|last| last.sequence.to_string());
    let mut answer = Answer::data(200, found.iter().map(shown).collect());
    answer.pagination = Some(json!({"cursor": cursor, "has_more": has_more}));
    Ok(answer)
}

/// One event, a stretch by number or time, or all that failed.
pub(super) async fn replay(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let id = endpoint_id(id)?;
    let wanted = Wanted::read(&body::object(&headers, body).await?)?;
    must_exist(&api, &caller, id).await?;
    let (store, organization) = (&api.0.store, caller.organization);
    let stretch = match wanted {
        Wanted::Failed => {
            let replayed = store.replay_failed(organization, id).await;
            let replayed = replayed.map_err(|error| read::failed(&error))?;
            return Ok(Answer::data(202, json!({"endpoint_id": id, "replayed": replayed})));
        }
        Wanted::Numbers(stretch) => Some(stretch),
        Wanted::Times(since, until) => {
            let found = store.stretch(organization, since, until).await;
            found.map_err(|error| read::failed(&error))?
        }
    };
    let Some(stretch) = stretch else {
        return Ok(Answer::data(202, json!({"endpoint_id": id, "replayed": 0})));
    };
    if stretch.last.saturating_sub(stretch.first) >= MOST {
        let expected = format!("at most {MOST} events at once; replay one stretch after the other");
        let value = json!(stretch.last);
        return Err(invalid("to_sequence", &value, &expected));
    }
    let replayed = store.replay(organization, id, stretch).await;
    let replayed = replayed.map_err(|error| read::failed(&error))?;
    let data =
        json!({"endpoint_id": id, "replayed": replayed, "from_sequence": stretch.first, "to_sequence": stretch.last});
    Ok(Answer::data(202, data))
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Failed,
    Numbers(Stretch),
    Times(Option<DateTime<Utc>>, Option<DateTime<Utc>>),
}

impl Wanted {
    fn read(fields: &Map<String, Value>) -> Result<Self, Problem> {
        let ways = "one of {\"failed\": true}, {\"sequence\": 7}, {\"from_sequence\": 1, \"to_sequence\": 9}, {\"since\": …, \"until\": …}";
        body::known(
            fields,
            &["failed", "sequence", "from_sequence", "to_sequence", "since", "until"],
        )?;
        let number = |name: &str| match fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_i64().filter(|number| *number > 0) {
                None => Err(invalid(name, value, "the number of an event, from 1")),
                number => Ok(number),
            },
        };
        let time = |name: &str| match fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let read = timestamp_of_query(name, value.as_str().unwrap_or_default());
                read.map(Some)
                    .map_err(|wrong| Problem::field(Code::ValidationError, wrong))
            }
        };
        let failed = match fields.get("failed") {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            Some(other) => return Err(invalid("failed", other, "true or false")),
        };
        let (one, first, last) = (number("sequence")?, number("from_sequence")?, number("to_sequence")?);
        let (since, until) = (time("since")?, time("until")?);
        let times = since.is_some() || until.is_some();
        match (failed, one, first, last, times) {
            (true, None, None, None, false) => Ok(Self::Failed),
            (false, Some(one), None, None, false) => Ok(Self::Numbers(Stretch { first: one, last: one })),
            (false, None, Some(first), Some(last), false) if first <= last => {
                Ok(Self::Numbers(Stretch { first, last }))
            }
            (false, None, Some(_), Some(last), false) => {
                Err(invalid("to_sequence", &json!(last), "not less than from_sequence"))
            }
            (false, None, None, None, true) => Ok(Self::Times(since, until)),
            _ => Err(invalid("body", &Value::from(fields.clone()), ways)),
        }
    }
}

fn invalid(field: &str, value: &Value, expected: &str) -> Problem {
    Problem::field(Code::ValidationError, FieldError::new(field, value, expected))
}

fn shown(delivery: &Delivery) -> Value {
    json!({
        "event_id": delivery.event,
        "sequence": delivery.sequence,
        "type": delivery.kind,
        "status": delivery.state.as_str(),
        "attempts": delivery.attempts,
        "next_attempt_at": optional_timestamp(delivery.next_at),
        "created_at": timestamp(delivery.created_at),
        "last_attempt": delivery.ended_at.map(|at| json!({
            "ended_at": timestamp(at),
            "http_status": delivery.http_status,
            "took_ms": delivery.took_ms,
            "error": delivery.error,
        })),
        "earlier_attempts": delivery.earlier,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<Wanted, Problem> {
        Wanted::read(body.as_object().unwrap())
    }

    #[test]
    fn a_replay_is_of_one_a_stretch_or_all_that_failed() {
        assert_eq!(read(json!({"failed": true})).unwrap(), Wanted::Failed);
        assert_eq!(
            read(json!({"sequence": 7})).unwrap(),
            Wanted::Numbers(Stretch { first: 7, last: 7 })
        );
        assert_eq!(
            read(json!({"from_sequence": 2, "to_sequence": 9})).unwrap(),
            Wanted::Numbers(Stretch { first: 2, last: 9 })
        );
        assert!(matches!(
            read(json!({"since": "2026-01-31T09:00:00Z"})),
            Ok(Wanted::Times(Some(_), None))
        ));
    }

    #[test]
    fn what_is_no_replay_is_refused() {
        for (body, field) in [
            (json!({}), "body"),
            (json!({"failed": false}), "body"),
            (json!({"failed": true, "sequence": 1}), "body"),
            (json!({"from_sequence": 1}), "body"),
            (json!({"from_sequence": 9, "to_sequence": 2}), "to_sequence"),
            (json!({"sequence": 0}), "sequence"),
            (json!({"sequence": "7"}), "sequence"),
            (json!({"since": "yesterday"}), "since"),
            (json!({"failed": "all"}), "failed"),
            (json!({"everything": true}), "everything"),
        ] {
            assert_eq!(read(body.clone()).unwrap_err().details["field"], field, "{body}");
        }
    }
}
