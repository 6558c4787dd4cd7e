//! The issuer's part of VCALM 1.0 (the former VC-API): the same use cases, with its own answers.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chancery_credential::status::Purpose;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::issue::{VerifiableCredential, handed_in, read as read_body};
use super::status::update;
use super::stored::{conditional, deleted};
use super::{Backend, CredentialName, Query, invalid, replay_header, verifiable};
use crate::http::AppState;
use crate::http::error::ApiError;
use crate::http::extract::{BackendJson, SmallBackendJson};
use crate::issuance::error::Error;
use crate::issuance::lifecycle::Answered;
use crate::status::{Lookup, Representation};

const MOUNT: &str = "/vcalm";

/// Signs a credential and stores it (3.2.1). Scope `credentials:issue`.
pub(in crate::http) async fn issue(
    State(state): State<AppState>,
    backend: Backend,
    BackendJson { object, raw }: BackendJson,
) -> Result<Response, ApiError> {
    handed_in(&state, &backend, object, &raw, MOUNT).await
}

/// Reads a stored credential (3.2.2). Scope `credentials:read`.
pub(in crate::http) async fn read(
    State(state): State<AppState>,
    backend: Backend,
    CredentialName(name): CredentialName,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let stored = state.issuance.stored_credential(&backend.issuer, &name).await.map_err(ApiError::credentials)?;
    let body = VerifiableCredential { verifiable_credential: verifiable(&stored.record.format, &stored.credential)? };
    Ok(conditional(&headers, state.clock.now(), stored.record.updated_time, &body))
}

/// Changes what a status list says of a credential (3.2.4). Scope `credentials:status`.
pub(in crate::http) async fn status(
    State(state): State<AppState>,
    backend: Backend,
    SmallBackendJson(BackendJson { object, raw }): SmallBackendJson,
) -> Result<Response, ApiError> {
    let Answered { replayed, .. } = update(&state, &backend, object, &raw).await?;
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok(replay_header(replayed, (headers, Json(json!({}))).into_response()))
}

/// Deletes a credential (3.2.3), as `DELETE /credentials/{id}` does. Scope `credentials:delete`.
pub(in crate::http) async fn delete(
    State(state): State<AppState>,
    backend: Backend,
    name: CredentialName,
    query: Query,
) -> Result<Response, ApiError> {
    deleted(&state, &backend, name, &query).await?;
    Ok((StatusCode::ACCEPTED, [(header::CACHE_CONTROL, "no-store")]).into_response())
}

/// A status list to be opened (3.2.5). Lists open by themselves as credentials need entries; this opens one more.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct NewStatusList {
    /// `revocation`, `suspension` or `refresh`.
    status_purpose: String,
    /// Refused: the host names its lists itself.
    id: Option<String>,
    /// No option is known.
    options: Option<Map<String, Value>>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct OpenedStatusList {
    /// The list's URL.
    id: String,
    verifiable_credential: Value,
}

/// Opens a status list and publishes it (3.2.5). Scope `credentials:status`.
pub(in crate::http) async fn open_list(
    State(state): State<AppState>,
    backend: Backend,
    SmallBackendJson(BackendJson { object, .. }): SmallBackendJson,
) -> Result<Response, ApiError> {
    let new: NewStatusList = read_body(object)?;
    if let Some(name) = new.options.as_ref().and_then(|options| options.keys().next()) {
        return Err(ApiError::credentials(Error::UnknownOption(name.clone())));
    }
    if new.id.is_some() {
        return Err(invalid("id: the host names its status lists itself"));
    }
    let purpose = Purpose::from_name(&new.status_purpose).filter(|purpose| *purpose != Purpose::Message);
    let purpose = purpose.ok_or_else(|| invalid("statusPurpose must be revocation, suspension or refresh"))?;
    let opened = state.status.open(&backend.issuer, &[purpose], &backend.actor).await.map_err(ApiError::credentials)?;
    let lost = || ApiError::credentials(Error::broken("the status list cannot be read", "it has no URL"));
    let url = opened.into_iter().next().ok_or_else(lost)?.url;
    let list = url.rsplit_once('/').map_or("", |(_, list)| list).to_owned();
    let found = state.status.document(&backend.issuer, &list, Representation::DataIntegrity, None).await;
    let Lookup::Found(document) = found.map_err(ApiError::credentials)? else { return Err(lost()) };
    let unreadable = |e| ApiError::credentials(Error::broken("the status list cannot be read", e));
    let verifiable_credential = serde_json::from_slice(&document.body).map_err(unreadable)?;
    let location = format!("{}{MOUNT}/status-lists/{list}", backend.issuer.url);
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::CREATED, headers, Json(OpenedStatusList { id: url, verifiable_credential })).into_response())
}
