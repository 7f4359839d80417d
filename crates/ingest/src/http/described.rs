//! `GET /openapi.json`: what there is, for people's tools.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;

use crate::openapi::schema::anything;
use crate::openapi::{Operation, Routes};

/// It never changes while a process lives.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| super::document().to_string());

pub(super) fn routes() -> Routes {
    Routes::new().on(
        Operation::get("/openapi.json", "getOpenApi", "This document")
            .tag("About")
            .answer(200, "OpenAPI 3.1.", anything()),
        openapi,
    )
}

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}
