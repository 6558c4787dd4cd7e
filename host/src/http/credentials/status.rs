use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::issue::read;
use super::{Backend, invalid, replay_header, time};
use crate::http::AppState;
use crate::http::error::ApiError;
use crate::http::extract::{BackendJson, SmallBackendJson, nested};
use crate::issuance::lifecycle::{Answered, StatusChanged, StatusRequest};

/// What is to be said of a credential from now on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct UpdateCredentialStatusRequestDto {
    credential_id: String,
    #[serde(deserialize_with = "nested")]
    #[schemars(with = "EntryDto")]
    credential_status: EntryDto,
    /// Whether it has the status from now on.
    status: bool,
    /// Taken and left alone: entries are allocated when a credential is issued.
    #[serde(rename = "indexAllocator")]
    _index_allocator: Option<String>,
    /// Why, for the history: at most 500 characters.
    reason: Option<String>,
}

/// The entry that is meant. What is given must be the credential's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct EntryDto {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    /// `revocation`, `suspension` or `refresh`; may be left out where the credential has one entry.
    status_purpose: Option<String>,
    status_list_index: Option<Index>,
    status_list_credential: Option<String>,
}

/// A number, or the same as text.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Index {
    Number(u32),
    Text(String),
}

/// What is said of the credential now.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct CredentialStatusResponseDto {
    credential_id: String,
    /// The issuer's DID.
    issuer_id: String,
    status_list_credential_url: String,
    status_list_index: i64,
    status_purpose: String,
    /// Times are RFC 3339.
    issue_date: String,
    expiration_date: Option<String>,
    credential_type: String,
    status_timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reissued: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
}

/// Changes what a status list says of a credential. Scope `credentials:status`.
pub(in crate::http) async fn status(
    State(state): State<AppState>,
    backend: Backend,
    SmallBackendJson(BackendJson { object, raw }): SmallBackendJson,
) -> Result<Response, ApiError> {
    let Answered { value: changed, replayed } = update(&state, &backend, object, &raw).await?;
    let body = CredentialStatusResponseDto {
        credential_id: changed.credential_id,
        issuer_id: backend.issuer.did.clone(),
        status_list_credential_url: changed.list_url,
        status_list_index: changed.index,
        status_purpose: changed.purpose,
        issue_date: time(changed.issue_date),
        expiration_date: changed.expiration_date.map(time),
        credential_type: changed.credential_type,
        status_timestamp: time(changed.since),
        reissued: changed.reissued.then_some(true),
        warning: changed
            .reissued
            .then_some("the credential was signed again: copies that holders have do not show the status"),
    };
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok(replay_header(replayed, (headers, Json(body)).into_response()))
}

pub(super) async fn update(
    state: &AppState,
    backend: &Backend,
    object: Map<String, Value>,
    raw: &[u8],
) -> Result<Answered<StatusChanged>, ApiError> {
    let request: UpdateCredentialStatusRequestDto = read(object)?;
    let key = backend.idempotency("status", raw)?;
    let request = request.into_request()?;
    let changed = state.issuance.set_status(&backend.issuer, &backend.actor, request, key.as_ref()).await;
    changed.map_err(ApiError::credentials)
}

impl UpdateCredentialStatusRequestDto {
    fn into_request(self) -> Result<StatusRequest, ApiError> {
        let entry = self.credential_status;
        const KINDS: [&str; 2] = ["BitstringStatusListEntry", "StatusList2021Entry"];
        if entry.kind.is_some_and(|kind| !KINDS.contains(&kind.as_str())) {
            return Err(invalid("credentialStatus.type must be BitstringStatusListEntry or StatusList2021Entry"));
        }
        let mut index = entry.status_list_index.map(Index::number).transpose()?;
        let mut list_url = entry.status_list_credential;
        // The entry's own id is its list's URL and the index.
        if let Some((url, fragment)) = entry.id.as_deref().and_then(|id| id.split_once('#')) {
            let said = Index::Text(fragment.to_owned()).number()?;
            if index.is_some_and(|index| index != said) || list_url.as_deref().is_some_and(|list| list != url) {
                return Err(invalid("credentialStatus.id names another entry than its other members"));
            }
            (index, list_url) = (Some(said), Some(url.to_owned()));
        }
        Ok(StatusRequest {
            credential_id: self.credential_id,
            purpose: entry.status_purpose,
            value: self.status,
            list_url,
            index,
            reason: self.reason,
        })
    }
}

impl Index {
    /// Digits alone, without leading zeros: one index, one spelling.
    fn number(self) -> Result<i64, ApiError> {
        match self {
            Self::Number(number) => Ok(number.into()),
            Self::Text(text) => {
                let number: Option<u32> = text.parse().ok();
                let number = number.filter(|number| number.to_string() == text);
                number.map(i64::from).ok_or_else(|| invalid("statusListIndex must be a whole number from 0"))
            }
        }
    }
}
