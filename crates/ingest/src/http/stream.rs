//! `GET /api/v1/events/stream`: the same events as they come, as server-sent events.
//!
//! A reader that was cut off says `Last-Event-ID`, as browsers do by themselves, and misses nothing. The stream ends when the role
//! stops; whoever reads it connects again, to another replica.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;
use domain::OrganizationId;
use domain::event::{Event, Filter};
use futures_util::stream;
use serde_json::json;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::list::Query;
use super::{Api, events};
use crate::credentials::{Caller, Scope};
use crate::openapi::events::stream as stream_schema;
use crate::openapi::schema::{count, string};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};

/// Between two looks for new events of a stream that has told everything.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// A sign of life, so that nobody on the way takes a quiet stream for a dead one.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
const AT_ONCE: usize = 200;
/// Streams of one organization at one replica.
const MOST: usize = 20;

/// How many streams each organization reads here.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams(Arc<Mutex<HashMap<OrganizationId, usize>>>);

/// A place among them, until it is dropped.
#[derive(Debug)]
struct Place(Streams, OrganizationId);

impl Streams {
    fn take(&self, organization: OrganizationId) -> Option<Place> {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = streams.entry(organization).or_default();
        if *count == MOST {
            return None;
        }
        *count += 1;
        Some(Place(self.clone(), organization))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut streams = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = streams.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                streams.remove(&self.1);
            }
        }
    }
}

/// Where a stream is.
struct Reading {
    api: Api,
    place: Place,
    wanted: Vec<Filter>,
    after: i64,
    ready: VecDeque<Bytes>,
    spoke: Instant,
}

pub(super) fn routes() -> Routes<Api> {
    Routes::new().on(
        Operation::get("/api/v1/events/stream", "streamEvents", "The same events as they come, as server-sent events")
            .about("`id` is the sequence, `event` the type, `data` the event. Goes on behind `Last-Event-ID`, or behind `after`.")
            .tag("Events")
            .scope(Scope::Read)
            .query("after", count(), "The number of an event: only what comes behind it.")
            .query("types", string(), "Filters between commas, as in `message.failed,number.*`.")
            .answer_as(200, "Events, until the caller or the role ends it.", "text/event-stream", stream_schema()),
        read,
    )
}

pub(super) async fn read(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(Scope::Read)?;
    let query = Query::read(&uri, &["after", "types"])?;
    let wanted = events::wanted(&query)?;
    let after = match headers
        .get("last-event-id")
        .map(|id| id.to_str().unwrap_or("unreadable"))
    {
        Some(id) => events::number("Last-Event-ID", id, Code::ValidationError)?,
        None => events::after(&query)?,
    };
    let place = api.0.streams.take(caller.organization).ok_or_else(|| {
        let message = format!("{MOST} streams are open already; close one, or read GET /api/v1/events.");
        Problem::new(Code::RateLimited, message)
            .details(json!({"limit": MOST}))
            .retry_after(10)
    })?;
    let reading = Reading {
        api,
        place,
        wanted,
        after,
        // At once, so that the reader knows that it is connected.
        ready: VecDeque::from([Bytes::from_static(b"retry: 1000\n\n")]),
        spoke: Instant::now(),
    };
    let chunks = stream::unfold(reading, |mut reading| async move {
        let chunk = reading.next().await?;
        Some((Ok::<_, std::convert::Infallible>(chunk), reading))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that collect answers would hold events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

impl Reading {
    /// The next piece to write; `None` when the role stops.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                self.spoke = Instant::now();
                return Some(chunk);
            }
            if self.api.0.shutdown.is_requested() {
                return None;
            }
            match self.api.0.store.events_after(self.place.1, self.after, AT_ONCE).await {
                Ok(page) => {
                    let wanted = page.events().filter(|event| events::wants(&self.wanted, event.kind));
                    let chunk: String = wanted.map(|event| written(&event)).collect();
                    self.after = page.last().unwrap_or(self.after);
                    if !chunk.is_empty() {
                        self.ready.push_back(Bytes::from(chunk));
                        continue;
                    }
                    if page.len() == AT_ONCE {
                        continue;
                    }
                }
                // The reader waits; the next look may do better.
                Err(error) => warn!("{error} failed, a stream of events waits"),
            }
            if self.spoke.elapsed() >= SIGN_OF_LIFE {
                self.ready.push_back(Bytes::from_static(b": alive\n\n"));
                continue;
            }
            tokio::select! {
                () = sleep(LOOK_AGAIN) => {}
                () = self.api.0.shutdown.requested() => {}
            }
        }
    }
}

/// One event; JSON has no line breaks.
fn written(event: &Event<'_>) -> String {
    let body = String::from_utf8(event.encode()).unwrap_or_default();
    format!("id: {}\nevent: {}\ndata: {body}\n\n", event.sequence, event.kind)
}
