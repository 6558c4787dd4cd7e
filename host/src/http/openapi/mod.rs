//! The HTTP surface as an OpenAPI 3.1 document, and as a page. Routes, access and mounts come from the route table,
//! schemas from the types that handlers read and write; what only a person can say stands in `operations/`. Tests hold
//! every answer of the router against the document.

mod document;
mod operation;
mod operations;
mod page;
mod shapes;

use std::sync::LazyLock;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::error::ApiError;
use super::issuer::CurrentIssuer;
use super::pages;

pub(super) use shapes::{CredentialOffer, DidDocument, JwkSet};

static DOCUMENT: LazyLock<Value> = LazyLock::new(document::build);

/// The document of a host whose default issuer has this URL.
pub fn document(url: &str) -> Value {
    document::served_at(DOCUMENT.clone(), url)
}

/// The OpenAPI 3.1 document. Anybody may read it.
pub(super) async fn json(CurrentIssuer(issuer): CurrentIssuer) -> Response {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(document(&issuer.url))).into_response()
}

/// The same as a page. Anybody may read it.
pub(super) async fn page(CurrentIssuer(issuer): CurrentIssuer) -> Result<Response, ApiError> {
    pages::page(StatusCode::OK, "docs.html", &page::view(&document(&issuer.url)))
}
