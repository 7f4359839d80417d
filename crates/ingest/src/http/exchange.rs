//! One exchange: gives it an id and a deadline, and writes the answer out.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::error;

use super::{Api, media, wait};
use crate::answer::{Answer, request_id};
use crate::problem::Problem;

/// Longest time from a request's headers to its answer: a body, an accept and a wait have their own, shorter ones.
const DEADLINE: Duration = Duration::from_secs(60);

/// The same for a list of recipients, which may be a million lines over a slow line. It has a deadline of its own for every piece.
const LONG: Duration = Duration::from_secs(1_800);

const _: () = assert!(
    wait::LONGEST.as_secs() < DEADLINE.as_secs(),
    "a wait must end before its exchange"
);

/// Runs the rest and answers in JSON, with `meta` and `X-Request-Id`.
pub(super) async fn answered(State(api): State<Api>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id();
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unknown", MatchedPath::as_str)
        .to_owned();
    let method = request.method().clone();
    // A file may take its time, and has a deadline of its own.
    let deadline = match path.as_str() {
        media::PATH => DEADLINE + media::DEADLINE,
        path if path.ends_with("/recipients") => LONG,
        _ => DEADLINE,
    };
    let mut response = match tokio::time::timeout(deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => axum::response::IntoResponse::into_response(Problem::unavailable()),
    };
    if let Some(answer) = response.extensions_mut().remove::<Answer>() {
        write_out(&mut response, &answer, &id, &api);
    }
    if response.status().is_server_error() {
        let status = response.status().as_u16();
        error!(
            request.id = id,
            http.status = status,
            "request {id} ({method} {path}) was answered with {status}"
        );
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    metrics::histogram!(
        "turnpike_http_request_seconds",
        "path" => path, "method" => method.to_string(), "status" => response.status().as_u16().to_string()
    )
    .record(started.elapsed().as_secs_f64());
    response
}

fn write_out(response: &mut Response, answer: &Answer, id: &str, api: &Api) {
    let body = answer.body_for(id, api.0.clock.now()).to_string();
    *response.body_mut() = Body::from(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Answers hold phone numbers and what became of people's messages.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if answer.replayed {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    if let Some(seconds) = answer.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if answer.status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
}
