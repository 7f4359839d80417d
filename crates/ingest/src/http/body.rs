//! Reading a body: JSON only, not too long, not too slowly.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt as _;
use serde_json::json;

use crate::problem::{Code, Problem};
use crate::request::Kind;

/// Longest time for a whole body to arrive.
const DEADLINE: Duration = Duration::from_secs(10);
/// How much of a body that is too long is still taken off the wire and thrown away: a caller that is cut off while it writes does not
/// hear why.
const READ_AND_FORGOTTEN: usize = 8 * 1024 * 1024;

/// The body of a request for this call.
pub(super) async fn read(kind: Kind, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Problem> {
    if !is_json(headers) {
        let message = "The body must be JSON: Content-Type: application/json.";
        return Err(Problem::new(Code::UnsupportedMediaType, message)
            .details(json!({"field": "Content-Type", "expected": "application/json"})));
    }
    match tokio::time::timeout(DEADLINE, collect(kind, body)).await {
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

async fn collect(kind: Kind, body: Body) -> Result<Vec<u8>, Problem> {
    let mut stream = body.into_data_stream();
    let (mut read, mut length) = (Vec::new(), 0);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Problem::new(Code::InvalidJson, "The body broke off; send it again."))?;
        length += chunk.len();
        if length <= kind.max_bytes() {
            read.extend_from_slice(&chunk);
        } else if length > READ_AND_FORGOTTEN {
            break;
        }
    }
    if length > kind.max_bytes() {
        return Err(kind.too_large());
    }
    Ok(read)
}

/// Without a content type a body is taken for what it should be.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(given) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let mime = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let mime = mime.trim().to_ascii_lowercase();
    mime == "application/json" || (mime.starts_with("application/") && mime.ends_with("+json"))
}
