//! Files: `POST /api/v1/media` takes one in, `GET /api/v1/media/{id}` gives one out, one's own or one that somebody sent.
//!
//! **Invariant:** a file passes through in pieces, whoever is slow, and no connection to the ledger waits for a caller.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, Multipart};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::handler::Handler as _;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Response};
use chrono::TimeDelta;
use domain::OrganizationId;
use domain::content::FieldError;
use domain::media::{Format, Inspected, Inspector, META_KEEPS, MediaId, NotMedia};
use futures_util::{Stream, StreamExt as _, stream};
use meta::media::Download;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store::Store;
use store::media::{Finished, Media, PIECE_BYTES};
use tracing::warn;
use uuid::Uuid;

use super::list::Query;
use super::read::Id;
use super::{Api, read};
use crate::answer::{Answer, timestamp};
use crate::credentials::{Caller, Scope};
use crate::openapi::schema::{boolean, data, named, object, sender, string, text as text_schema};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};

/// Where files are taken in.
pub(super) const PATH: &str = "/api/v1/media";

/// Longest time for the next piece of a file to arrive, and for all of them.
const IDLE: Duration = Duration::from_secs(30);
pub(super) const DEADLINE: Duration = Duration::from_secs(15 * 60);
/// How much of a file that will not do is still taken off the wire: a caller that is cut off while it writes does not hear why.
const READ_AND_FORGOTTEN: usize = 8 * 1024 * 1024;
/// Longest name of a file, in characters: what Meta's clients show.
const MAX_NAME: usize = 240;

pub(super) fn routes() -> Routes<Api> {
    const ONE: &str = "/api/v1/media/{id}";
    let of = |operation: Operation| {
        operation
            .tag("Media")
            .path_parameter("id", string(), "The `media_id` of an upload.")
            .no(Code::NotFound)
    };
    let bytes = || json!({"type": "string", "contentMediaType": "application/octet-stream"});
    let form = json!({"type": "object", "required": ["file"], "properties": {"file": bytes()}});
    Routes::new()
        .on(
            Operation::post(PATH, "uploadMedia", "Take a file in")
                .about("A form with a part `file`, or the bytes themselves. What a file is is told from its content. The same file again is the same `media_id`; wherever Meta's API takes the `id` of a file, take this one.")
                .tag("Media")
                .scope(Scope::Write)
                .query("filename", text_schema(0, MAX_NAME), "As its owner calls it, where no form says so.")
                .body("multipart/form-data", form, true)
                .nos(&[Code::InvalidBody, Code::ValidationError])
                .answer(200, "It is here already.", data(named("Media")))
                .answer(201, "It was taken in.", data(named("Media"))),
            // Its own, larger limits are kept while it is read.
            upload.layer(DefaultBodyLimit::disable()),
        )
        .on(
            Operation::get(ONE, "downloadMedia", "The bytes of a file")
                .about("Of an upload by its `media_id`, or by Meta's id from an inbound message of what somebody sent.")
                .tag("Media")
                .scope(Scope::Read)
                .path_parameter("id", string(), "The `media_id` of an upload, or Meta's id of an inbound file.")
                .query("from", sender(), "The sender number that it was sent to, where that is known: saves asking for each.")
                .nos(&[Code::NotFound, Code::MetaRefused, Code::MetaUnavailable])
                .answer_as(200, "The bytes, with their own content type.", "*/*", bytes()),
            download,
        )
        .on(
            of(Operation::delete(ONE, "deleteMedia", "Delete an upload"))
                .about("Messages that name it and wait will fail.")
                .scope(Scope::Write)
                .answer(200, "It is gone.", data(object(&[("media_id", string()), ("deleted", boolean())]))),
            delete,
        )
        .on(
            of(Operation::get("/api/v1/media/{id}/details", "getMedia", "What is known of an upload"))
                .scope(Scope::Read)
                .answer(200, "The file, without its bytes.", data(named("Media"))),
            details,
        )
}

/// A file as its owner describes it.
#[derive(Debug, Default)]
struct Claim {
    name: Option<String>,
    mime: Option<String>,
}

pub(super) async fn upload(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    request: Request,
) -> Result<Answer, Problem> {
    caller.require(Scope::Write)?;
    let taken = tokio::time::timeout(DEADLINE, take(&api, &caller, &uri, request)).await;
    taken.unwrap_or_else(|_| Err(too_slow()))
}

async fn take(api: &Api, caller: &Caller, uri: &Uri, request: Request) -> Result<Answer, Problem> {
    let query = Query::read(uri, &["filename"])?;
    let mime = content_type(request.headers());
    if mime
        .as_deref()
        .is_some_and(|mime| mime.starts_with("multipart/form-data"))
    {
        let mut form = Multipart::from_request(request, &())
            .await
            .map_err(|error| broken(&error.body_text()))?;
        while let Some(field) = timely(form.next_field())
            .await?
            .map_err(|error| broken(&error.body_text()))?
        {
            if field.name() == Some("file") {
                let claim = Claim {
                    name: name(field.file_name().or_else(|| query.get("filename")))?,
                    mime: field.content_type().map(str::to_owned),
                };
                return keep(api, caller.organization, claim, Box::pin(pieces(field))).await;
            }
        }
        let wrong = FieldError::new("file", &Value::Null, "the file, as a part of the form named file");
        return Err(Problem::field(Code::ValidationError, wrong));
    }
    let name = name(query.get("filename"))?;
    let body = request.into_body().into_data_stream();
    let pieces = body.map(|piece| piece.map_err(|_| broken("the body broke off")));
    keep(api, caller.organization, Claim { name, mime }, Box::pin(pieces)).await
}

fn pieces(field: Field<'_>) -> impl Stream<Item = Result<Bytes, Problem>> + Send {
    field.map(|piece| piece.map_err(|error| broken(&error.body_text())))
}

/// Takes a file in: begins, passes it through, ends well or leaves nothing behind.
async fn keep(
    api: &Api,
    organization: OrganizationId,
    claim: Claim,
    mut pieces: impl Stream<Item = Result<Bytes, Problem>> + Send + Unpin,
) -> Result<Answer, Problem> {
    let (store, now) = (&api.0.store, api.0.clock.now());
    let id = MediaId(Uuid::from_u128(rand::random()));
    let begun = store.begin_media(organization, id, claim.name.as_deref(), now).await;
    begun.map_err(|error| read::failed(&error))?;
    let passed = pass(store, id, &claim, &mut pieces).await;
    let (inspected, hash) = match passed {
        Ok(passed) => passed,
        Err(problem) => {
            forget(&mut pieces).await;
            // What is left of it otherwise is swept away in a day.
            let _ = store.discard_media(id).await;
            return Err(problem);
        }
    };
    let file = Finished {
        sha256: &hash,
        mime: inspected.format.mime(),
        size: inspected.size,
        // As long as Meta keeps it, and longer where a message needs it.
        kept_until: now + META_KEEPS + TimeDelta::days(1),
    };
    let finished = store.finish_media(organization, id, file).await;
    let (id, new) = finished.map_err(|error| read::failed(&error))?;
    let media = store
        .media(organization, id)
        .await
        .map_err(|error| read::failed(&error))?;
    let media = media.ok_or_else(not_there)?;
    Ok(Answer::data(if new { 201 } else { 200 }, shown(&media)).recorded())
}

async fn pass(
    store: &Store,
    id: MediaId,
    claim: &Claim,
    pieces: &mut (impl Stream<Item = Result<Bytes, Problem>> + Unpin),
) -> Result<(Inspected, [u8; 32]), Problem> {
    let (mut inspector, mut hash) = (Inspector::default(), Sha256::new());
    let (mut kept, mut seq) = (Vec::with_capacity(PIECE_BYTES), 0);
    while let Some(piece) = timely(pieces.next()).await? {
        let mut piece = &piece?[..];
        inspector.push(piece).map_err(|no| refused(&no))?;
        hash.update(piece);
        while !piece.is_empty() {
            let (now, later) = piece.split_at(piece.len().min(PIECE_BYTES - kept.len()));
            kept.extend_from_slice(now);
            piece = later;
            if kept.len() == PIECE_BYTES {
                let put = store.keep_media_piece(id, seq, &kept).await;
                put.map_err(|error| read::failed(&error))?;
                kept.clear();
                seq += 1;
            }
        }
    }
    let inspected = inspector.finish().map_err(|no| refused(&no))?;
    inspected
        .matches(claim.name.as_deref(), claim.mime.as_deref())
        .map_err(|no| refused(&no))?;
    if !kept.is_empty() {
        let put = store.keep_media_piece(id, seq, &kept).await;
        put.map_err(|error| read::failed(&error))?;
    }
    Ok((inspected, hash.finalize().into()))
}

/// Takes some of the rest off the wire.
async fn forget(pieces: &mut (impl Stream<Item = Result<Bytes, Problem>> + Unpin)) {
    let mut length = 0;
    while let Ok(Some(Ok(piece))) = timely(pieces.next()).await {
        length += piece.len();
        if length > READ_AND_FORGOTTEN {
            return;
        }
    }
}

async fn timely<T>(next: impl Future<Output = T>) -> Result<T, Problem> {
    tokio::time::timeout(IDLE, next).await.map_err(|_| too_slow())
}

pub(super) async fn details(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let media = own(&api, &caller, &read::named_id(id)).await?;
    Ok(Answer::data(200, shown(&media)))
}

pub(super) async fn delete(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    caller.require(Scope::Write)?;
    let id: MediaId = read::named_id(id).parse().map_err(|_| not_there())?;
    let deleted = api.0.store.delete_media(caller.organization, id).await;
    if deleted.map_err(|error| read::failed(&error))? {
        return Ok(Answer::data(200, json!({"media_id": id, "deleted": true})));
    }
    Err(not_there())
}

/// The bytes: of a file of one's own, or, by Meta's id from an inbound message, of one that somebody sent.
pub(super) async fn download(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    id: Id,
) -> Result<Response, Problem> {
    caller.require(Scope::Read)?;
    let id = read::named_id(id);
    let query = Query::read(&uri, &["from"])?;
    if id.parse::<MediaId>().is_ok() {
        let media = own(&api, &caller, &id).await?;
        let name = media.filename.clone();
        let store = api.0.store.clone();
        let length = Some(media.size);
        return Ok(file(
            &media.mime,
            length,
            name.as_deref(),
            Body::from_stream(own_pieces(store, media.id)),
        ));
    }
    if id.is_empty() || id.len() > 64 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(not_there());
    }
    let found = sent_to_us(&api, &caller, &id, query.get("from")).await?;
    let (mime, length) = (found.mime.clone(), found.size);
    Ok(file(&mime, length, None, Body::from_stream(their_pieces(found))))
}

async fn own(api: &Api, caller: &Caller, id: &str) -> Result<Media, Problem> {
    let id: MediaId = id.parse().map_err(|_| not_there())?;
    let media = api.0.store.media(caller.organization, id).await;
    media.map_err(|error| read::failed(&error))?.ok_or_else(not_there)
}

/// Asks Meta for a file on behalf of the numbers of an organization, until one of them has it. Meta checks that it does, so one
/// organization cannot have what was sent to another, even where both use the same access token.
async fn sent_to_us(api: &Api, caller: &Caller, id: &str, from: Option<&str>) -> Result<Download, Problem> {
    let numbers = api.0.store.callers(caller.organization, from).await;
    let numbers = numbers.map_err(|error| read::failed(&error))?;
    let mut last = not_there();
    for number in numbers {
        let token = number.token.map_err(|error| read::failed(&error))?;
        match api.0.meta.download_media(id, &number.phone_number_id, &token).await {
            Ok(found) => return Ok(found),
            Err(meta::Error::Graph(_) | meta::Error::Unreadable { .. }) => {}
            Err(error) => last = Problem::meta(&error),
        }
    }
    Err(last)
}

fn own_pieces(store: Store, id: MediaId) -> impl Stream<Item = Result<Bytes, store::Error>> + Send {
    stream::try_unfold((store, 0), move |(store, seq)| async move {
        let piece = store.media_piece(id, seq).await?;
        Ok(piece.map(|piece| (Bytes::from(piece), (store, seq + 1))))
    })
}

fn their_pieces(download: Download) -> impl Stream<Item = Result<Bytes, meta::Error>> + Send {
    stream::try_unfold(download, |mut download| async move {
        let piece = download.piece().await?;
        Ok(piece.map(|piece| (piece, download)))
    })
}

/// An answer that is a file. Whatever is in it, no browser shall run it.
fn file(mime: &str, length: Option<u64>, name: Option<&str>, body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let mut put = |name, value: Result<HeaderValue, Infallible>| {
        let Ok(value) = value;
        headers.insert(name, value);
    };
    let mime = HeaderValue::from_str(mime).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    put(header::CONTENT_TYPE, Ok(mime));
    put(header::X_CONTENT_TYPE_OPTIONS, Ok(HeaderValue::from_static("nosniff")));
    put(header::CACHE_CONTROL, Ok(HeaderValue::from_static("private, no-store")));
    if let Some(length) = length {
        put(header::CONTENT_LENGTH, Ok(HeaderValue::from(length)));
    }
    let plain = name.map(|name| name.replace(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.', "_"));
    let disposition = plain.map_or_else(
        || "attachment".to_owned(),
        |name| format!("attachment; filename=\"{name}\""),
    );
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        put(header::CONTENT_DISPOSITION, Ok(disposition));
    }
    response
}

fn shown(media: &Media) -> Value {
    json!({
        "media_id": media.id,
        "type": Format::of_mime(&media.mime).map(|format| format.kind().as_str()),
        "mime_type": media.mime,
        "size": media.size,
        "sha256": data_encoding::HEXLOWER.encode(&media.sha256),
        "filename": media.filename,
        "created_at": timestamp(media.created_at),
        "kept_until": timestamp(media.kept_until),
    })
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    Some(headers.get(header::CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase())
}

fn name(given: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(given) = given.filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let bad = |letter: char| letter.is_control() || letter == '/' || letter == '\\';
    if given.chars().count() > MAX_NAME || given.contains(bad) {
        let expected = format!("the name of a file, up to {MAX_NAME} characters, without a path");
        let wrong = FieldError::new("filename", &Value::from(given), expected);
        return Err(Problem::field(Code::ValidationError, wrong));
    }
    Ok(Some(given.to_owned()))
}

fn refused(no: &NotMedia) -> Problem {
    let (code, details) = match no {
        NotMedia::TooLarge { kind, mime, limit } => (
            Code::PayloadTooLarge,
            json!({"field": "file", "type": kind.as_str(), "mime_type": mime, "limit_bytes": limit}),
        ),
        NotMedia::Unknown { found } => (Code::UnsupportedMediaType, json!({"field": "file", "found": found})),
        NotMedia::Empty => (
            Code::ValidationError,
            json!({"field": "file", "value": "", "expected": "a file with something in it"}),
        ),
        NotMedia::Misnamed { claimed, found } => (
            Code::ValidationError,
            json!({"field": "file", "value": claimed, "expected": found}),
        ),
    };
    let mut message = no.to_string();
    if let Some(first) = message.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Problem::new(code, format!("{message}.")).details(details)
}

fn not_there() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is no such file; upload it, or take the id from the inbound message that it came with.",
    )
}

fn broken(why: &str) -> Problem {
    warn!("a file could not be read: {why}");
    let message = "The body could not be read as a file: send multipart/form-data with a part named file, or the bytes themselves.";
    Problem::new(Code::InvalidBody, message).details(json!({"field": "file"}))
}

fn too_slow() -> Problem {
    let seconds = IDLE.as_secs();
    let message =
        format!("The file did not arrive: nothing came for {seconds} s, or all of it took too long; send it again.");
    Problem::new(Code::RequestTimeout, message)
}
