//! Lets callers with a valid key pass, as often as their rate allows.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::rate::Standing;
use crate::problem::{Code, Problem};

/// Puts the caller among the request's extensions.
pub(super) async fn only(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let Some(key) = key_of(request.headers()) else {
        let message = "An API key is needed: X-API-Key: tp_…, or Authorization: Bearer tp_….";
        return Problem::new(Code::Unauthorized, message).into_response();
    };
    let caller = match api.0.credentials.caller(key).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let standing = api.0.rates.take(&caller.key_id);
    if standing.allowed {
        request.extensions_mut().insert(caller);
        let mut response = next.run(request).await;
        show(&mut response, standing);
        return response;
    }
    let mut response = standing.problem().into_response();
    show(&mut response, standing);
    response
}

fn key_of(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    text("x-api-key").or_else(|| {
        let (scheme, key) = text("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    })
}

fn show(response: &mut Response, standing: Standing) {
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-limit", HeaderValue::from(standing.limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(standing.remaining));
    headers.insert("x-ratelimit-reset", HeaderValue::from(standing.reset_seconds));
}
