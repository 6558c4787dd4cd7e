//! The nonce endpoint (OpenID4VCI 1.0, 7). Anybody may call; nothing is written.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::AppState;
use super::error::ApiError;
use super::issuer::CurrentIssuer;

/// OpenID4VCI 1.0, 7.2.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Nonce {
    c_nonce: String,
}

pub(super) async fn nonce(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
) -> Result<Response, ApiError> {
    let c_nonce = state.issuance.make_nonce(&issuer).map_err(ApiError::credential)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(Nonce { c_nonce })).into_response())
}
