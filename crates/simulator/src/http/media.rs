//! `POST /{phone_number_id}/media`, `GET` and `DELETE /{media_id}`, and the address of a file.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::graph;
use crate::graph_error::GraphError;
use crate::media::{File, KEPT_BYTES, most_bytes};
use crate::state::State;

/// Before the id in the address of a file.
pub(super) const FILES: &str = "_media";

pub(super) async fn upload(state: &State, phone_number_id: &str, request: Request) -> Response {
    let refusal = {
        let mut referee = state.referee();
        if !referee.config().accepts_token(graph::bearer(request.headers())) {
            Some(GraphError::invalid_token())
        } else if referee.number(phone_number_id).is_none() {
            Some(GraphError::unknown_object("post", phone_number_id))
        } else {
            None
        }
    };
    let read = match refusal {
        Some(refused) => Err(refused),
        None => read(phone_number_id, request).await,
    };
    let mut referee = state.referee();
    match read {
        Ok(mut file) => {
            file.until_ns = state.clock.now_ns() + referee.config().media.upload_ms * 1_000_000;
            let shelf = referee.media();
            shelf.report.uploaded += 1;
            shelf.report.bytes += file.size;
            let id = shelf.put(file);
            drop(referee);
            state.note_change();
            graph::json(StatusCode::OK, &json!({ "id": id }))
        }
        Err(refused) => {
            referee.media().report.refused += 1;
            drop(referee);
            state.note_change();
            graph::error(&refused)
        }
    }
}

/// Reads the form; of the file no more is kept than may be given out again.
async fn read(phone_number_id: &str, request: Request) -> Result<File, GraphError> {
    let broken = || GraphError::invalid("The form cannot be read.");
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| broken())?;
    let mut product = None;
    while let Some(mut field) = form.next_field().await.map_err(|_| broken())? {
        match field.name() {
            Some("messaging_product") => product = Some(field.text().await.map_err(|_| broken())?),
            Some("file") => {
                if product.as_deref() != Some("whatsapp") {
                    return Err(GraphError::invalid("The parameter messaging_product is required."));
                }
                let mime = field.content_type().unwrap_or_default().to_owned();
                let most = most_bytes(&mime).ok_or_else(|| {
                    GraphError::invalid(format!(
                        "Param file must be a file with one of the supported types, got {mime}"
                    ))
                })?;
                let (mut size, mut hash, mut content) = (0_u64, Sha256::new(), Vec::new());
                while let Some(piece) = field.chunk().await.map_err(|_| broken())? {
                    size += piece.len() as u64;
                    hash.update(&piece);
                    if content.len() + piece.len() <= KEPT_BYTES {
                        content.extend_from_slice(&piece);
                    }
                }
                if size == 0 || size > most {
                    return Err(
                        GraphError::of(131_053).with_details(format!("The file has {size} bytes, {most} are allowed."))
                    );
                }
                return Ok(File {
                    phone_number_id: phone_number_id.to_owned(),
                    mime,
                    size,
                    sha256: HEXLOWER.encode(&hash.finalize()),
                    until_ns: 0,
                    content: (content.len() as u64 == size).then(|| content.into()),
                });
            }
            _ => {}
        }
    }
    Err(GraphError::missing("file"))
}

/// A file as a node, when there is one of this id.
pub(super) fn node(state: &State, id: &str, phone_number_id: Option<&str>, headers: &HeaderMap) -> Option<Value> {
    let mut referee = state.referee();
    let now_ns = state.clock.now_ns();
    let until_ns = now_ns + referee.config().media.url_ms * 1_000_000;
    let file = referee.media().find(id, phone_number_id, now_ns)?;
    let host = headers.get(header::HOST)?.to_str().ok()?;
    Some(json!({
        "messaging_product": "whatsapp",
        "url": format!("http://{host}/{FILES}/{id}?until={until_ns}"),
        "mime_type": file.mime,
        "sha256": file.sha256,
        "file_size": file.size.to_string(),
        "id": id,
    }))
}

/// The bytes behind an address, while it is valid.
pub(super) fn bytes(state: &State, id: &str, request: &Request) -> Response {
    let mut referee = state.referee();
    let now_ns = state.clock.now_ns();
    let until_ns = request
        .uri()
        .query()
        .and_then(|query| query.strip_prefix("until=")?.parse::<u64>().ok());
    let known = graph::bearer(request.headers()).is_some_and(|token| referee.config().accepts_token(Some(token)));
    let valid = known && until_ns.is_some_and(|until| now_ns < until);
    let found = valid.then(|| referee.media().find(id, None, now_ns).cloned()).flatten();
    let Some(content) = found.as_ref().and_then(|file| file.content.clone()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    referee.media().report.downloaded += 1;
    let mime = found.map(|file| file.mime).unwrap_or_default();
    ([(header::CONTENT_TYPE, mime)], Body::from(content)).into_response()
}

pub(super) fn delete(state: &State, id: &str, request: &Request) -> Response {
    let mut referee = state.referee();
    if !referee.config().accepts_token(graph::bearer(request.headers())) {
        return graph::error(&GraphError::invalid_token());
    }
    if referee.media().remove(id) {
        graph::json(StatusCode::OK, &json!({ "success": true }))
    } else {
        graph::error(&GraphError::unknown_object("delete", id))
    }
}

/// A file that a user sent.
pub(crate) fn of_user(phone_number_id: &str, mime: &str, content: Bytes) -> File {
    File {
        phone_number_id: phone_number_id.to_owned(),
        mime: mime.to_owned(),
        size: content.len() as u64,
        sha256: HEXLOWER.encode(&Sha256::digest(&content)),
        until_ns: 0,
        content: Some(content),
    }
}
