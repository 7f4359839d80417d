//! Reading a body: JSON only, not too long, not too slowly.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use domain::content::FieldError;
use futures_util::StreamExt as _;
use serde_json::{Map, Value, json};

use crate::problem::{Code, Problem};
use crate::request::{Kind, too_large};

/// Longest time for a whole body to arrive.
const DEADLINE: Duration = Duration::from_secs(10);
/// How much of a body that is too long is still taken off the wire and thrown away: a caller that is cut off while it writes does not
/// hear why.
const READ_AND_FORGOTTEN: usize = 8 * 1024 * 1024;
/// Longest body of an operator's call.
const SHORT: usize = 16 * 1024;

/// The body of a request for this call.
pub(super) async fn read(kind: Kind, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Problem> {
    if !is_json(headers) {
        return Err(not("JSON", "application/json"));
    }
    bytes(body, kind.max_bytes()).await
}

/// A short JSON object; no body is an empty one.
pub(super) async fn object(headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, Problem> {
    if !is_json(headers) {
        return Err(not("JSON", "application/json"));
    }
    let read = bytes(body, SHORT).await?;
    if read.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(&read).map_err(|error| {
        let message = format!("The body is not a JSON object: {error}; send one.");
        Problem::new(Code::InvalidJson, message)
            .details(json!({"field": "$", "line": error.line(), "column": error.column()}))
    })
}

/// Fields that nobody reads are mistakes.
pub(super) fn known(fields: &Map<String, Value>, known: &[&str]) -> Result<(), Problem> {
    match fields.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some((name, value)) => {
            let expected = format!("no such field; known are {}", known.join(", "));
            Err(Problem::field(
                Code::ValidationError,
                FieldError::new(name, value, expected),
            ))
        }
    }
}

/// The lines of a CSV body.
pub(super) async fn csv(headers: &HeaderMap, body: Body, most: usize) -> Result<String, Problem> {
    if !matches!(mime(headers).as_deref(), None | Some("text/csv" | "text/plain")) {
        return Err(not("CSV", "text/csv"));
    }
    String::from_utf8(bytes(body, most).await?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let wrong = FieldError::new("body", &Value::Null, format!("UTF-8; byte {at} is not"));
        Problem::field(Code::ValidationError, wrong)
    })
}

/// A body of at most so many bytes.
pub(super) async fn bytes(body: Body, most: usize) -> Result<Vec<u8>, Problem> {
    match tokio::time::timeout(DEADLINE, collect(most, body)).await {
        Ok(read) => read,
        Err(_) => Err(Problem::new(
            Code::RequestTimeout,
            format!(
                "The body did not arrive within {} s; send it again.",
                DEADLINE.as_secs()
            ),
        )),
    }
}

async fn collect(most: usize, body: Body) -> Result<Vec<u8>, Problem> {
    let mut stream = body.into_data_stream();
    let (mut read, mut length) = (Vec::new(), 0);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| broken_off())?;
        length += chunk.len();
        if length <= most {
            read.extend_from_slice(&chunk);
        } else if length > READ_AND_FORGOTTEN {
            break;
        }
    }
    if length > most {
        return Err(too_large(most));
    }
    Ok(read)
}

fn broken_off() -> Problem {
    Problem::new(Code::InvalidJson, "The body broke off; send it again.").details(json!({"field": "$"}))
}

/// Without a content type a body is taken for what it should be.
fn is_json(headers: &HeaderMap) -> bool {
    mime(headers)
        .is_none_or(|mime| mime == "application/json" || (mime.starts_with("application/") && mime.ends_with("+json")))
}

fn mime(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or_default();
    Some(given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn not(what: &str, mime: &str) -> Problem {
    let message = format!("The body must be {what}: Content-Type: {mime}.");
    Problem::new(Code::UnsupportedMediaType, message).details(json!({"field": "Content-Type", "expected": mime}))
}
