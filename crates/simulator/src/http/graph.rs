//! Meta's paths: an optional version, then the object, then perhaps an edge.

use axum::extract::{FromRequestParts, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

use super::{Shared, management, media, messages, nodes};
use crate::graph_error::GraphError;

/// A path of the Graph API without its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path<'a> {
    Messages(&'a str),
    MarketingMessages(&'a str),
    PhoneNumbers(&'a str),
    MessageTemplates(&'a str),
    Media(&'a str),
    /// An address that was given out for a file.
    File(&'a str),
    /// An action on a number.
    Action(&'a str, &'a str),
    Node(&'a str),
    Unknown,
}

/// Serves every path that is not the control interface.
pub(crate) async fn serve(State(shared): State<Shared>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    match (request.method().clone(), parse(&path)) {
        (Method::POST, Path::Messages(id)) => messages::post(&shared.state, id, false, request).await,
        (Method::POST, Path::MarketingMessages(id)) => messages::post(&shared.state, id, true, request).await,
        (Method::GET, Path::PhoneNumbers(id)) => read(&shared, request, |view| view.phone_numbers(id)).await,
        (Method::GET, Path::MessageTemplates(id)) => read(&shared, request, |view| view.message_templates(id)).await,
        (Method::POST, Path::MessageTemplates(id)) => {
            management::call(&shared, request, |shared, body| {
                management::create_template(shared, id, body)
            })
            .await
        }
        (Method::DELETE, Path::MessageTemplates(id)) => {
            management::call(&shared, request, |shared, body| {
                management::delete_template(shared, id, body)
            })
            .await
        }
        (Method::POST, Path::Media(id)) => media::upload(&shared.state, id, request).await,
        (Method::GET, Path::File(id)) => media::bytes(&shared.state, id, &request),
        (Method::DELETE, Path::Node(id)) => media::delete(&shared.state, id, &request),
        (Method::POST, Path::Action(id, action)) => {
            management::call(&shared, request, |shared, body| {
                management::manage_number(shared, id, action, body)
            })
            .await
        }
        (Method::POST, Path::Node(id)) => {
            management::call(&shared, request, |shared, body| {
                let is_number = shared
                    .state
                    .referee()
                    .all_numbers()
                    .any(|number| number.phone_number_id == id);
                match is_number {
                    true => management::manage_number(shared, id, "pin", body),
                    false => management::edit_template(shared, id, body),
                }
            })
            .await
        }
        (Method::GET, Path::Node(id)) => node(&shared, request, id).await,
        _ => error(&GraphError::unknown_path(&path)),
    }
}

/// A file, or anything else that has an id.
async fn node(shared: &Shared, request: Request, id: &str) -> Response {
    let query = Query::<nodes::Selection>::try_from_uri(request.uri());
    let owner = query.ok().and_then(|Query(selection)| selection.phone_number_id);
    let allowed = shared.state.config().accepts_token(bearer(request.headers()));
    if allowed && let Some(file) = media::node(&shared.state, id, owner.as_deref(), request.headers()) {
        return json(StatusCode::OK, &file);
    }
    read(shared, request, |view| view.node(id)).await
}

async fn read(
    shared: &Shared,
    request: Request,
    look: impl FnOnce(&nodes::View<'_>) -> Result<Value, GraphError>,
) -> Response {
    let (mut parts, _) = request.into_parts();
    let token = bearer(&parts.headers).map(str::to_owned);
    let query = Query::<nodes::Selection>::from_request_parts(&mut parts, &()).await;
    let referee = shared.state.referee();
    if !referee.config().accepts_token(token.as_deref()) {
        return error(&GraphError::invalid_token());
    }
    let Ok(Query(selection)) = query else {
        return error(&GraphError::invalid("The query cannot be read."));
    };
    match look(&nodes::View {
        referee: &referee,
        selection,
    }) {
        Ok(body) => json(StatusCode::OK, &body),
        Err(refused) => error(&refused),
    }
}

fn parse(path: &str) -> Path<'_> {
    let mut segments = path.trim_matches('/').split('/').peekable();
    segments.next_if(|first| is_version(first));
    match (segments.next(), segments.next(), segments.next()) {
        (Some(id), Some("messages"), None) => Path::Messages(id),
        (Some(id), Some("marketing_messages"), None) => Path::MarketingMessages(id),
        (Some(id), Some("phone_numbers"), None) => Path::PhoneNumbers(id),
        (Some(id), Some("message_templates"), None) => Path::MessageTemplates(id),
        (Some(id), Some("media"), None) => Path::Media(id),
        (Some(media::FILES), Some(id), None) => Path::File(id),
        (Some(id), Some(action @ ("register" | "deregister" | "request_code" | "verify_code")), None) => {
            Path::Action(id, action)
        }
        (Some(id), None, None) if !id.is_empty() => Path::Node(id),
        _ => Path::Unknown,
    }
}

fn is_version(segment: &str) -> bool {
    segment
        .strip_prefix('v')
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

/// The bearer token of a request.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
        .map(str::trim)
}

/// A JSON answer as Meta sends it.
pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "application/json; charset=UTF-8")],
        body.to_string(),
    )
        .into_response()
}

/// An error answer with a trace id of its own.
pub(super) fn error(error: &GraphError) -> Response {
    let trace_id = format!("A{}", BASE64URL_NOPAD.encode(&rand::random::<[u8; 16]>()));
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    json(status, &error.body(&trace_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_may_be_left_out() {
        assert_eq!(parse("/v26.0/2000001/messages"), Path::Messages("2000001"));
        assert_eq!(parse("/2000001/messages"), Path::Messages("2000001"));
        assert_eq!(parse("/v26.0/1000001/phone_numbers/"), Path::PhoneNumbers("1000001"));
        assert_eq!(parse("/v26.0/2000001"), Path::Node("2000001"));
        assert_eq!(parse("/v26.0"), Path::Unknown);
        assert_eq!(parse("/"), Path::Unknown);
        assert_eq!(parse("/v26.0/2000001/messages/again"), Path::Unknown);
    }
}
