//! Lets callers with a valid key pass, as often as their rate allows.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::network::{Network, caller_address};

use super::Api;
use super::rate::Standing;
use crate::problem::{Code, Problem};
use crate::request::Kind;

/// Puts the caller among the request's extensions.
pub(super) async fn only(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let Some(key) = key_of(request.headers()) else {
        let message = "An API key is needed: X-API-Key: tp_…, or Authorization: Bearer tp_….";
        return Problem::new(Code::Unauthorized, message).into_response();
    };
    let caller = match api
        .0
        .credentials
        .caller(key, Some(address(&request, &api.0.proxies)))
        .await
    {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    if caller.test && !is_for_tests(&request) {
        let message = "This is a test key: it sends messages to a stand-in and looks at things, and changes nothing that live messages \
                       depend on; use a live key.";
        return Problem::new(Code::TestKey, message).into_response();
    }
    let standing = api.0.rates.take(&caller.key_id, caller.requests_per_minute);
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

/// What a test key may do: look, and hand messages in.
fn is_for_tests(request: &Request) -> bool {
    let path = request.uri().path();
    request.method() == Method::GET || path == Kind::Message.path() || path == Kind::Broadcast.path()
}

/// Where the call comes from: the other end of the connection, or what trusted proxies say.
fn address(request: &Request, proxies: &[Network]) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    // Without a connection there is no address; the unspecified one lies in no network that anybody would allow.
    let peer = peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
    let lines = request.headers().get_all("x-forwarded-for").iter();
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    let entries: Vec<&str> = lines.iter().flat_map(|line| line.split(',')).collect();
    caller_address(peer, entries.into_iter(), proxies)
}

fn show(response: &mut Response, standing: Standing) {
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-limit", HeaderValue::from(standing.limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(standing.remaining));
    headers.insert("x-ratelimit-reset", HeaderValue::from(standing.reset_seconds));
}
