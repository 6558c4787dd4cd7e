//! Which issuer a request is for: the one in its path, else the default one.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::AppState;
use super::error::{ApiError, Rendering};
use crate::issuance::issuers::{DEFAULT_ISSUER, Issuer};

pub(super) struct CurrentIssuer(pub Arc<Issuer>);

impl FromRequestParts<AppState> for CurrentIssuer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let rendering = parts.extensions.get::<Rendering>().copied().unwrap_or(Rendering::Problem);
        let unknown = || ApiError::not_found(rendering, "there is no such issuer");
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| {
            let code = if rendering == Rendering::OAuth { "invalid_request" } else { "invalid-request" };
            ApiError::new(StatusCode::BAD_REQUEST, rendering, code, "the path is not percent-encoded UTF-8")
        })?;
        let id = params.iter().find(|(name, _)| *name == "issuer").map_or(DEFAULT_ISSUER, |(_, id)| id);
        // The default issuer has one URL only: its identifier must not be served at two places.
        let named_default = id == DEFAULT_ISSUER && params.iter().any(|(name, _)| name == "issuer");
        let issuer = state.issuers.get(id).filter(|_| !named_default);
        issuer.map(Self).ok_or_else(unknown)
    }
}

pub(super) async fn not_found() -> ApiError {
    ApiError::not_found(Rendering::Problem, "there is nothing at this path")
}

pub(super) async fn method_not_allowed() -> ApiError {
    ApiError::method_not_allowed()
}
