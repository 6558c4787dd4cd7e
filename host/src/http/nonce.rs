//! The nonce endpoint (OpenID4VCI 1.0, 7). Anybody may call; nothing is written.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::AppState;
use super::error::ApiError;
use super::issuer::CurrentIssuer;

pub(super) async fn nonce(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
) -> Result<Response, ApiError> {
    let nonce = state.issuance.make_nonce(&issuer).map_err(ApiError::credential)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(json!({"c_nonce": nonce}))).into_response())
}
