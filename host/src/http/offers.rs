//! Credential offers by reference (OpenID4VCI 1.0, 4.1.3). Whoever knows the unguessable URL may read it.

use axum::Json;
use axum::extract::{RawPathParams, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::AppState;
use super::error::{ApiError, Rendering};
use super::issuer::CurrentIssuer;

pub(super) async fn by_reference(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
    params: RawPathParams,
) -> Result<Response, ApiError> {
    let id = params.iter().find(|(name, _)| *name == "offer").map_or("", |(_, id)| id);
    let offer = state.issuance.credential_offer(&issuer, id).await.map_err(ApiError::admin)?;
    let gone = || ApiError::not_found(Rendering::OAuth, "there is no such offer, or it was taken or has expired");
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((headers, Json(offer.ok_or_else(gone)?)).into_response())
}
