//! `POST /{phone_number_id}/messages`: read, let the referee decide, answer as decided or as a fault wants it.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};

use super::{Arrival, Cut, graph};
use crate::fault::Answer;
use crate::graph_error::GraphError;
use crate::ledger::Fingerprint;
use crate::referee::{Acceptance, Post, Ruling};
use crate::request;
use crate::state::State;

/// A body larger than this is cut off; no message comes near it.
const BODY_MOST: usize = 4 * 1024 * 1024;

/// Pieces that a slow body comes in.
const PIECES: usize = 8;

/// How long an answer waits for the webhook that shall come before it.
const WEBHOOK_FIRST: Duration = Duration::from_secs(5);

/// Time for hyper to write what it has before a body breaks off.
const FLUSHED: Duration = Duration::from_millis(10);

const HTML: &str =
    "<!DOCTYPE html><html><head><title>Error</title></head><body>Sorry, something went wrong.</body></html>";

/// Takes a POST to `/messages` or, `marketing`, to `/marketing_messages`.
pub(super) async fn post(state: &State, phone_number_id: &str, marketing: bool, request: Request) -> Response {
    let arrived = request
        .extensions()
        .get::<Arrival>()
        .map_or_else(Instant::now, |arrival| arrival.0);
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_MOST).await else {
        return graph::error(&GraphError::invalid("The request body could not be read."));
    };
    let post = Post {
        arrival_ns: state.clock.ns(arrived),
        token: graph::bearer(&parts.headers),
        phone_number_id,
        body_hash: Fingerprint::of(&body),
        request: request::parse(&body).and_then(|request| request.by(marketing)),
    };

    // From here to the hand-over of the webhooks nothing waits: a caller that hangs up cannot undo half of it.
    let (ruling, latency) = {
        let mut referee = state.referee();
        let ruling = referee.post(post);
        (ruling, referee.draw_latency())
    };
    let ruling = match ruling {
        Ruling::Accepted(mut acceptance) => {
            state.deliver(std::mem::take(&mut acceptance.updates));
            Ruling::Accepted(acceptance)
        }
        other => other,
    };
    state.note_change();

    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    match ruling {
        Ruling::Refused(error) => graph::error(&error),
        Ruling::Dropped => cut(Cut::Reset),
        Ruling::MarkedRead => graph::json(StatusCode::OK, &json!({ "success": true })),
        Ruling::Accepted(acceptance) => answer(*acceptance).await,
    }
}

async fn answer(mut acceptance: Acceptance) -> Response {
    if let Some(tried) = acceptance.wait_for.take() {
        let _ = tokio::time::timeout(WEBHOOK_FIRST, tried).await; // a receiver that is down must not block the sender
    }
    let body = success(&acceptance);
    match acceptance.answer {
        None => graph::json(StatusCode::OK, &body),
        Some(Answer::Lost) => cut(Cut::Close),
        Some(Answer::Held { hold_ms }) => {
            tokio::time::sleep(Duration::from_millis(hold_ms)).await;
            cut(Cut::Close)
        }
        Some(Answer::ServerError) => graph::error(&GraphError::of(131_000)),
        Some(Answer::TruncatedJson) => {
            let mut text = body.to_string();
            text.truncate(text.len() / 2);
            ([(header::CONTENT_TYPE, "application/json; charset=UTF-8")], text).into_response()
        }
        Some(Answer::Html) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], HTML).into_response(),
        Some(Answer::SlowBody { total_ms }) => slow(&body, Duration::from_millis(total_ms)),
        Some(Answer::WrongContentLength) => too_short(&body),
    }
}

fn success(acceptance: &Acceptance) -> Value {
    let who = if acceptance.is_user_id { "user_id" } else { "wa_id" };
    let mut message = json!({ "id": acceptance.wamid });
    if acceptance.is_template {
        message["message_status"] = match acceptance.is_held {
            true => "held_for_quality_assessment",
            false => "accepted",
        }
        .into();
    }
    json!({
        "messaging_product": "whatsapp",
        "contacts": [{ "input": acceptance.input, who: acceptance.recipient }],
        "messages": [message],
    })
}

/// A response that the server turns into the end of the connection.
fn cut(how: Cut) -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(how);
    response
}

/// The body in pieces, evenly spread over the time given.
fn slow(body: &Value, total: Duration) -> Response {
    let text = body.to_string().into_bytes();
    let length = text.len();
    let pieces: Vec<Bytes> = text
        .chunks(length.div_ceil(PIECES))
        .map(Bytes::copy_from_slice)
        .collect();
    let gap = total / u32::try_from(PIECES).expect("eight fits");
    let paced = stream::unfold(pieces.into_iter(), move |mut pieces| async move {
        let piece = pieces.next()?;
        tokio::time::sleep(gap).await;
        Some((Ok::<_, Infallible>(piece), pieces))
    });
    with_length(Body::from_stream(paced), length)
}

/// A body that ends before the length it promised, a moment late so that what there is has left by then.
fn too_short(body: &Value) -> Response {
    let text = body.to_string();
    let promised = text.len() + 512;
    let short = stream::unfold(Some(text), |rest| async {
        match rest {
            Some(text) => Some((Ok::<_, Infallible>(text), None)),
            None => {
                tokio::time::sleep(FLUSHED).await;
                None
            }
        }
    });
    with_length(Body::from_stream(short), promised)
}

fn with_length(body: Body, length: usize) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=UTF-8"),
    );
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}
