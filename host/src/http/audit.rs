//! The audit trail in the admin API. It belongs to the host, which the default issuer runs.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::AppState;
use super::error::{ApiError, Rendering};
use super::issuer::CurrentIssuer;
use crate::audit::status::DeliveryStatus;
use crate::issuance::issuers::DEFAULT_ISSUER;

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Sinks {
    sinks: Vec<DeliveryStatus>,
    /// Names of `audit.required` that are no audit plugins here.
    missing: Vec<String>,
}

/// How far the audit events are at each sink, as this host sees it, and the names of `audit.required` that are no
/// audit plugins here. Scope `audit:read`, of the default issuer.
pub(super) async fn sinks(
    State(state): State<AppState>,
    CurrentIssuer(issuer): CurrentIssuer,
) -> Result<Response, ApiError> {
    if issuer.id != DEFAULT_ISSUER {
        let text = "the audit trail belongs to the host: ask the default issuer's";
        return Err(ApiError::new(StatusCode::FORBIDDEN, Rendering::Problem, "host-only", text));
    }
    let Some(delivery) = state.readiness.audit() else {
        return Ok(Json(Sinks { sinks: Vec::new(), missing: Vec::new() }).into_response());
    };
    let sinks = delivery.sinks().await.map_err(|error| ApiError::admin(error.into()))?;
    Ok(Json(Sinks { sinks, missing: delivery.missing().into_iter().map(str::to_owned).collect() }).into_response())
}
